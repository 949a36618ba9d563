// SPDX-License-Identifier: GPL-3.0-or-later
#include "measurements.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/catch.hpp"
#include "support/detect.hpp"
#include "support/temporary_directory.hpp"

using namespace coturn_guard;
using std::chrono::steady_clock;

namespace {

// Everything that App has, without the kernel: simulated bans, a log file that is not there.
struct Guard {
  boost::asio::io_context io;
  Log log{Log::Sink::terminal};
  Announcer announcer{log};
  Config config;
  Pipeline pipeline{Recogniser::create(RuleSet::create(test::shipped_rules()).value(), "").value(),
                    Policy{},
                    {1, 2},
                    Allowlist{}};
  std::unique_ptr<Enforcer> enforcer{make_enforcer(io, "dry-run", {}, {}).value()};
  std::unique_ptr<LineSource> source{make_source(io, "file", {"/nonexistent/coturn.log"}, false, {}).value()};
  GatePost gate{io, log, announcer, {}};
  VerdictMeter verdicts{HashSeed{3, 4}};
  MetricsPost post{io, log, [] { return std::vector<MetricFamily>{}; }};
  ReloadCounters reloads;

  [[nodiscard]] std::vector<MetricFamily> measured(steady_clock::time_point read_up = {}) const {
    return measure({.config = config,
                    .pipeline = pipeline,
                    .enforcer = *enforcer,
                    .source = *source,
                    .gate = gate,
                    .verdicts = verdicts,
                    .post = post,
                    .log = log,
                    .reloads = reloads,
                    .source_kind = "file",
                    .enforcer_name = "dry-run",
                    .simulated = true,
                    .read_up = read_up},
                   steady_clock::now());
  }
};

const MetricFamily& named(const std::vector<MetricFamily>& families, std::string_view name) {
  const auto found =
      std::find_if(families.begin(), families.end(), [&](const auto& f) { return f.name == name; });
  INFO(name);
  REQUIRE(found != families.end());
  return *found;
}

bool ends_in_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return name.ends_with(end); });
}

Verdict verdict(const Prefix& prefix) {
  Verdict passed;
  passed.prefix = prefix;
  passed.duration = std::chrono::minutes(1);
  return passed;
}
Verdict verdict(const char* prefix) {
  return verdict(*Prefix::parse(prefix));
}

}  // namespace

