// SPDX-License-Identifier: GPL-3.0-or-later
// Tells a handler that its owner is gone. Asio aborts what still waits when a descriptor or timer goes, but
// what has completed already stays queued, without an error, and would run on an object that is no more: who
// can go while the loop runs (a reload makes sources, witness and enforcer anew) hands a watch to each
// handler.
#pragma once

#include <memory>

namespace coturn_guard {

class Lifetime {
 public:
  // Expired: the owner is gone.
  using Watch = std::weak_ptr<const char>;

  Lifetime() = default;
  // Another object's life is another's.
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  [[nodiscard]] Watch watch() const { return token_; }

 private:
  std::shared_ptr<const char> token_ = std::make_shared<const char>();
};

}  // namespace coturn_guard
