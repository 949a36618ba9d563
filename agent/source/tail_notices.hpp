// SPDX-License-Identifier: GPL-3.0-or-later
// What the operator reads about followed files: each sentence stands here once, with what to do about it. It
// asks the file system why something failed, but neither says anything (the caller does, once per change) nor
// decides whether it is to be said.
#pragma once

#include <cstdint>
#include <string>

#include "source/file_look.hpp"
#include "source/source.hpp"
#include "util/result.hpp"

namespace coturn_guard::tail_notice {

[[nodiscard]] SourceNotice no_inotify(const Error& error);
[[nodiscard]] SourceNotice directory_not_watched(const std::string& path, const Error& error);

// source.rotated where another file stood under the name before, else source.following.
[[nodiscard]] SourceNotice following(const std::string& path, std::uint64_t offset, std::uint64_t counted,
                                     bool rotated);
// A file that an earlier run read so far is neither under its name nor beside it.
[[nodiscard]] SourceNotice missing(const std::string& path, std::uint64_t offset);
[[nodiscard]] SourceNotice truncated(const std::string& path);
[[nodiscard]] SourceNotice read_failed(const std::string& path, int error);

[[nodiscard]] SourceNotice writer_on_old_file(const std::string& name);
[[nodiscard]] SourceNotice old_file_closed(const std::string& path);

// Nothing stands there: not yet, or not between two steps of a rotation.
[[nodiscard]] bool is_missing(const Error& error);
// Why no file could be opened under a name: source.waiting, source.unreadable or source.wrong_kind. `path` is
// the one that was tried; with a glob it is one of its matches.
[[nodiscard]] SourceNotice refused(const NamePattern& name, const std::string& path, const Error& error);

}  // namespace coturn_guard::tail_notice