TEST_CASE("each family of metrics appears once, and its name tells its kind and unit", "[metrics]") {
  const Guard guard;
  const auto families = guard.measured();
  std::set<std::string> names;
  for (const auto& family : families) {
    INFO(family.name);
    CHECK(names.insert(sample_name(family)).second);
    CHECK((family.name.starts_with("coturn_guard_") || family.name.starts_with("process_")));
    CHECK(family.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
    // What a format appends must not stand in a name.
    CHECK_FALSE(ends_in_any(family.name, {"_total", "_info", "_bucket", "_count", "_sum", "_created"}));
    CHECK(ends_in_any(family.name, {"_seconds"}) == (family.unit == "seconds"));
    CHECK(ends_in_any(family.name, {"_bytes"}) == (family.unit == "bytes"));
    CHECK(family.help.ends_with('.'));
    CHECK(family.help.find_first_of("\"\\\n") == std::string_view::npos);
    CHECK((family.distribution != nullptr) == (family.kind == MetricKind::histogram));
    std::set<std::string> series;
    for (const auto& sample : family.samples) {
      std::string labels;
      for (const auto& label : sample.labels) labels += std::string(label.name) + "=" + label.value + ",";
      CHECK(series.insert(labels).second);
      if (family.kind == MetricKind::counter) CHECK(sample.value >= 0);
    }
  }
  CHECK(families.size() > 100);
}

TEST_CASE("the manual page lists every metric, and none that there is not", "[metrics]") {
  const Guard guard;
  std::set<std::string> known;
  for (const auto& family : guard.measured()) known.insert(sample_name(family));
  std::set<std::string> listed;
  std::istringstream page(test::read_file("packaging/man/coturn-guard-metrics.7"));
  for (std::string line; std::getline(page, line);) {
    constexpr std::string_view kItem = ".It Sy ";
    if (!line.starts_with(kItem)) continue;
    CHECK(listed.insert(line.substr(kItem.size(), line.find(' ', kItem.size()) - kItem.size())).second);
  }
  CHECK(listed == known);
}

TEST_CASE("offences are told by rule and evidence, also those that nobody did yet", "[metrics]") {
  Guard guard;
  Outcome outcome;
  const std::string line =
      "5: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer 203.0.113.5:1001";
  guard.pipeline.take(Line{.text = line, .stream = 1}, Now{steady_clock::now(), {}}, outcome);
  std::map<std::string, double> counted;
  const auto families = guard.measured();
  for (const auto& sample : named(families, "coturn_guard_offences").samples)
    counted[sample.labels[0].value + "/" + sample.labels[1].value] = sample.value;
  CHECK(counted.at("connection-reset/claimed") == 1);
  CHECK(counted.at("connection-reset/proven") == 0);
  CHECK(counted.size() == test::shipped_rules().rules.size() * 4);
  CHECK(named(families, "coturn_guard_lines").samples[0].value == 1);
}

TEST_CASE("what is not read yet is told in bytes, and in seconds since all was read", "[metrics]") {
  Guard guard;
  const TemporaryDirectory directory;
  const auto path = directory / "coturn.log";
  std::ofstream(path) << std::string(1000, 'x');
  const auto now = steady_clock::now();
  const auto told = [&](const char* name) {
    return named(guard.measured(now - std::chrono::seconds(5)), name).samples[0].value;
  };
  CHECK(told("coturn_guard_source_lag_seconds") == 0);
  guard.source = make_source(guard.io, "file", {path}, true, {}).value();
  guard.source->start();  // and nobody runs the loop
  CHECK(told("coturn_guard_source_lag_bytes") == 1000);
  CHECK(told("coturn_guard_source_lag_seconds") >= 5);
  while (guard.source->lag_bytes() > 0) guard.io.run_one();
  CHECK(told("coturn_guard_source_lag_bytes") == 0);
  CHECK(told("coturn_guard_source_lag_seconds") == 0);
}

TEST_CASE("a verdict is timed until the kernel has it, and no longer", "[metrics]") {
  Guard guard;
  auto& meter = guard.verdicts;
  const Now came{steady_clock::time_point(std::chrono::hours(1)), {}};
  meter.passed({verdict("192.0.2.1"), verdict("192.0.2.2"), verdict("2001:db8::/64")}, guard.pipeline.rules(),
               true, came);
  CHECK(meter.waiting() == 3);
  const auto later = came.mono + std::chrono::milliseconds(3);
  meter.answered(*Prefix::parse("192.0.2.1"), Fate::enforced, later);
  meter.answered(*Prefix::parse("192.0.2.2"), Fate::failed, later);
  meter.answered(*Prefix::parse("192.0.2.9"), Fate::enforced, later);  // nobody asked
  meter.answered(*Prefix::parse("2001:db8::/64"), Fate::lengthened, later + std::chrono::seconds(20));
  CHECK(meter.waiting() == 0);
  const auto& taken = meter.line_to_kernel();
  CHECK(std::abs(taken.sum() - 20.006) < 1e-9);
  CHECK(taken.counts()[5] == 1);  // over 2.5 ms, up to 5 ms
  CHECK(taken.counts().back() == 1);
  meter.passed({verdict("192.0.2.3")}, guard.pipeline.rules(), false, came);
  CHECK(meter.waiting() == 0);
}

TEST_CASE("verdicts that wait for the kernel are bounded, and the rest is counted", "[metrics]") {
  Guard guard;
  std::vector<Verdict> many;
  for (std::uint32_t i = 0; i < VerdictMeter::kMaxWaiting + 10; ++i)
    many.push_back(verdict(Prefix(Address::v4(0x0a000000 + i), 32)));
  guard.verdicts.passed(many, guard.pipeline.rules(), true, Now{});
  CHECK(guard.verdicts.waiting() == VerdictMeter::kMaxWaiting);
  CHECK(guard.verdicts.untimed() == 10);
  guard.verdicts.forget_waiting();
  CHECK(guard.verdicts.waiting() == 0);
}
