// SPDX-License-Identifier: GPL-3.0-or-later
// What was heard of endpoints or addresses lately: found by a seeded hash, forgotten oldest first. Whoever
// owns it says when an entry is too old and how many there may be; the table never forgets by itself. An
// address alone is an endpoint with port 0.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "model/address.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

// The port goes into the key of the hash: the input is a whole address already.
struct EndpointHash {
  HashSeed seed;
  std::size_t operator()(const Endpoint& endpoint) const {
    return static_cast<std::size_t>(
        siphash13(endpoint.address.bytes(), {seed[0], seed[1] ^ (std::uint64_t{endpoint.port} << 48)}));
  }
};

template <class Value>
class RecentTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    Endpoint key;
    Time touched;
    Value value;
  };

  explicit RecentTable(const HashSeed& seed) : index_(0, EndpointHash{seed}) {}

  // Borrowed until the entry is erased.
  [[nodiscard]] Value* find(const Endpoint& key) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->value;
  }
  // The entry of `key`, made where there is none, is the newest from now on.
  Value& touch(const Endpoint& key, Time now) {
    const auto [found, fresh] = index_.try_emplace(key);
    if (fresh)
      found->second = order_.insert(order_.end(), Entry{key, now, Value{}});
    else
      order_.splice(order_.end(), order_, found->second);
    found->second->touched = now;
    return found->second->value;
  }
  void erase(const Endpoint& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    order_.erase(found->second);
    index_.erase(found);
  }
  // Only where there is one.
  [[nodiscard]] const Entry& oldest() const { return order_.front(); }
  void drop_oldest() {
    index_.erase(order_.front().key);
    order_.pop_front();
  }
  [[nodiscard]] std::size_t size() const { return index_.size(); }
  // Of memory, about: nodes with their links, as libstdc++ makes them.
  [[nodiscard]] std::size_t bytes() const {
    constexpr std::size_t kNode = sizeof(Entry) + sizeof(Endpoint) + 7 * sizeof(void*);
    return size() * kNode + index_.bucket_count() * sizeof(void*);
  }

 private:
  std::list<Entry> order_;  // the least recently touched first
  std::unordered_map<Endpoint, typename std::list<Entry>::iterator, EndpointHash> index_;
};

}  // namespace coturn_guard
