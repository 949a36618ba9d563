// SPDX-License-Identifier: GPL-3.0-or-later
// The keys `metrics` and `metrics_file`: where the agent's numbers are told. Whether one may listen or write
// there is found out when it is tried.
#include <fmt/format.h>
#include <sys/un.h>

#include "config_reader.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view kUnix = "unix:";

tl::unexpected<ValueProblem> wrong(std::string what) {
  return tl::unexpected<ValueProblem>({std::move(what)});
}

Value<MetricsAddress> read_metrics_address(std::string_view text) {
  if (text.starts_with(kUnix)) {
    const auto path = read_path(text.substr(kUnix.size()));
    if (!path) return tl::unexpected<ValueProblem>({path.error().what, kUnix.size() + path.error().position});
    if (path->size() > kLongestSocketPath)
      return wrong(fmt::format("the path of a socket has at most {} bytes", kLongestSocketPath));
    return MetricsAddress{.tcp = {}, .path = *path};
  }
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0)
    return wrong(fmt::format(
        "\"{}\" is neither off nor an address with a port, as 127.0.0.1:9105 or \"[::1]:9105\" (in quotes), "
        "nor unix:/run/coturn-guard/metrics.sock",
        escape(text)));
  if (!endpoint->address.is_loopback())
    return wrong(fmt::format(
        "{} can be reached from outside, and everybody who reaches it reads the metrics: there is neither a "
        "password nor encryption; use 127.0.0.1:{} and put a proxy with TLS before it",
        endpoint->address.to_string(), endpoint->port));
  return MetricsAddress{.tcp = *endpoint, .path = {}};
}

}  // namespace

void ConfigReader::metrics(const ConfigNode& node) {
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (*text == "off") {
    config_.metrics = {};
    return;
  }
  store(node, read_metrics_address(*text),
        [this](const MetricsAddress& address) { config_.metrics = address; });
}

void ConfigReader::metrics_file(const ConfigNode& node) {
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (*text == "off")
    config_.metrics_file.clear();
  else
    store(node, read_path(*text), [this](const std::string& path) { config_.metrics_file = path; });
}

}  // namespace coturn_guard
