// SPDX-License-Identifier: GPL-3.0-or-later
// One open log file and how far it was read. Each read begins some bytes before our place and compares
// them with what stood there: the one system call that fetches new bytes also proves that it is still the
// file we know. It does not decide what becomes of the file; file_tail.cpp does, by rotation.hpp.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/flow.hpp"
#include "source/docker_log.hpp"
#include "source/line_splitter.hpp"
#include "source/rotation.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

inline constexpr std::size_t kTurnBytes = 65'536;  // read at most so much before others get their turn
inline constexpr std::uint64_t kSmallestPageBytes = 4096;  // larger pages end where these do

class FollowedFile {
 public:
  using Block = std::array<char, kFingerprintBytes + kTurnBytes>;
  enum class Turn : std::uint8_t {
    more,        // there may be more, or on_line said stop
    drained,     // the end of what is written
    began_anew,  // truncated; nothing was handed over: call begin_anew() and read again
    failed,      // last_error() says why
  };

  // Takes an open regular file. `known`: how far an earlier file with this device and inode was read, if
  // there was one; otherwise it begins at the end or at the beginning.
  [[nodiscard]] static Result<std::unique_ptr<FollowedFile>> adopt(UniqueFd fd, std::string path,
                                                                   StreamId stream,
                                                                   const std::optional<FilePosition>& known,
                                                                   bool from_end);

  // One turn: at most kTurnBytes, whole lines to `on_line` as in LineSplitter::feed, which says whether to go
  // on. Of a Docker log they are the container's lines, and their offsets count its bytes. `block` is scratch
  // room, shared.
  template <class OnLine>
  Turn read(Block& block, OnLine&& on_line);
  void begin_anew(StreamId stream);
  // Goes back to before the oldest of `waiting` (sorted), and further, so that what stands there says what
  // the next lines are. Lines before `counted` are known but for those that waited.
  [[nodiscard]] Result<> read_again(std::uint64_t counted, std::vector<std::uint64_t> waiting);
  // Of those, which have not been read again yet.
  [[nodiscard]] std::vector<std::uint64_t> still_waiting() const {
    return {std::lower_bound(again_.begin(), again_.end(), splitter_.line_begin()), again_.end()};
  }
  // Of the line at hand, in on_line: where it begins in the file, and whether it is known.
  [[nodiscard]] std::uint64_t place() const { return place_; }
  [[nodiscard]] bool is_known() const {
    return place_ < known_until_ && !std::binary_search(again_.begin(), again_.end(), place_);
  }
  // And whether the file ended right behind it when it was read. Not told where the end is one at which a
  // write can be seen in part: the kernel copies a write page by page and moves the file's end after each.
  [[nodiscard]] bool ends_file() const { return ends_file_; }
  // Behind the last line that was handed over.
  [[nodiscard]] std::uint64_t counted() const { return std::max(splitter_.line_begin(), known_until_); }

  // Asks the kernel; true where a read is due: more or less bytes than we have read, or written to since the
  // last call.
  [[nodiscard]] bool changed();
  [[nodiscard]] std::uint64_t lag_bytes() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] StreamId stream() const { return stream_; }
  [[nodiscard]] const FileIdentity& identity() const { return facts_.identity; }
  [[nodiscard]] std::int64_t modified_nanoseconds() const { return facts_.modified_nanoseconds; }
  [[nodiscard]] std::uint64_t offset() const { return splitter_.offset(); }
  // As far as bytes were read, now or by an earlier run.
  [[nodiscard]] FilePosition position() const {
    return offset() < earlier_.offset ? earlier_ : FilePosition{facts_.identity, offset(), before_};
  }
  // Since the file was opened.
  [[nodiscard]] std::uint64_t overlong() const { return splitter_.overlong() + docker_.overlong(); }
  [[nodiscard]] std::uint64_t nul_bytes() const { return splitter_.nul_bytes(); }
  [[nodiscard]] std::uint64_t undecoded() const { return docker_.undecoded(); }
  // When Docker read the last line, where it keeps the file; else 0.
  [[nodiscard]] std::int64_t written_milli() const {
    return format_ == Format::docker ? docker_.written_milli() : 0;
  }
  [[nodiscard]] int last_error() const { return last_error_; }

 private:
  FollowedFile(UniqueFd fd, std::string path, StreamId stream, const FileFacts& facts);
  enum class Format : std::uint8_t { unknown, plain, docker };
  [[nodiscard]] Result<Fingerprint> bytes_before(std::uint64_t offset) const;
  // From the file's first bytes, of which `fresh` are the next; unknown while there are too few of them.
  [[nodiscard]] Format look_at_format(std::string_view fresh) const;

  UniqueFd fd_;
  std::string path_;
  StreamId stream_;
  FileFacts facts_;  // as last asked
  LineSplitter splitter_;
  Format format_ = Format::unknown;
  DockerLog docker_;
  Fingerprint before_;
  std::uint64_t place_ = 0;
  bool ends_file_ = false;
  std::uint64_t known_until_ = 0;
  std::vector<std::uint64_t> again_;
  FilePosition earlier_;  // before read_again()
  int last_error_ = 0;
};

template <class OnLine>
FollowedFile::Turn FollowedFile::read(Block& block, OnLine&& on_line) {
  const std::size_t back = before_.size();
  const std::size_t wanted = back + kTurnBytes;
  const auto got = ::pread(fd_.get(), block.data(), wanted, static_cast<off_t>(offset() - back));
  if (got < 0) {
    last_error_ = errno;
    return last_error_ == EINTR ? Turn::more : Turn::failed;
  }
  const auto fresh = fresh_bytes(before_, {block.data(), static_cast<std::size_t>(got)});
  if (!fresh) return Turn::began_anew;
  if (format_ == Format::unknown && !fresh->empty()) {
    format_ = look_at_format(*fresh);
    if (format_ == Format::unknown) return Turn::drained;
    splitter_.allow(format_ == Format::docker ? kMaxDockerLineBytes : kMaxLineBytes);
  }
  const std::uint64_t end = static_cast<std::size_t>(got) < wanted ? offset() + fresh->size() : 0;
  const bool whole = end % kSmallestPageBytes != 0;
  const auto on_docker_line = [&](std::string_view line, std::uint64_t at) {
    place_ = at;
    ends_file_ = false;
    return docker_.take(line, at, on_line);
  };
  const auto on_plain_line = [&](std::string_view line, std::uint64_t at) {
    place_ = at;
    ends_file_ = whole && at + line.size() + 1 == end;  // else a CR was taken away, or more stands behind it
    return on_line(line, at);
  };
  const std::size_t taken = format_ == Format::docker ? splitter_.feed(*fresh, on_docker_line)
                                                      : splitter_.feed(*fresh, on_plain_line);
  before_.append(fresh->substr(0, taken));
  return taken < fresh->size() || static_cast<std::size_t>(got) == wanted ? Turn::more : Turn::drained;
}

}  // namespace coturn_guard
