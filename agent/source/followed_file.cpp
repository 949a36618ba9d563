// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/followed_file.hpp"

#include <algorithm>

#include "source/file_look.hpp"

namespace coturn_guard {
namespace {

// What one line says of another reaches: attackers' texts 1 KiB, announcements some lines.
constexpr std::uint64_t kLearntBytes = 65'536;

}  // namespace

FollowedFile::FollowedFile(UniqueFd fd, std::string path, StreamId stream, const FileFacts& facts)
    : fd_(std::move(fd)), path_(std::move(path)), stream_(stream), facts_(facts) {}

Result<std::unique_ptr<FollowedFile>> FollowedFile::adopt(UniqueFd fd, std::string path, StreamId stream,
                                                          const std::optional<FilePosition>& known,
                                                          bool from_end) {
  const auto facts = look_at(fd.get(), path);
  if (!facts) return tl::make_unexpected(facts.error());
  std::unique_ptr<FollowedFile> file(new FollowedFile(std::move(fd), std::move(path), stream, *facts));
  std::uint64_t offset = from_end ? facts->size : 0;
  if (known) {
    const auto before = file->bytes_before(known->offset);
    if (!before) return tl::make_unexpected(before.error());
    offset = offset_to_begin(known, *facts, before->view());
  }
  const auto before = file->bytes_before(offset);
  if (!before) return tl::make_unexpected(before.error());
  if (before->size() < std::min<std::uint64_t>(offset, kFingerprintBytes))
    return file;  // truncated meanwhile
  file->before_ = *before;
  file->splitter_.begin(offset, before->size() > 0 && before->view().back() != '\n');
  return file;
}

Result<Fingerprint> FollowedFile::bytes_before(std::uint64_t offset) const {
  std::array<char, kFingerprintBytes> bytes;
  const auto back = std::min<std::uint64_t>(offset, bytes.size());
  const auto got = ::pread(fd_.get(), bytes.data(), back, static_cast<off_t>(offset - back));
  if (got < 0) return fail(errno, "read {}", path_);
  Fingerprint before;
  before.append({bytes.data(), static_cast<std::size_t>(got)});
  return before;
}

FollowedFile::Format FollowedFile::look_at_format(std::string_view fresh) const {
  std::array<char, kDockerLogBegins.size()> bytes{};
  std::string_view begin = fresh.substr(0, bytes.size());
  if (offset() > 0) {
    const auto got = ::pread(fd_.get(), bytes.data(), bytes.size(), 0);
    begin = {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  if (begin == kDockerLogBegins) return Format::docker;
  return offset() == 0 && kDockerLogBegins.starts_with(begin) ? Format::unknown : Format::plain;
}

Result<> FollowedFile::read_again(std::uint64_t counted, std::vector<std::uint64_t> waiting) {
  const std::uint64_t oldest = waiting.empty() ? counted : std::min(counted, waiting.front());
  const std::uint64_t from = oldest - std::min(oldest, kLearntBytes);
  const auto before = bytes_before(from);
  if (!before) return tl::make_unexpected(before.error());
  earlier_ = position();
  before_ = *before;
  splitter_.begin(from, from > 0 && (before->size() == 0 || before->view().back() != '\n'));
  known_until_ = counted;
  again_ = std::move(waiting);
  return {};
}

void FollowedFile::begin_anew(StreamId stream) {
  known_until_ = 0;
  again_.clear();
  earlier_ = {};
  stream_ = stream;
  before_.clear();
  splitter_.begin(0, false);
  format_ = Format::unknown;
  docker_.begin();
}

bool FollowedFile::changed() {
  const auto facts = look_at(fd_.get(), path_);
  if (!facts) return true;  // the read will say why
  const bool written = facts->modified_nanoseconds != facts_.modified_nanoseconds;
  facts_.modified_nanoseconds = facts->modified_nanoseconds;
  facts_.size = facts->size;
  return written || facts_.size != offset();
}

std::uint64_t FollowedFile::lag_bytes() const {
  const auto facts = look_at(fd_.get(), path_);
  return facts && facts->size > offset() ? facts->size - offset() : 0;
}

}  // namespace coturn_guard
