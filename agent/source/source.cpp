// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/source.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "source/file_tail.hpp"
#include "source/journal.hpp"

namespace coturn_guard {
namespace {

struct Kind {
  std::string_view what;
  Result<std::unique_ptr<LineSource>> (*make)(boost::asio::io_context&, const std::vector<std::string>&, bool,
                                              SourceEvents);
};

// A new source is one row here and one file beside this one.
constexpr std::array kKinds{
    Kind{"file", &make_file_tail},
    Kind{"journal", &make_journal},
    Kind{"journal-output", &make_journal_output},
};

}  // namespace

void SourceEvents::fill_in() {
  if (!line) line = [](const Line&, const Now&) {};
  if (!batch_end) batch_end = [](const Now&) {};
  if (!stream_ended) stream_ended = [](StreamId) {};
  if (!notice) notice = [](const SourceNotice&) {};
}

Result<std::unique_ptr<LineSource>> make_source(boost::asio::io_context& io, const std::string& what,
                                                const std::vector<std::string>& names, bool from_start,
                                                SourceEvents events) {
  for (const auto& kind : kKinds) {
    if (kind.what == what) return kind.make(io, names, from_start, std::move(events));
  }
  return fail("log source \"{}\" is not known", what);
}

}  // namespace coturn_guard
