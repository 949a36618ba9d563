// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace coturn_guard {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

std::string_view type_word(MetricKind kind, MetricFormat format) {
  switch (kind) {
    case MetricKind::counter: return "counter";
    case MetricKind::gauge: return "gauge";
    case MetricKind::histogram: return "histogram";
    // The older format has no such type, and a constant is a gauge.
    case MetricKind::info: return format == MetricFormat::open_metrics ? "info" : "gauge";
  }
  return "unknown";
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == std::trunc(value) && std::abs(value) <= kExactIntegers)
    return std::to_string(static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

// Bounds are labels, compared as text: the same in both formats, in OpenMetrics' canonical spelling.
std::string bound_text(double bound) {
  std::string text = fmt::format("{}", bound);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void append_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
}

void append_sample(std::string& out, std::string_view name, std::span<const MetricLabel> labels,
                   double value) {
  out += name;
  if (!labels.empty()) {
    char separator = '{';
    for (const auto& label : labels) {
      out += separator;
      out += label.name;
      out += "=\"";
      append_value(out, label.value);
      out += '"';
      separator = ',';
    }
    out += '}';
  }
  out += ' ';
  out += number(value);
  out += '\n';
}

void append_distribution(std::string& out, std::string_view name, const Distribution& distribution) {
  const std::string bucket = std::string(name) + "_bucket";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < distribution.counts().size(); ++i) {
    below += distribution.counts()[i];
    const bool last = i == distribution.bounds().size();
    const MetricLabel bound{"le", last ? "+Inf" : bound_text(distribution.bounds()[i])};
    append_sample(out, bucket, {&bound, 1}, static_cast<double>(below));
  }
  append_sample(out, std::string(name) + "_sum", {}, distribution.sum());
  append_sample(out, std::string(name) + "_count", {}, static_cast<double>(below));
}

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  const auto end = text.find_last_not_of(" \t");
  return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end + 1 - begin);
}

// Takes what stands before the separator off the front.
std::string_view take_until(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto part = trimmed(text.substr(0, at));
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

// "q=0.75": digits, at most three after the dot. What is none is no preference at all.
int thousandths(std::string_view text) {
  int value = 0;
  int place = 1000;
  bool after_dot = false;
  for (const char c : text) {
    if (c == '.' && !after_dot) {
      after_dot = true;
    } else if (c >= '0' && c <= '9' && (place > 1 || !after_dot)) {
      if (after_dot) place /= 10;
      value += (c - '0') * place;
    } else {
      return 0;
    }
    if (value > 1000) return 0;
  }
  return value;
}

}  // namespace

std::string sample_name(const MetricFamily& family) {
  std::string name(family.name);
  if (family.kind == MetricKind::counter) name += "_total";
  if (family.kind == MetricKind::info) name += "_info";
  return name;
}

std::string write_metrics(std::span<const MetricFamily> families, MetricFormat format) {
  const bool open = format == MetricFormat::open_metrics;
  std::string out;
  out.reserve(families.size() * 256);
  for (const auto& family : families) {
    const std::string samples = sample_name(family);
    // The older format knows no family behind the samples' names.
    const std::string_view described = open ? family.name : std::string_view(samples);
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", described, family.help, described,
                   type_word(family.kind, format));
    if (open && !family.unit.empty())
      fmt::format_to(std::back_inserter(out), "# UNIT {} {}\n", family.name, family.unit);
    if (family.distribution != nullptr) append_distribution(out, samples, *family.distribution);
    for (const auto& sample : family.samples) append_sample(out, samples, sample.labels, sample.value);
  }
  if (open) out += "# EOF\n";
  return out;
}

MetricFormat choose_format(std::string_view accept) {
  int open = 0;
  int plain = 0;
  while (!accept.empty()) {
    auto wish = take_until(accept, ',');
    const auto type = take_until(wish, ';');
    int quality = 1000;
    bool known = true;
    while (!wish.empty()) {
      const auto parameter = take_until(wish, ';');
      if (parameter.starts_with("q=")) quality = thousandths(parameter.substr(2));
      if (parameter.starts_with("version=") && type == "application/openmetrics-text")
        known = parameter == "version=1.0.0" || parameter == "version=0.0.1";
    }
    if (type == "application/openmetrics-text" && known) open = std::max(open, quality);
    if (type == "text/plain") plain = std::max(plain, quality);
  }
  return open > 0 && open >= plain ? MetricFormat::open_metrics : MetricFormat::prometheus_text;
}

std::string_view content_type(MetricFormat format) {
  return format == MetricFormat::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace coturn_guard
