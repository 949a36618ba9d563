// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/allow_files.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace coturn_guard {
namespace {

// Several files written one after the other are read once.
constexpr std::chrono::milliseconds kGather{100};

// A finished writing, and names that come and go.
constexpr std::uint32_t kComplete =
    IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;

NamePattern lists_in(const std::string& directory) {
  return {.directory = directory, .name = "*.list", .is_glob = true};
}

std::vector<Sighting> list_files(const std::string& directory, Problems& problems) {
  std::size_t ignored = 0;
  auto found = list_matches(lists_in(directory), AllowContents::kMostFiles, ignored);
  if (!found) {
    const auto& code = found.error().code;
    if (code != std::errc::no_such_file_or_directory && code != std::errc::not_a_directory)
      problems.push_back(fmt::format("{}: cannot be listed: {}", directory, code.message()));
    return {};
  }
  if (ignored > 0)
    problems.push_back(fmt::format("{}: more than {} files: {} are not read", directory,
                                   AllowContents::kMostFiles, ignored));
  std::sort(found->begin(), found->end(),
            [](const Sighting& a, const Sighting& b) { return a.path < b.path; });
  return std::move(*found);
}

std::string unreadable(const std::string& path, const std::error_code& code) {
  if (code != std::errc::permission_denied)
    return fmt::format("{}: cannot be read: {}", path, code.message());
  const auto refusal = explain_refusal(path);
  return fmt::format("{}: cannot be read: {}: {}", path, refusal.text, refusal.remedy);
}

// At most `limit` bytes and one more, by which it is seen that there are too many.
Result<std::string> read_whole(const std::string& path, std::size_t limit) {
  auto fd = open_regular(path);
  if (!fd) return tl::unexpected(fd.error());
  std::string text;
  constexpr std::size_t kPiece = 65'536;
  while (text.size() <= limit) {
    const auto before = text.size();
    text.resize(before + std::min(kPiece, limit + 1 - before));
    const auto got = ::read(fd->get(), text.data() + before, text.size() - before);
    if (got < 0) return fail(errno, "read {}", path);
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  return text;
}

void take(AllowList list, const std::string& path, AllowContents& contents) {
  const std::string why = "allow.d/" + std::filesystem::path(path).filename().string();
  for (const Prefix& prefix : list.networks) contents.networks.push_back({prefix, why});
  std::move(list.names.begin(), list.names.end(), std::back_inserter(contents.names));
  for (const auto& mistake : list.mistakes)
    if (contents.problems.size() < AllowList::kMostMistakes)
      contents.problems.push_back(
          fmt::format("{}:{}:{}: {}", path, mistake.line, mistake.column, mistake.what));
  if (list.more_mistakes > 0)
    contents.problems.push_back(fmt::format("{}: {} more mistakes", path, list.more_mistakes));
}

}  // namespace

std::string allow_directory(const std::string& config_file) {
  return (std::filesystem::path(config_file).parent_path() / "allow.d").string();
}

AllowContents read_allow_files(const std::string& directory) {
  AllowContents contents;
  std::size_t bytes_left = AllowContents::kMostBytes;
  for (const auto& file : list_files(directory, contents.problems)) {
    const auto text = read_whole(file.path, bytes_left);
    if (!text) {
      if (text.error().code != std::errc::no_such_file_or_directory)  // it was removed meanwhile
        contents.problems.push_back(unreadable(file.path, text.error().code));
      continue;
    }
    if (text->size() > bytes_left) {
      contents.problems.push_back(fmt::format("{}: not read: with it the files of {} are more than {} MiB",
                                              file.path, directory, AllowContents::kMostBytes >> 20));
      continue;
    }
    bytes_left -= text->size();
    const auto taken = contents.networks.size() + contents.names.size();
    take(parse_allow_list(*text, AllowContents::kMostEntries - taken), file.path, contents);
  }
  return contents;
}

AllowFiles::AllowFiles(boost::asio::io_context& io, std::string directory, Changed changed)
    : directory_(std::move(directory)),
      changed_(std::move(changed)),
      inotify_(io, {.happened = [this](const Inotify::Happening& happening) { happened(happening); },
                    .batch_end = [this] { batch_end(); }}),
      soon_(io) {}

void AllowFiles::start() {
  // Without inotify the look once a second remains.
  if (inotify_.open()) inotify_.listen();
  watch();
  read();
}

void AllowFiles::watch() {
  const auto facts = look_at(directory_);
  if (watch_ >= 0 && facts && facts->identity == watched_) return;
  inotify_.forget(watch_);
  watch_ = -1;
  if (!facts) return;
  if (const auto number = inotify_.watch(directory_, kComplete | IN_CREATE | IN_ATTRIB | IN_ONLYDIR)) {
    watch_ = *number;
    watched_ = facts->identity;
  }
}

// A file that was only created is about to be written, and half a network is another network: the look once a
// second takes what nobody closes.
void AllowFiles::happened(const Inotify::Happening& happening) {
  if (happening.watch != watch_) return;
  if ((happening.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) watch_ = -1;
  const bool of_a_list = happening.name.empty() || lists_in(directory_).matches(happening.name);
  due_ = due_ || (of_a_list && (happening.mask & kComplete) != 0);
}

void AllowFiles::batch_end() {
  if (!due_ || waiting_) return;
  waiting_ = true;
  soon_.expires_after(kGather);
  soon_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    waiting_ = false;
    due_ = false;
    watch();
    read();
  });
}

void AllowFiles::read() {
  read_ = look();
  last_look_ = read_;
  changed_(read_allow_files(directory_));
}

// What inotify did not tell (a network file system, a directory that has come, a link's target): read once it
// has stood still for a second.
void AllowFiles::tick() {
  watch();
  auto now = look();
  const bool still = now == last_look_;
  last_look_ = std::move(now);
  if (still && last_look_ != read_) read();
}

std::vector<AllowFiles::Look> AllowFiles::look() const {
  std::vector<Look> looks;
  Problems untold;
  for (auto& file : list_files(directory_, untold))
    looks.push_back(
        {std::move(file.path), file.facts.identity, file.facts.size, file.facts.modified_nanoseconds});
  return looks;
}

}  // namespace coturn_guard
