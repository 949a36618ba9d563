// SPDX-License-Identifier: GPL-3.0-or-later
// What the judges give a state file and take back. The ledger's part is in the ledger's story.
#include <optional>

#include "judge/credit.hpp"
#include "judge/ledger_records.hpp"
#include "judge/tally.hpp"
#include "support/catch.hpp"
#include "support/judge_words.hpp"
#include "support/state_file.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

const Prefix kOffice = *Prefix::parse("192.0.2.1");
const Prefix kHome = *Prefix::parse("2001:db8::/64");
const auto kBegin = at(0s).mono;
const std::vector<std::optional<RuleId>> kSameRules{0, 1, 2, 3, 4, 5, 6, 7};

const Trait kFlood{.points = {100}, .free = 10};
const Trait kProbing{.points = {1000}, .distinct = Distinct::peer, .free = 2};

template <class Judge>
void save(Judge& judge, StateFile& file) {
  StateBatch batch;
  judge.save_changes(batch);
  file.apply(batch);
}

Points cost(Tally& tally, const Trait& trait, std::chrono::milliseconds when, std::uint64_t what = 0,
            std::uint32_t count = 1) {
  Offence made = offence("192.0.2.1", trait.points.milli);
  made.what = what;
  made.count = count;
  return tally.cost(kOffice, made, trait, 1h, at(when));
}

}  // namespace

TEST_CASE("a restart gives no free offences again", "[judge][tally][saved]") {
  StateFile file;
  {
    Tally tally(kSeed);
    tally.begin(kBegin);
    CHECK(cost(tally, kFlood, 0s, 0, 9).milli == 0);
    save(tally, file);
  }
  Tally tally(kSeed);
  tally.begin(kBegin);
  tally.load(file.records(), kSameRules, at(10s));
  CHECK(cost(tally, kFlood, 10s).milli == 0);
  CHECK(cost(tally, kFlood, 11s).milli == 100);
  CHECK(cost(tally, kFlood, 1h + 10s).milli == 0);  // the first nine have left
}

TEST_CASE("what others had a customer do is known after a restart", "[judge][ledger][saved]") {
  StateFile file;
  const auto saves = [&](Ledger& ledger) {
    StateBatch batch;
    save_as_records(ledger, batch);
    CHECK(batch.offenders.empty());  // that table is the other ledger's
    file.apply(batch);
  };
  {
    Ledger ledger(Policy{}, kSeed);
    ledger.begin(kBegin);
    CHECK_FALSE(ledger.record(offence("192.0.2.1", 2900), at(0s)));
    CHECK_FALSE(ledger.record(offence("2001:db8::7", 100), at(1s)));
    saves(ledger);
  }
  CHECK(file.size() == 2);
  {
    Ledger ledger(Policy{}, kSeed);
    ledger.begin(kBegin);
    load_from_records(ledger, file.records(), at(10s));
    CHECK(ledger.points(kHome, at(10s)) == Points{100});
    CHECK(ledger.record(offence("192.0.2.1", 100), at(11s)));
    ledger.forgive(kOffice, true);
    saves(ledger);
  }
  CHECK(file.size() == 1);
  file.damage();
  Ledger ledger(Policy{}, kSeed);
  ledger.begin(kBegin);
  load_from_records(ledger, file.records(), at(20s));
  CHECK(ledger.size() == 0);
  saves(ledger);
  CHECK(file.size() == 0);
}

TEST_CASE("things that differ are known after a restart", "[judge][tally][saved]") {
  StateFile file;
  {
    Tally tally(kSeed);
    tally.begin(kBegin);
    CHECK(cost(tally, kProbing, 0s, 11).milli == 0);
    CHECK(cost(tally, kProbing, 1s, 12).milli == 0);
    save(tally, file);
  }
  Tally tally(kSeed);
  tally.begin(kBegin);
  tally.load(file.records(), kSameRules, at(5s));
  CHECK(cost(tally, kProbing, 5s, 12).milli == 0);  // known, and a repetition costs nothing
  CHECK(cost(tally, kProbing, 6s, 13).milli == 1000);
}

