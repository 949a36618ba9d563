// SPDX-License-Identifier: GPL-3.0-or-later
// A network among packed bytes (util/packed): 16 bytes of its address, then its length.
#pragma once

#include <algorithm>
#include <string>
#include <tuple>

#include "model/prefix.hpp"
#include "util/packed.hpp"

namespace coturn_guard {

inline PackedWriter& pack_network(PackedWriter& writer, const Prefix& network) {
  const Address::Bytes& bytes = network.network().bytes();
  return writer.raw({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).number(network.length());
}

// The key of what the state file holds of one network.
[[nodiscard]] inline std::string network_key(const Prefix& network) {
  PackedWriter writer;
  return pack_network(writer, network).take();
}

// False: it is no network as it was written (host bits, a length beyond the family's).
[[nodiscard]] inline bool unpack_network(PackedReader& reader, Prefix& network) {
  const auto text = reader.raw(std::tuple_size_v<Address::Bytes>);
  const auto length = reader.number();
  if (!reader.good() || length > kWholeAddress) return false;
  Address::Bytes bytes{};
  std::copy(text.begin(), text.end(), bytes.begin());
  network = Prefix(Address(bytes), static_cast<unsigned>(length));
  return network.network().bytes() == bytes && network.length() == length;
}

}  // namespace coturn_guard
