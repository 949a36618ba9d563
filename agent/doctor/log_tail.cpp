// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/log_tail.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "detect/record.hpp"
#include "source/docker_log.hpp"
#include "source/file_look.hpp"
#include "source/journal_reader.hpp"
#include "source/line_splitter.hpp"

namespace coturn_guard::doctor {
namespace {

constexpr std::uint64_t kTailBytes = 4'194'304;

Result<std::string> read_at(const UniqueFd& fd, std::uint64_t offset, std::size_t bytes,
                            const std::string& path) {
  std::string text(bytes, '\0');
  const auto got = ::pread(fd.get(), text.data(), bytes, static_cast<off_t>(offset));
  if (got < 0) return fail(errno, "read {}", path);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

void keep_last(std::vector<std::string>& lines) {
  if (lines.size() > kTailLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kTailLines));
}

}  // namespace

Result<std::vector<std::string>> last_lines(const std::string& path) {
  const auto fd = open_regular(path);
  if (!fd) return tl::make_unexpected(fd.error());
  struct stat facts {};
  if (::fstat(fd->get(), &facts) < 0) return fail(errno, "look at {}", path);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const auto begin = size > kTailBytes ? size - kTailBytes : 0;
  const auto head = read_at(*fd, 0, kDockerLogBegins.size(), path);
  if (!head) return tl::make_unexpected(head.error());
  const auto text = read_at(*fd, begin, kTailBytes, path);
  if (!text) return tl::make_unexpected(text.error());
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line, std::uint64_t) {
    lines.emplace_back(line);
    return true;
  };
  LineSplitter splitter;
  splitter.begin(begin, begin > 0);
  DockerLog docker;
  if (*head == kDockerLogBegins) {
    splitter.allow(kMaxDockerLineBytes);
    splitter.feed(*text,
                  [&](std::string_view line, std::uint64_t at) { return docker.take(line, at, keep); });
  } else {
    splitter.feed(*text, keep);
  }
  keep_last(lines);
  return lines;
}

Result<std::vector<std::string>> last_entries(const std::vector<std::string>& units,
                                              JournalTransport transport) {
  JournalReader reader(units, transport);
  if (auto opened = reader.open(false); !opened) return tl::make_unexpected(opened.error());
  if (auto gone = reader.go_back(kTailLines); !gone) return tl::make_unexpected(gone.error());
  std::vector<std::string> lines;
  for (JournalEntry entry; lines.size() < kTailLines;) {
    const auto got = reader.next(entry);
    if (!got) return tl::make_unexpected(got.error());
    if (!*got) break;
    if (entry.suppressed > 0) continue;
    make_one_line(entry.message);
    lines.push_back(entry.message);
  }
  return lines;
}

LogTail look_at_lines(const std::vector<std::string>& lines, const RuleSet& rules,
                      const TimeFormat& timestamp_format) {
  LogTail tail;
  std::map<Address, std::uint64_t> clients;
  for (const auto& line : lines) {
    ++tail.lines;
    if (const auto version = CoturnVersion::of_banner(line)) tail.version = version;
    const auto record = parse_record(line, timestamp_format);
    if (!record) continue;
    ++tail.recognised;
    if (record->format.family != RecordFamily::level)
      if (const auto text = rules.forgeable(record->message); text && !text->usual && text->tail.empty())
        ++tail.hostile_texts;
    const auto event = rules.match(record->message, record->session);
    if (!event || !event->client) continue;
    ++tail.clients;
    const auto count = ++clients[event->client->address];
    if (count <= tail.most_frequent) continue;
    tail.most_frequent = count;
    tail.address = event->client->address.to_string();
  }
  return tail;
}

}  // namespace coturn_guard::doctor