TEST_CASE("allowances follow their rule to its new number, and go with a rule that is gone",
          "[judge][tally][saved]") {
  StateFile file;
  {
    Tally tally(kSeed);
    tally.begin(kBegin);
    CHECK(cost(tally, kFlood, 0s, 0, 10).milli == 0);
    save(tally, file);
  }
  CHECK(file.size() == 1);
  Tally tally(kSeed);
  tally.begin(kBegin);
  std::vector<std::optional<RuleId>> numbers(8);
  tally.load(file.records(), numbers, at(1s));
  CHECK(tally.size() == 0);
  save(tally, file);
  CHECK(file.size() == 0);
}

TEST_CASE("what was forgotten is removed from the file", "[judge][tally][saved]") {
  StateFile file;
  Tally tally(kSeed);
  tally.begin(kBegin);
  CHECK(cost(tally, kFlood, 0s).milli == 0);
  save(tally, file);
  CHECK(file.size() == 1);
  tally.forget(kOffice);
  save(tally, file);
  CHECK(file.size() == 0);
}

TEST_CASE("a good name outlives a restart, to the millisecond", "[judge][credit][saved]") {
  StateFile file;
  {
    CreditBook book(kSeed);
    book.begin(kBegin);
    for (std::uint64_t user = 1; user <= 7; ++user) book.logged_in(kOffice, user, at(0s));
    book.was_busy(kHome, at(10s));
    save(book, file);
  }
  CreditBook book(kSeed);
  book.begin(kBegin);
  book.load(file.records(), at(20s));
  CHECK(book.standing(kOffice, at(1h - 1ms)).by_login);
  CHECK(book.standing(kOffice, at(1h - 1ms)).users == 7);
  CHECK_FALSE(book.standing(kOffice, at(1h)).by_login);
  CHECK(book.standing(kHome, at(1h)).by_bytes);
  CHECK_FALSE(book.standing(kHome, at(1h + 10s)).by_bytes);
}

TEST_CASE("many users and the gateway in front outlive a restart", "[judge][credit][saved]") {
  StateFile file;
  std::uint32_t estimated = 0;
  {
    CreditBook book(kSeed);
    book.begin(kBegin);
    for (std::uint64_t user = 1; user <= 200; ++user)  // over several slices of ten minutes
      book.logged_in(kOffice, user * 0x9e3779b97f4a7c15ULL, at((user - 1) / 67 * 10min));
    estimated = book.standing(kOffice, at(20min + 1s)).users;
    CHECK(book.gateway(at(20min + 1s)) == kOffice);
    save(book, file);
  }
  CreditBook book(kSeed);
  book.begin(kBegin);
  book.load(file.records(), at(20min + 2s));
  CHECK(book.standing(kOffice, at(20min + 2s)).users == estimated);
  CHECK(book.gateway(at(20min + 2s)) == kOffice);
}

TEST_CASE("records that are none of ours are left out and removed", "[judge][saved]") {
  StateFile file;
  {
    CreditBook book(kSeed);
    book.begin(kBegin);
    book.logged_in(kOffice, 1, at(0s));
    save(book, file);
    Tally tally(kSeed);
    tally.begin(kBegin);
    CHECK(cost(tally, kFlood, 0s).milli == 0);
    save(tally, file);
  }
  file.damage();
  CreditBook book(kSeed);
  book.begin(kBegin);
  book.load(file.records(), at(1s));
  CHECK(book.size() == 0);
  Tally tally(kSeed);
  tally.begin(kBegin);
  tally.load(file.records(), kSameRules, at(1s));
  CHECK(tally.size() == 0);
}

TEST_CASE("who saves nothing notes nothing", "[judge][saved]") {
  Tally tally(kSeed);
  CHECK(cost(tally, kFlood, 0s).milli == 0);
  CreditBook book(kSeed);
  book.logged_in(kOffice, 1, at(0s));
  StateBatch batch;
  tally.save_changes(batch);
  book.save_changes(batch);
  CHECK(batch.empty());
}
