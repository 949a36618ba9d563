// SPDX-License-Identifier: GPL-3.0-or-later
// Metrics as text, in OpenMetrics 1.0 or in the older Prometheus text format 0.0.4 (what node_exporter reads
// from files). Pure: families in, text out; what is counted, and who may read it, is known elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/distribution.hpp"

namespace coturn_guard {

enum class MetricKind : std::uint8_t { counter, gauge, histogram, info };
enum class MetricFormat : std::uint8_t { prometheus_text, open_metrics };

struct MetricLabel {
  std::string_view name;
  std::string value;  // any bytes: what is no printable ASCII is written as '?'
};

struct MetricSample {
  std::vector<MetricLabel> labels;
  double value = 0;  // a counter is exact up to 2^53
};

// Texts live for ever: they come from tables.
struct MetricFamily {
  std::string_view name;  // without the _total of a counter and the _info of an info
  MetricKind kind = MetricKind::gauge;
  std::string_view unit;  // "seconds" or "bytes", which the name then ends with; else empty
  std::string_view help;
  std::vector<MetricSample> samples;
  const Distribution* distribution = nullptr;  // of a histogram: instead of samples; borrowed
};

// The name of the family's samples: with _total or _info. A histogram's have _bucket, _count and _sum behind
// it.
[[nodiscard]] std::string sample_name(const MetricFamily& family);

[[nodiscard]] std::string write_metrics(std::span<const MetricFamily> families, MetricFormat format);

// What an HTTP client wants by its Accept header (RFC 9110, section 12.5.1); OpenMetrics only where it is
// named and nothing else is preferred.
[[nodiscard]] MetricFormat choose_format(std::string_view accept);
[[nodiscard]] std::string_view content_type(MetricFormat format);

}  // namespace coturn_guard
