// SPDX-License-Identifier: GPL-3.0-or-later
#include "hook_post.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "events.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostAtOnce = 4;  // of one hook
constexpr std::chrono::minutes kTellLeftOut{1};
constexpr std::array<std::string_view, kHookOccasions> kNames{"ban", "unban", "alarm",
                                                              "expired"};  // by HookOccasion

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

HookCall make_call(HookOccasion occasion, const Json& json) {
  HookCall call{.occasion = occasion, .json = json.dump(-1, ' ', true, Json::error_handler_t::replace)};
  for (const auto& [key, value] : json.items())
    call.fields.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  return call;
}

bool same(Hook a, const Hook& b) {
  a.where = b.where;
  return a == b;
}

}  // namespace

HookPost::HookPost(boost::asio::io_context& io, Log& log, Webhook::Resolve resolve)
    : io_(io), log_(log), webhook_(io, std::move(resolve)), begin_(io, [this] { begin_all(); }) {}

HookPost::~HookPost() {
  log_.set_alarm({});
}

void HookPost::configure(const std::vector<Hook>& hooks) {
  std::vector<std::shared_ptr<Slot>> slots;
  for (const auto& hook : hooks) {
    const auto known = std::find_if(slots_.begin(), slots_.end(),
                                    [&](const auto& slot) { return slot && same(slot->hook, hook); });
    slots.push_back(known != slots_.end() ? std::exchange(*known, nullptr)
                                          : std::make_shared<Slot>(Slot{
                                                hook, HookQueue(hook.per_second, hook.burst, kMostAtOnce)}));
    if (!hook.run.empty() && !runner_) runner_.emplace(io_);
  }
  for (const auto& gone : slots_)
    if (gone) gone->wanted = false;
  slots_ = std::move(slots);
  if (anybody_on(HookOccasion::alarm))
    log_.set_alarm(
        [this](const LogEvent& event, std::initializer_list<LogField> fields) { alarm(event, fields); });
  else
    log_.set_alarm({});
}

bool HookPost::anybody_on(HookOccasion occasion) const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [&](const auto& slot) { return slot->hook.on[static_cast<std::size_t>(occasion)]; });
}

void HookPost::ban(const BanRecord& record, const Now& now) {
  call(HookOccasion::ban, now, [&](Json& json) {
    json["prefix"] = record.prefix.to_string();
    json["address"] = record.address.to_string();
    json["cause"] = std::string(to_string(record.cause));
    json["seconds"] = record.duration.count();
    json["earlier_bans"] = record.earlier_bans;
    if (!record.reason.empty()) json["reason"] = record.reason;
    if (record.cause != BanCause::rule) return;
    json["rule"] = record.rule;
    json["evidence"] = std::string(to_string(record.evidence));
    json["points"] = record.points.milli / 1000.0;
  });
}

void HookPost::unban(const Prefix& prefix, const std::string& reason, const Now& now) {
  call(HookOccasion::unban, now, [&](Json& json) {
    json["prefix"] = prefix.to_string();
    json["address"] = prefix.network().to_string();
    json["reason"] = reason;
  });
}

void HookPost::expired(const BanRecord& record, const Now& now) {
  call(HookOccasion::expired, now, [&](Json& json) {
    json["prefix"] = record.prefix.to_string();
    json["address"] = record.address.to_string();
    json["cause"] = std::string(to_string(record.cause));
  });
}

// A hook's own trouble is a warning, so none calls itself.
void HookPost::alarm(const LogEvent& event, std::initializer_list<LogField> fields) {
  const Now now{std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
  call(HookOccasion::alarm, now, [&](Json& json) {
    json["alarm"] = std::string(event.name);
    for (const auto& field : fields)
      if (const std::string key(field.key); !json.contains(key) && !field.value.empty())
        json[key] = field.value;
  });
}

void HookPost::call(HookOccasion occasion, const Now& now, const std::function<void(Json&)>& fill) {
  std::optional<HookCall> call;
  for (const auto& slot : slots_) {
    if (!slot->hook.on[static_cast<std::size_t>(occasion)] || !slot->queue.admits(now.mono)) continue;
    if (!call) {
      Json json{{"event", std::string(kNames[static_cast<std::size_t>(occasion)])},
                {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                     fmt::gmtime(std::chrono::system_clock::to_time_t(now.wall)))},
                {"host", host_name()}};
      fill(json);
      call = make_call(occasion, json);
    }
    slot->queue.push(*call);
    begin_.post();
  }
}

void HookPost::begin_all() {
  for (const auto& slot : std::vector(slots_)) begin_more(slot);
}

void HookPost::begin_more(const std::shared_ptr<Slot>& slot) {
  while (slot->wanted) {
    auto call = slot->queue.begin();
    if (!call) return;
    begin(slot, std::move(*call));
  }
}

void HookPost::begin(const std::shared_ptr<Slot>& slot, HookCall call) {
  if (slot->hook.run.empty())
    return webhook_.post(slot->hook.post, slot->hook.timeout, std::move(call.json),
                         [this, slot](const std::string& problem) { ended(slot, problem, ""); });
  runner_->run(
      slot->hook.run, slot->hook.timeout, call,
      [this, slot](const std::string& problem, const std::string& output) { ended(slot, problem, output); });
}

void HookPost::ended(const std::shared_ptr<Slot>& slot, const std::string& problem,
                     const std::string& output) {
  slot->queue.ended();
  if (!problem.empty())
    log_.write(
        events::kHookFailed,
        {{"hook", slot->hook.name()}, {"where", slot->hook.where}, {"problem", problem}, {"output", output}},
        std::chrono::steady_clock::now());
  begin_more(slot);
}

HookCounters HookPost::counters() const {
  HookCounters all;
  for (const auto& slot : slots_) {
    all.called += slot->queue.counters().called;
    all.left_out += slot->queue.counters().left_out;
  }
  return all;
}

void HookPost::tick(const Now& now) {
  for (const auto& slot : slots_) {
    if (now.mono - slot->told < kTellLeftOut) continue;
    const auto left_out = slot->queue.take_left_out();
    if (left_out == 0) continue;
    slot->told = now.mono;
    log_.write(
        events::kHookLeftOut,
        {{"hook", slot->hook.name()},
         {"where", slot->hook.where},
         {"calls", std::to_string(left_out)},
         {"text", fmt::format("more than rate: {} a second after burst: {}, or {} waited; the bans stand",
                              slot->hook.per_second, slot->hook.burst, HookQueue::kMostWaiting)}},
        now.mono);
  }
}

}  // namespace coturn_guard
