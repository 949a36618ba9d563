// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/tail_notices.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace coturn_guard::tail_notice {

using Level = SourceNotice::Level;

SourceNotice no_inotify(const Error& error) {
  return {Level::warning, "source.no_inotify", "", error.message() + "; files are looked at once a second",
          "raise fs.inotify.max_user_instances"};
}

SourceNotice directory_not_watched(const std::string& path, const Error& error) {
  return {Level::warning, "source.no_inotify", path, error.message() + "; it is looked at once a second",
          error.code.value() == ENOSPC ? "raise fs.inotify.max_user_watches" : ""};
}

SourceNotice following(const std::string& path, std::uint64_t offset, std::uint64_t counted, bool rotated) {
  std::string text = offset == 0 ? "from its beginning" : fmt::format("from byte {}", offset);
  if (counted > offset)
    text += fmt::format("; what an earlier run counted, up to byte {}, is only read again", counted);
  return {Level::info, rotated ? "source.rotated" : "source.following", path, std::move(text), {}};
}

SourceNotice missing(const std::string& path, std::uint64_t offset) {
  return {
      Level::warning, "source.missing", path,
      fmt::format("the file that was read up to byte {} is gone; how many bytes were written to it since is "
                  "not known, and what they told is lost",
                  offset),
      "let logrotate keep the last file uncompressed (delaycompress)"};
}

SourceNotice truncated(const std::string& path) {
  return {Level::info, "source.truncated", path, "it is read from its beginning", {}};
}

SourceNotice read_failed(const std::string& path, int error) {
  return {Level::error, "source.read_failed", path, std::generic_category().message(error), {}};
}

SourceNotice writer_on_old_file(const std::string& name) {
  return {Level::warning, "source.writer_on_old_file", name,
          "coturn still writes to the file that was renamed or deleted, and the new one is empty; both are "
          "read",
          "logrotate must tell coturn to reopen its log (postrotate: systemctl kill -s HUP coturn; only with "
          "log-file, never with syslog) or use copytruncate"};
}

SourceNotice old_file_closed(const std::string& path) {
  return {Level::warning, "source.old_file_closed", path,
          fmt::format(
              "more than {} renamed files are open and the new one is empty; the oldest is no longer read",
              kMaxOldFiles),
          "logrotate must tell coturn to reopen its log, or use copytruncate"};
}

bool is_missing(const Error& error) {
  return error.code.value() == ENOENT || error.code.value() == ENOTDIR;
}

SourceNotice refused(const NamePattern& name, const std::string& path, const Error& error) {
  if (is_missing(error)) {
    const bool no_directory = !look_at(name.directory);
    return {Level::warning, "source.waiting", path,
            no_directory ? "its directory does not exist yet; waiting for it"
                         : "it does not exist yet; waiting for it",
            "if coturn logs elsewhere (syslog is Debian's default), set log_file or coturn's log-file and "
            "simple-log"};
  }
  const int code = error.code.value();
  if (code == EACCES || code == EPERM) {
    auto refusal = explain_refusal(path);
    return {Level::error, "source.unreadable", path, std::move(refusal.text), std::move(refusal.remedy)};
  }
  if (code == EINVAL) {
    return {Level::error, "source.wrong_kind", path, "it is no regular file",
            "set log_file to the file that coturn writes"};
  }
  return {Level::error, "source.unreadable", path, error.message(), {}};
}

}  // namespace coturn_guard::tail_notice
