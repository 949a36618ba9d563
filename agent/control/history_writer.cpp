// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/history_writer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "control/history.hpp"
#include "util/side_thread.hpp"

namespace coturn_guard {

struct HistoryWriter::Shared {
  explicit Shared(std::string name) : file(std::move(name)) {}

  const std::string file;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Minute> waiting;
  std::optional<Error> failure;
  std::uint64_t left_out = 0;
  bool stopping = false;
  bool ended = false;
};

HistoryWriter::HistoryWriter(std::string file) : shared_(std::make_shared<Shared>(std::move(file))) {
  begin_side_thread([shared = shared_] { work(shared); });
}

void HistoryWriter::finish() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kLongestStop, [this] { return shared_->ended; });
}

void HistoryWriter::write(Minute minute) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->waiting.size() >= kMostWaiting) {
    ++shared_->left_out;
    return;
  }
  shared_->waiting.push_back(std::move(minute));
  shared_->changed.notify_all();
}

std::optional<Error> HistoryWriter::take_failure() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->failure, std::nullopt);
}

std::uint64_t HistoryWriter::left_out() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->left_out;
}

void HistoryWriter::work(const std::shared_ptr<Shared>& shared) {
  std::optional<History> history;
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->stopping || !shared->waiting.empty(); });
    if (shared->waiting.empty()) break;
    const Minute minute = std::move(shared->waiting.front());
    shared->waiting.pop_front();
    lock.unlock();
    std::optional<Error> failure;
    if (!history) {
      auto opened = History::open(shared->file);
      if (opened)
        history.emplace(std::move(*opened));
      else
        failure = opened.error();
    }
    if (history) {
      if (auto done = history->add(minute); !done) {
        failure = done.error();
        history.reset();
      }
    }
    lock.lock();
    if (failure) {
      shared->failure = std::move(failure);
      ++shared->left_out;
    }
  }
  history.reset();
  shared->ended = true;
  shared->changed.notify_all();
}

}  // namespace coturn_guard
