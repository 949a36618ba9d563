// SPDX-License-Identifier: GPL-3.0-or-later
// Texts of STUN that coturn up to 4.16 writes raw into its log: USERNAME, REALM and ORIGIN. With a control
// byte in one (0x00 to 0x1f, 0x7f), a newline above all, whoever sends it writes lines of its own there. No
// client has any in a name. It judges nobody: a UDP sender may be forged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "detect/packet_headers.hpp"

namespace coturn_guard {

struct TextLook {
  bool control_bytes = false;
  // STUN over UDP of which not all is here, a fragment or longer than any client's: such a text could stand
  // in the rest.
  bool cut_short = false;
};

// Over UDP a message fills its datagram. Over TCP all messages and ChannelData are looked at that follow one
// another from the beginning of the segment, as far as they are there; what begins within another segment,
// and what TLS or DTLS hides, is not seen.
[[nodiscard]] TextLook look_at_texts(std::span<const std::uint8_t> payload, std::size_t payload_bytes,
                                     Transport transport);

}  // namespace coturn_guard
