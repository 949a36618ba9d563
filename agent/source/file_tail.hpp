// SPDX-License-Identifier: GPL-3.0-or-later
// Follows files by name through all their rotations: inotify wakes, pread fetches, tick() once a second looks
// again at what no event tells. What a rotation means is decided in rotation.hpp; what a line means is
// nobody's business here. It has no timer and no thread of its own: while nothing is written it does not wake
// up.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "source/source.hpp"

namespace coturn_guard {

// Fails where a name cannot be followed at all (no file part, a glob in a directory part). A file that is not
// there yet or cannot be read is no failure: it is told by a notice and looked for each second.
[[nodiscard]] Result<std::unique_ptr<LineSource>> make_file_tail(boost::asio::io_context& io,
                                                                 const std::vector<std::string>& names,
                                                                 bool from_start, SourceEvents events);

}  // namespace coturn_guard
