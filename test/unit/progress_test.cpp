// SPDX-License-Identifier: GPL-3.0-or-later
#include "progress.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;

}  // namespace

TEST_CASE("progress says share, rate and time left", "[progress]") {
  const auto text = progress_text(100 * kMebibyte, 400 * kMebibyte, 2s, 80);
  CHECK(text == " 25 % [==========>                             ] 50 MiB/s, 6s left");
  CHECK(progress_text(400 * kMebibyte, 400 * kMebibyte, 4s, 80) ==
        "100 % [========================================] 100 MiB/s, 0s left");
}

TEST_CASE("progress of a pipe says how much and how fast", "[progress]") {
  CHECK(progress_text(100 * kMebibyte, 0, 2s, 80) == "100 MiB read, 50 MiB/s");
}

TEST_CASE("progress is never wider than the terminal, whatever the numbers", "[progress]") {
  for (const std::size_t columns : {0U, 1U, 10U, 30U, 40U, 200U})
    for (const std::uint64_t done : {std::uint64_t{0}, 3 * kMebibyte, ~std::uint64_t{0}})
      for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, 7 * kMebibyte, ~std::uint64_t{0}})
        CHECK(progress_text(done, total, 0ms, columns).size() <= columns);
}
