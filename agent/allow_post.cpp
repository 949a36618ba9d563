// SPDX-License-Identifier: GPL-3.0-or-later
#include "allow_post.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "events.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostOpen = 16;  // questions at once
// The answers of many names come one after the other, and each new list is sorted as a whole.
constexpr std::chrono::milliseconds kGather{100};
constexpr std::size_t kMostTold = 20;  // mistakes of one reading

}  // namespace

AllowPost::AllowPost(boost::asio::io_context& io, Log& log, std::string directory, Changed changed)
    : log_(log),
      changed_(std::move(changed)),
      resolver_(io),
      files_(io, std::move(directory), [this](AllowContents contents) { on_files(std::move(contents)); }),
      gather_(io) {}

void AllowPost::open(std::vector<HostName> configured) {
  configured_ = std::move(configured);
  files_.start();
  opened_ = true;
}

void AllowPost::set_configured(std::vector<HostName> names) {
  configured_ = std::move(names);
  set_names();
  apply();
}

void AllowPost::on_files(AllowContents contents) {
  const auto now = std::chrono::steady_clock::now();
  const bool was_empty = listed_.networks.empty() && listed_.names.empty();
  listed_ = std::move(contents);
  std::size_t told = 0;
  for (const auto& problem : listed_.problems) {
    if (told++ == kMostTold) break;
    log_.write(events::kAllowRejected, {{"problem", problem}}, now);
  }
  if (listed_.problems.size() > kMostTold)
    log_.write(events::kAllowRejected,
               {{"problem", fmt::format("{} more mistakes in allow.d", listed_.problems.size() - kMostTold)},
                {"remedy", "coturn-guard check-config tells all of them"}},
               now);
  if (!was_empty || !listed_.networks.empty() || !listed_.names.empty())
    log_.write(events::kAllowRead,
               {{"networks", std::to_string(listed_.networks.size())},
                {"names", std::to_string(listed_.names.size())}},
               now);
  set_names();
  apply();
}

void AllowPost::set_names() {
  auto names = configured_;
  names.insert(names.end(), listed_.names.begin(), listed_.names.end());
  const auto now = std::chrono::steady_clock::now();
  if (const auto too_many = book_.set_names(names); too_many > 0)
    log_.write(events::kAllowRejected,
               {{"problem", fmt::format("more than {} host names: {} are not looked up", NameBook::kMostNames,
                                        too_many)},
                {"remedy", "list networks instead"}},
               now);
  ask(now);
}

void AllowPost::tick(const Now& now) {
  files_.tick();
  ask(now.mono);
  tell(now.mono);
}

void AllowPost::ask(NameBook::Time now) {
  for (auto& question : book_.due(kMostOpen, now)) {
    const auto family = question.family;
    const auto name = question.name.text;
    resolver_.ask(name, family, [this, question = std::move(question)](const NameAnswer& answer) {
      on_answer(question, answer);
    });
  }
}

void AllowPost::on_answer(const NameBook::Question& question, const NameAnswer& answer) {
  const auto now = std::chrono::steady_clock::now();
  if (book_.answered(question, answer, now)) apply_soon();
  tell(now);
  ask(now);
}

void AllowPost::tell(NameBook::Time now) {
  for (const auto& news : book_.news(now)) {
    if (news.problem.empty())
      log_.write(events::kNameFound, {{"name", news.name.text}, {"addresses", std::to_string(news.kept)}},
                 now);
    else
      log_.write(events::kNameFailed,
                 {{"name", news.name.text},
                  {"problem", news.problem},
                  {"text", news.kept > 0 ? fmt::format("its last {} addresses stay spared", news.kept)
                                         : std::string("nobody is spared for it")}},
                 now);
  }
}

void AllowPost::apply_soon() {
  if (std::exchange(gathering_, true)) return;
  gather_.expires_after(kGather);
  gather_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    gathering_ = false;
    apply();
  });
}

void AllowPost::apply() {
  auto all = listed_.networks;
  auto named = book_.networks();
  all.insert(all.end(), std::make_move_iterator(named.begin()), std::make_move_iterator(named.end()));
  changed_(std::move(all));
}

void AllowPost::resolve(const std::string& name, Resolved done) {
  struct Both {
    std::vector<Address> addresses{};
    std::string problem{};
    unsigned open = 2;
    Resolved done;
  };
  const auto both = std::make_shared<Both>(Both{.done = std::move(done)});
  for (const auto family : {NameFamily::v4, NameFamily::v6})
    resolver_.ask(name, family, [both, name](const NameAnswer& answer) {
      both->addresses.insert(both->addresses.end(), answer.addresses.begin(), answer.addresses.end());
      if (both->problem.empty() || answer.kind == NameAnswer::Kind::failed)
        if (answer.kind != NameAnswer::Kind::addresses) both->problem = answer.problem;
      if (--both->open > 0) return;
      if (both->addresses.empty()) return both->done(fail("look up {}: {}", name, both->problem));
      both->done(std::move(both->addresses));
    });
}

}  // namespace coturn_guard
