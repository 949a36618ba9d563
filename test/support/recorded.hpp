// SPDX-License-Identifier: GPL-3.0-or-later
// Answers of a real kernel, recorded in test/data/netlink.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "enforce/netlink_bytes.hpp"

namespace coturn_guard {

// The messages of one recorded answer; they borrow from what it holds.
class Recorded {
 public:
  explicit Recorded(const std::string& name) {
    std::ifstream file(SOURCE_ROOT "/test/data/netlink/" + name + ".bin", std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    ByteView rest = bytes_;
    while (const auto message = next_message(rest)) messages.push_back(*message);
  }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  // The last message, as an acknowledgement.
  [[nodiscard]] Acknowledgement acknowledgement() const {
    return decode_acknowledgement(messages.at(messages.size() - 1)).value();
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

  std::vector<Message> messages;

 private:
  Bytes bytes_;
};

}  // namespace coturn_guard
