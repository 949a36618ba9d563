// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/state_writer.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "util/side_thread.hpp"

namespace coturn_guard {
namespace {

// Another process (somebody's sqlite3) may hold the file's lock for a moment.
constexpr std::chrono::seconds kPatience{2};

struct Job {
  StateBatch batch;
  bool anew = false;
  std::int64_t seconds_since_1970 = 0;
};

}  // namespace

struct StateWriter::Shared {
  // The thread's own.
  std::string file;
  std::optional<StateDb> db;
  bool checked = false;

  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Job> job;
  std::optional<Outcome> outcome;
  bool busy = false;
  bool stop = false;

  void open_anew(std::int64_t seconds_since_1970, Outcome& outcome_of);
  [[nodiscard]] Outcome run(const Job& todo);
};

void StateWriter::Shared::open_anew(std::int64_t seconds_since_1970, Outcome& outcome_of) {
  db.reset();  // its last close may write, and remove the log beside it
  checked = false;
  for (bool again = true; again;) {
    auto opened = StateDb::open(file, kPatience);
    if (opened) {
      if (auto fine = opened->check(); !fine) opened = tl::unexpected(std::move(fine.error()));
    }
    if (opened) {
      checked = true;
      db.emplace(std::move(*opened));
      return;
    }
    again = opened.error().trouble == StateTrouble::broken && outcome_of.set_aside.empty();
    if (again) {
      auto aside = coturn_guard::set_aside(file, seconds_since_1970);
      if (aside)
        outcome_of.set_aside = std::move(*aside);
      else
        outcome_of.failure = StateFailure{StateTrouble::unwritable, aside.error()};
      again = aside.has_value();
    } else {
      outcome_of.failure = std::move(opened.error());
    }
  }
}

StateWriter::Outcome StateWriter::Shared::run(const Job& todo) {
  const auto begun = std::chrono::steady_clock::now();
  Outcome done;
  if (todo.anew || !db) open_anew(todo.seconds_since_1970, done);
  if (db) {
    // Here and not at the start, which has no time for it: bans wait.
    StateResult<> written = std::exchange(checked, true) ? StateResult<>{} : db->check();
    if (written) written = db->commit(todo.batch);
    if (!written) done.failure = std::move(written.error());
    done.bytes = db->bytes();
    if (done.failure && done.failure->trouble == StateTrouble::broken) {
      db.reset();
      if (auto aside = coturn_guard::set_aside(file, todo.seconds_since_1970))
        done.set_aside = std::move(*aside);
    }
  }
  done.took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  return done;
}

StateWriter::StateWriter(std::string file, std::optional<StateDb> db) : shared_(std::make_shared<Shared>()) {
  shared_->file = std::move(file);
  shared_->db = std::move(db);
  begin_side_thread([shared = shared_] { work(shared); });
}

StateWriter::~StateWriter() {
  static_cast<void>(wait(kLongestStop));
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->changed.notify_all();
  // Until the file is closed: that empties its log.
  shared_->changed.wait_for(lock, kLongestStop, [this] { return !shared_->stop; });
}

void StateWriter::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->stop || shared->job; });
    if (!shared->job) break;
    auto job = std::exchange(shared->job, std::nullopt);
    lock.unlock();
    Outcome outcome = shared->run(*job);
    job.reset();  // of hundreds of thousands of records, perhaps
    lock.lock();
    shared->outcome = std::move(outcome);
    shared->busy = false;
    shared->changed.notify_all();
  }
  lock.unlock();
  shared->db.reset();
  lock.lock();
  shared->stop = false;
  shared->changed.notify_all();
}

bool StateWriter::idle() const {
  const std::lock_guard lock(shared_->mutex);
  return !shared_->busy;
}

void StateWriter::write(StateBatch batch, bool anew, std::int64_t seconds_since_1970) {
  const std::lock_guard lock(shared_->mutex);
  shared_->job = Job{std::move(batch), anew, seconds_since_1970};
  shared_->busy = true;
  shared_->changed.notify_all();
}

std::optional<StateWriter::Outcome> StateWriter::take_outcome() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->outcome, std::nullopt);
}

bool StateWriter::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, at_most, [this] { return !shared_->busy; });
}

}  // namespace coturn_guard
