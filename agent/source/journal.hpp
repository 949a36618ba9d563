// SPDX-License-Identifier: GPL-3.0-or-later
// Follows coturn's messages in systemd's journal: the only log that Debian's coturn has as it is installed,
// and the better one, because each record is an entry: no newline of an attacker's ends it. journald wakes us
// by inotify, at most a quarter of a second after it wrote (it gathers its notifications); tick() looks
// again. Who is believed is said in journal_reader.hpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "source/source.hpp"

namespace coturn_guard {

// `units`: coturn's, as "coturn.service". That the journal is not there or must not be read is no failure: it
// is told by a notice and tried again each second.
[[nodiscard]] Result<std::unique_ptr<LineSource>> make_journal(boost::asio::io_context& io,
                                                               const std::vector<std::string>& units,
                                                               bool from_start, SourceEvents events);
// The same for a coturn whose standard output ends in the journal (`log-file=stdout` under systemd). journald
// ends an entry at each newline there, so what an attacker wrote can stand in one of its own (no
// Line::whole); and coturn sends it in blocks of 4096 bytes, so it comes late (never Line::fresh).
[[nodiscard]] Result<std::unique_ptr<LineSource>> make_journal_output(boost::asio::io_context& io,
                                                                      const std::vector<std::string>& units,
                                                                      bool from_start, SourceEvents events);

}  // namespace coturn_guard
