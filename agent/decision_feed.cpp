// SPDX-License-Identifier: GPL-3.0-or-later
#include "decision_feed.hpp"

#include <fmt/format.h>

#include <utility>

namespace coturn_guard {

class DecisionFeed::Subscription final : public control::Reply {
 public:
  Subscription(DecisionFeed& feed, bool offences, control::Wake wake)
      : feed_(feed), offences_(offences), wake_(std::move(wake)) {
    feed_.listeners_.push_back(this);
  }
  ~Subscription() override { std::erase(feed_.listeners_, this); }

  [[nodiscard]] State write(std::string& out) override {
    out += lines_;
    lines_.clear();
    if (left_out_ > 0)
      out += fmt::format("{{\"schema\":{},\"event\":\"left_out\",\"count\":{}}}\n", control::kSchema,
                         std::exchange(left_out_, 0));
    return State::waits;
  }

  [[nodiscard]] bool listens_to(Kind kind) const { return kind == Kind::decision || offences_; }
  // Once something was left out nothing goes in until he has been told: the order of what he reads is true.
  [[nodiscard]] bool has_room() const { return left_out_ == 0 && lines_.size() < kBufferBytes; }
  void take(const std::string& line) {
    lines_ += line;
    wake_();
  }
  void miss() { ++left_out_; }

 private:
  DecisionFeed& feed_;
  bool offences_;
  control::Wake wake_;
  std::string lines_;
  std::uint64_t left_out_ = 0;
};

std::unique_ptr<control::Reply> DecisionFeed::subscribe(bool offences, control::Wake wake) {
  return std::make_unique<Subscription>(*this, offences, std::move(wake));
}

bool DecisionFeed::wanted(Kind kind) const {
  return std::any_of(listeners_.begin(), listeners_.end(), [=](const Subscription* listener) {
    return listener->listens_to(kind) && listener->has_room();
  });
}

void DecisionFeed::publish(Kind kind, const std::string& line) {
  for (auto* const listener : listeners_) {
    if (!listener->listens_to(kind)) continue;
    if (listener->has_room()) {
      listener->take(line);
    } else {
      listener->miss();
      ++left_out_;
    }
  }
}

void DecisionFeed::leave_out(Kind kind) {
  for (auto* const listener : listeners_) {
    if (!listener->listens_to(kind)) continue;
    listener->miss();
    ++left_out_;
  }
}

}  // namespace coturn_guard
