// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/digits.hpp"

#include <string>

#include "detect/session_number.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("digits at a word's front are counted up to the first other byte", "[detect]") {
  for (std::size_t at = 0; at < kDigitsAtOnce; ++at)
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = "90123456";
      text[at] = static_cast<char>(byte);
      const bool digit = byte >= '0' && byte <= '9';
      CAPTURE(at, byte);
      REQUIRE(leading_digits(word_of(text.data())) == (digit ? kDigitsAtOnce : at));
    }
}

TEST_CASE("a session's number is read whatever its length", "[detect]") {
  CHECK(session_number("") == 0);
  CHECK(session_number("7") == 7);
  CHECK(session_number("12345678") == 12'345'678);
  CHECK(session_number("000000000000000026") == 26);
  CHECK(session_number("001000000000000026") == 1'000'000'000'000'026);
  CHECK(session_number("999999999999999999") == 999'999'999'999'999'999);
  CHECK(session_number("18446744073709551615") == 18'446'744'073'709'551'615U);
}
