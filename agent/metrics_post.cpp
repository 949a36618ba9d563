// SPDX-License-Identifier: GPL-3.0-or-later
#include "metrics_post.hpp"

#include "events.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::minutes kTryAgain{1};

}  // namespace

MetricsPost::MetricsPost(boost::asio::io_context& io, Log& log, const Collect& collect)
    : log_(log),
      server_(io, [collect](MetricFormat format) { return write_metrics(collect(), format); }),
      file_([collect] { return write_metrics(collect(), MetricFormat::prometheus_text); }) {}

void MetricsPost::configure(const Config& config, const Now& now) {
  file_.move_to(config.metrics_file);
  if (open_ && address_ == config.metrics) return;
  server_.stop();
  open_ = false;
  address_ = config.metrics;
  told_.clear();
  if (!address_.off()) open(now);
}

void MetricsPost::open(const Now& now) {
  tried_ = now.mono;
  if (auto started = server_.start(address_); !started) {
    if (told_ == started.error().message()) return;
    told_ = started.error().message();
    log_.write(events::kMetricsFailed,
               {{"problem", told_}, {"text", "no metrics there; everything else works"}}, now.mono);
    return;
  }
  open_ = true;
  log_.write(events::kMetrics, {{"text", "metrics are served at " + address_.to_string()}}, now.mono);
}

void MetricsPost::tick(const Now& now) {
  if (!open_ && !address_.off() && now.mono - tried_ >= kTryAgain) open(now);
  if (auto written = file_.tick(now.mono); !written)
    log_.write(events::kMetricsFailed, {{"problem", written.error().message()}}, now.mono);
}

void MetricsPost::close() {
  server_.stop();
  open_ = false;
  file_.move_to({});
}

}  // namespace coturn_guard
