// SPDX-License-Identifier: GPL-3.0-or-later
// What the socket and whoever does the work say to each other: who asks what, and an answer that is fetched
// piece by piece, as fast as its reader reads. Nothing here does anything.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "control/protocol.hpp"

namespace coturn_guard::control {

struct Caller {
  uid_t uid = 0;
  pid_t pid = 0;
  Access access = Access::none;
};

class Reply {
 public:
  enum class State : std::uint8_t {
    more,   // there is more to write
    waits,  // nothing at present: whoever made the reply calls its Wake when there is
    done,
  };
  virtual ~Reply() = default;
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // Appends whole lines, some kSliceBytes of them, in well under a millisecond: it has a turn of the loop.
  [[nodiscard]] virtual State write(std::string& out) = 0;
  static constexpr std::size_t kSliceBytes = std::size_t{16} * 1024;
};

// An answer that is known already, and short.
class FixedReply final : public Reply {
 public:
  explicit FixedReply(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] State write(std::string& out) override {
    out += text_;
    return State::done;
  }

 private:
  std::string text_;
};

// Gives the reply another turn. May be called at any time, also when the reply is gone.
using Wake = std::function<void()>;
using Perform = std::function<std::unique_ptr<Reply>(const Command&, const Caller&, Wake)>;

}  // namespace coturn_guard::control
