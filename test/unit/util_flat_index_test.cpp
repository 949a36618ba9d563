// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/flat_index.hpp"

#include <cstdint>
#include <map>
#include <random>

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("records of one hash are told apart, and one that is gone hides no other", "[util]") {
  FlatIndex index;
  for (FlatIndex::Index record : {7U, 8U, 9U}) index.insert(1023, record);  // past the array's end
  index.insert(0, 10);                                                      // displaced by them
  index.erase(1023, 8);
  const auto found = [&](std::uint32_t hash, FlatIndex::Index record) {
    return index.find(hash, [&](FlatIndex::Index at) { return at == record; }) == record;
  };
  CHECK(found(1023, 7));
  CHECK_FALSE(found(1023, 8));
  CHECK(found(1023, 9));
  CHECK(found(0, 10));
  CHECK(index.size() == 3);
}

TEST_CASE("the index finds what a map finds, whatever comes and goes", "[util]") {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> a_record(0, 5999), a_hash(0, 2999);
  FlatIndex index;
  std::map<FlatIndex::Index, std::uint32_t> hashes;
  for (int step = 0; step < 50'000; ++step) {
    const FlatIndex::Index record = a_record(random);
    const auto known = hashes.find(record);
    if (known != hashes.end()) {
      index.erase(known->second, record);
      hashes.erase(known);
    } else {
      hashes[record] = a_hash(random) * 0x10001;  // neighbours and twins are many
      index.insert(hashes[record], record);
    }
  }
  REQUIRE(index.size() == hashes.size());
  REQUIRE(index.size() > 2000);
  for (const auto& [record, hash] : hashes)
    REQUIRE(index.find(hash, [wanted = record](FlatIndex::Index at) { return at == wanted; }) == record);
  CHECK(index.find(1, [](FlatIndex::Index) { return true; }) == FlatIndex::kNone);
}

TEST_CASE("room that was made in advance is not made again, and holds what was there", "[util]") {
  FlatIndex index;
  index.insert(3, 1);
  index.expect(100'000);
  const auto bytes = index.bytes();
  for (FlatIndex::Index record = 2; record <= 100'000; ++record) index.insert(record * 2654435761U, record);
  CHECK(index.bytes() == bytes);
  CHECK(index.size() == 100'000);
  CHECK(index.find(3, [](FlatIndex::Index at) { return at == 1; }) == 1);
}
