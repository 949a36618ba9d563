// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/request_meter.hpp"

#include <algorithm>
#include <limits>

namespace coturn_guard {
namespace {

// Sums of a slice stop there; they are far beyond every limit then.
void add(std::uint32_t& sum, std::uint32_t more) {
  sum += std::min(more, std::numeric_limits<std::uint32_t>::max() - sum);
}

}  // namespace

std::uint64_t RequestMeter::slice_at(Time now) const {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto length =
      std::max<std::int64_t>(std::chrono::milliseconds(policy_.window).count() / std::int64_t{kSlices}, 1);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0) / length);
}

void RequestMeter::slide(Source& source, std::uint64_t slice) {
  if (slice == source.newest) return;
  // Time does not run backwards here: a smaller number is one of longer slices, of a window that was changed.
  if (slice < source.newest || slice - source.newest >= kSlices) {
    source.slices = {};
  } else {
    for (std::uint64_t passed = source.newest + 1; passed <= slice; ++passed)
      source.slices[passed % kSlices] = {};
  }
  source.newest = slice;
}

RequestMeter::Answer RequestMeter::count(const Address& address, const Asked& asked,
                                         std::uint32_t limit_percent, const Now& now, Quench& quench) {
  ++counters_.asked;
  const Prefix prefix = source_of(address);
  Source& source = sources_.touch({prefix.network(), 0}, now.mono);
  if (sources_.size() > kMaxSources) {
    if (now.mono - sources_.oldest().touched < policy_.window) ++counters_.evicted;
    sources_.drop_oldest();
  }
  if (now.mono < source.quenched_until) {
    ++counters_.late;
    return Answer::quenched;
  }
  slide(source, slice_at(now.mono));
  Slice& slice = source.slices[source.newest % kSlices];
  add(slice.milli, asked.milli);
  add(slice.request_bytes, asked.request_bytes);
  add(slice.answer_bytes, asked.answer_bytes);
  std::uint64_t milli = 0;
  for (const Slice& each : source.slices) milli += each.milli;
  if (milli <= std::uint64_t{policy_.requests} * limit_percent * 10) return Answer::within;

  quench = {
      .prefix = prefix, .duration = policy_.duration, .requests = static_cast<std::uint32_t>(milli / 1000)};
  for (const Slice& each : source.slices) {
    quench.request_bytes += each.request_bytes;
    quench.answer_bytes += each.answer_bytes;
  }
  source.slices = {};
  source.quenched_until = now.mono + policy_.duration;
  ++counters_.quenched;
  return Answer::too_many;
}

}  // namespace coturn_guard
