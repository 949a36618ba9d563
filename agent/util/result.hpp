// SPDX-License-Identifier: GPL-3.0-or-later
// The one word for "this may fail". Absence is std::optional, not an Error; exceptions stay inside the file
// that calls the throwing library. The day Debian's floor has std::expected with monadic calls, only this
// file changes.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace coturn_guard {

// `code` is for deciding, `what` is for people: verb and object ("open /var/log/turn.log").
struct Error {
  std::error_code code;
  std::string what;

  // "open /var/log/turn.log: Permission denied"
  [[nodiscard]] std::string message() const { return code ? what + ": " + code.message() : what; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

// An Error whose cause is an errno value.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(int error, fmt::format_string<Args...> what, Args&&... args) {
  return tl::unexpected<Error>(
      Error{std::error_code(error, std::generic_category()), fmt::format(what, std::forward<Args>(args)...)});
}

// An Error that no errno describes.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> what, Args&&... args) {
  return tl::unexpected<Error>(Error{{}, fmt::format(what, std::forward<Args>(args)...)});
}

}  // namespace coturn_guard
