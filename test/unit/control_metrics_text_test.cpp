// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_text.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

constexpr std::array kBounds{0.001, 1.0, 2.5};

MetricFamily family(MetricKind kind, std::vector<MetricSample> samples, std::string_view unit = {}) {
  MetricFamily made;
  made.name = "x";
  made.kind = kind;
  made.unit = unit;
  made.help = "Something.";
  made.samples = std::move(samples);
  return made;
}

std::string written(const MetricFamily& one, MetricFormat format = MetricFormat::open_metrics) {
  return write_metrics({&one, 1}, format);
}

}  // namespace

TEST_CASE("a counter's samples end in _total, its family only in the older format", "[control][metrics]") {
  const auto counter = family(MetricKind::counter, {{{}, 7}});
  CHECK(written(counter) == "# HELP x Something.\n# TYPE x counter\nx_total 7\n# EOF\n");
  CHECK(written(counter, MetricFormat::prometheus_text) ==
        "# HELP x_total Something.\n# TYPE x_total counter\nx_total 7\n");
}

TEST_CASE("an info is a gauge of 1 in the older format", "[control][metrics]") {
  const auto info = family(MetricKind::info, {{{{"version", "1"}}, 1}});
  CHECK(written(info) == "# HELP x Something.\n# TYPE x info\nx_info{version=\"1\"} 1\n# EOF\n");
  CHECK(written(info, MetricFormat::prometheus_text) ==
        "# HELP x_info Something.\n# TYPE x_info gauge\nx_info{version=\"1\"} 1\n");
}

TEST_CASE("a histogram's buckets count everything below", "[control][metrics]") {
  Distribution distribution(kBounds);
  for (const double value : {0.001, 0.0011, 1.0, 3.0}) distribution.add(value);
  auto histogram = family(MetricKind::histogram, {});
  histogram.distribution = &distribution;
  CHECK(written(histogram) ==
        "# HELP x Something.\n# TYPE x histogram\n"
        "x_bucket{le=\"0.001\"} 1\nx_bucket{le=\"1.0\"} 3\nx_bucket{le=\"2.5\"} 3\nx_bucket{le=\"+Inf\"} 4\n"
        "x_sum 4.0021\nx_count 4\n# EOF\n");
}

TEST_CASE("hostile label values stay inside their quotes", "[control][metrics]") {
  const auto gauge = family(MetricKind::gauge, {{{{"a", "\"\\\n\r\x01\xff{}"}, {"b", ""}}, 1}});
  CHECK(written(gauge).find("x{a=\"\\\"\\\\\\n???{}\",b=\"\"} 1\n") != std::string::npos);
}

TEST_CASE("numbers are exact, and what is none is told as such", "[control][metrics]") {
  const auto gauge = family(MetricKind::gauge, {{{}, 9007199254740992.0},
                                                {{}, 0.25},
                                                {{}, -3},
                                                {{}, 1e300},
                                                {{}, std::nan("")},
                                                {{}, std::numeric_limits<double>::infinity()}});
  CHECK(written(gauge, MetricFormat::prometheus_text) ==
        "# HELP x Something.\n# TYPE x gauge\nx 9007199254740992\nx 0.25\nx -3\nx 1e+300\nx NaN\nx +Inf\n");
}

TEST_CASE("OpenMetrics is written for who asks for it and prefers nothing else", "[control][metrics]") {
  using F = MetricFormat;
  for (const auto* accept :
       {"application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8, text/plain;q=0.5",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version="
        "0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
    CHECK(choose_format(accept) == F::open_metrics);
  for (const auto* accept :
       {"", "*/*", "text/plain", "text/html, */*", "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=2.0.0", "application/openmetrics-text;q=0.3,text/plain;q=0.4",
        "application/openmetrics-text;q=nonsense", ";;;,,,;q=", "application/openmetrics-text;q=9999999999"})
    CHECK(choose_format(accept) == F::prometheus_text);
}
