// SPDX-License-Identifier: GPL-3.0-or-later
// What the operator reads about the followed journal: each sentence stands here once, with what to do about
// it. When it is to be said is journal.cpp's business.
#pragma once

#include <cstdint>
#include <string>

#include "source/journal_reader.hpp"
#include "source/source.hpp"

namespace coturn_guard::journal_notice {

// `again`: so many entries come first that an earlier run counted.
[[nodiscard]] SourceNotice following(const std::string& units, JournalTransport transport,
                                     std::uint64_t again);
[[nodiscard]] SourceNotice forbidden();
[[nodiscard]] SourceNotice absent();
[[nodiscard]] SourceNotice failed(const Error& error);
// journald left out `messages` of coturn's because there were too many at once.
[[nodiscard]] SourceNotice suppressed(const std::string& units, std::uint64_t messages);

}  // namespace coturn_guard::journal_notice
