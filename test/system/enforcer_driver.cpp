// SPDX-License-Identifier: GPL-3.0-or-later
// Drives one Enforcer by words on standard input, for enforce_test.py: an io_context with the daemon's 1 s
// tick, and nothing else of the daemon. Prints one line an event, so that a test reads what an operator would
// be told.
//   enforcer_driver [--backend ipset|nftables|dry-run] [--max-bans N] [--longest SECONDS] [--ports A-B,C|all]
//   enforcer_driver --remove-everything
// Words: ban PREFIX SECONDS · unban PREFIX · flood COUNT SECONDS [6] · latency COUNT · count · list ·
// counters · health ·
//   withdraw · start · ports A-B,C|all · max-bans N · memory · quit
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "enforce/enforcer.hpp"

namespace coturn_guard {
namespace {

using std::chrono::steady_clock;

Now read_clocks() {
  return {steady_clock::now(), std::chrono::system_clock::now()};
}

void say(const std::string& line) {
  std::cout << line << '\n' << std::flush;
}

std::vector<PortRange> parse_ports(const std::string& text) {
  std::vector<PortRange> ports;
  if (text == "all") return ports;
  std::istringstream list(text);
  for (std::string range; std::getline(list, range, ',');) {
    const auto dash = range.find('-');
    const auto first = static_cast<std::uint16_t>(std::stoul(range.substr(0, dash)));
    const auto last =
        dash == std::string::npos ? first : static_cast<std::uint16_t>(std::stoul(range.substr(dash + 1)));
    ports.push_back({first, last});
  }
  return ports;
}

// The i-th distinct test network: 45.0.0.0/8 for IPv4, /64s of 2a01:100::/32.
Prefix numbered(std::uint32_t i, bool v6) {
  if (!v6) return {Address::v4(0x2d000001U + i * 2654435761U % 0x00fffffeU), 32};
  Address::Bytes bytes{0x2a, 0x01, 0x01, 0x00};
  for (unsigned k = 0; k < 4; ++k) bytes[4 + k] = static_cast<std::uint8_t>(i >> (24 - 8 * k));
  return {Address(bytes), 64};
}

long status_kilobytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
  return -1;
}

const char* word(Fate fate) {
  switch (fate) {
    case Fate::enforced: return "enforced";
    case Fate::lengthened: return "lengthened";
    case Fate::unchanged: return "unchanged";
    case Fate::failed: return "failed";
    case Fate::deferred: return "deferred";
  }
  return "?";
}

class Driver {
 public:
  Driver(boost::asio::io_context& io, const EnforcerOptions& options)
      : io_(io), options_(options), timer_(io), input_(io, ::dup(STDIN_FILENO)) {}

  bool begin(const std::string& backend) {
    EnforcerEvents events;
    events.done = [this](const Prefix& prefix, Fate fate) { done(prefix, fate); };
    events.pause = [](bool full) { say(full ? "pause" : "resume"); };
    events.notice = [](const EnforcerNotice& notice) { say("notice " + notice.event + " " + notice.text); };
    auto made = make_enforcer(io_, backend, options_, std::move(events));
    if (!made) {
      say("error " + made.error().message());
      return false;
    }
    enforcer_ = std::move(*made);
    if (!start()) return false;
    tick_later();
    read_later();
    return true;
  }

 private:
  bool start() {
    const auto started = enforcer_->start(read_clocks());
    say(started ? "started" : "error " + started.error().message());
    return started.has_value();
  }

  void tick_later() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      enforcer_->tick(read_clocks());
      tick_later();
    });
  }

  void read_later() {
    boost::asio::async_read_until(input_, buffer_, '\n',
                                  [this](const boost::system::error_code& error, std::size_t) {
                                    if (error) return io_.stop();
                                    std::istream stream(&buffer_);
                                    std::string line;
                                    std::getline(stream, line);
                                    obey(line);
                                    if (!io_.stopped()) read_later();
                                  });
  }

  void done(const Prefix& prefix, Fate fate) {
    if (expected_ == 0) return say("done " + prefix.to_string() + " " + word(fate));
    ++fates_[static_cast<std::size_t>(fate)];
    if (latency_left_ > 0) return next_latency();
    if (--expected_ > 0) return;
    const std::chrono::duration<double, std::milli> took = steady_clock::now() - begun_;
    say(fmt::format("flooded ms={:.1f} enforced={} unchanged={} failed={} deferred={}", took.count(),
                    fates_[0], fates_[2], fates_[3], fates_[4]));
  }

  void flood(std::uint32_t count, std::chrono::seconds duration, bool v6) {
    expected_ = count;
    fates_ = {};
    begun_ = steady_clock::now();
    const Now now = read_clocks();
    for (std::uint32_t i = 0; i < count; ++i) {
      enforcer_->ban(numbered(i, v6), duration, now);
      if (i % 1000 == 999) enforcer_->send();
    }
    enforcer_->send();
  }

  void next_latency() {
    if (!latencies_.empty()) latencies_.back() = steady_clock::now() - begun_;
    if (--latency_left_ == 0) {
      expected_ = 0;
      std::sort(latencies_.begin(), latencies_.end());
      const auto at = [&](std::size_t percent) {
        const auto index = std::min(latencies_.size() - 1, latencies_.size() * percent / 100);
        return std::chrono::duration<double, std::micro>(latencies_[index]).count();
      };
      return say(fmt::format("latency us p50={:.1f} p99={:.1f} max={:.1f}", at(50), at(99), at(100)));
    }
    // From the loop, not from within the answer: as the daemon would.
    boost::asio::post(io_, [this] {
      latencies_.emplace_back();
      begun_ = steady_clock::now();
      enforcer_->ban(numbered(0x100000U + latency_left_, false), std::chrono::seconds(600), read_clocks());
      enforcer_->send();
    });
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb, what;
    words >> verb;
    if (verb == "ban") {
      long seconds = 0;
      words >> what >> seconds;
      const auto prefix = Prefix::parse(what);
      if (!prefix) return say("error no prefix: " + what);
      enforcer_->ban(*prefix, std::chrono::seconds(seconds), read_clocks());
      enforcer_->send();
    } else if (verb == "unban") {
      words >> what;
      enforcer_->unban(*Prefix::parse(what));
      enforcer_->send();
      say("ok");
    } else if (verb == "flood") {
      std::uint32_t count = 0;
      long seconds = 0;
      words >> count >> seconds >> what;
      flood(count, std::chrono::seconds(seconds), what == "6");
    } else if (verb == "latency") {
      words >> latency_left_;
      ++latency_left_;
      expected_ = latency_left_ + 1;
      latencies_.clear();
      next_latency();
    } else if (verb == "count") {
      say(fmt::format("count {}", enforcer_->live_bans()));
    } else if (verb == "list") {
      std::string all = "list";
      for (const auto& prefix : enforcer_->banned()) all += " " + prefix.to_string();
      say(all);
    } else if (verb == "counters") {
      const auto& c = enforcer_->counters();
      say(fmt::format(
          "counters enforced={} lengthened={} unchanged={} failed={} rearmed={} repairs={} refused={}",
          c.enforced, c.lengthened, c.unchanged, c.failed, c.rearmed, c.repairs, c.refused));
    } else if (verb == "health") {
      say(enforcer_->healthy() ? "healthy" : "unhealthy");
    } else if (verb == "withdraw") {
      enforcer_->withdraw();
      say("ok");
    } else if (verb == "start") {
      static_cast<void>(start());
    } else if (verb == "ports" || verb == "max-bans") {
      words >> what;
      if (verb == "ports")
        options_.ports = parse_ports(what);
      else
        options_.max_bans = static_cast<std::uint32_t>(std::stoul(what));
      const auto changed = enforcer_->reconfigure(options_, read_clocks());
      say(changed ? "ok" : "error " + changed.error().message());
    } else if (verb == "memory") {
      say(fmt::format("memory anonymous_kb={} peak_kb={}", status_kilobytes("RssAnon"),
                      status_kilobytes("VmHWM")));
    } else if (verb == "quit") {
      io_.stop();
    } else {
      say("error what is " + line);
    }
  }

  boost::asio::io_context& io_;
  EnforcerOptions options_;
  std::unique_ptr<Enforcer> enforcer_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor input_;
  boost::asio::streambuf buffer_;
  steady_clock::time_point begun_;
  std::size_t expected_ = 0;  // answers until the flood is over; 0: each is told
  std::array<std::size_t, 5> fates_{};
  std::uint32_t latency_left_ = 0;
  std::vector<steady_clock::duration> latencies_;
};

int run(int argc, char** argv) {
  EnforcerOptions options{.ports = {{3478, 3479}, {5349, 5350}}};
  std::string backend = "ipset";
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--remove-everything") {
      const auto removed = remove_everything();
      say(removed ? "removed" : "error " + removed.error().message());
      return removed ? 0 : 1;
    }
    if (i + 1 == argc) return 2;
    const std::string value = argv[++i];
    if (option == "--backend")
      backend = value;
    else if (option == "--max-bans")
      options.max_bans = static_cast<std::uint32_t>(std::stoul(value));
    else if (option == "--longest")
      options.longest_timeout = std::chrono::seconds(std::stol(value));
    else if (option == "--ports")
      options.ports = parse_ports(value);
    else
      return 2;
  }
  boost::asio::io_context io{1};
  Driver driver(io, options);
  if (!driver.begin(backend)) return 1;
  io.run();
  return 0;
}

}  // namespace
}  // namespace coturn_guard

int main(int argc, char** argv) {
  return coturn_guard::run(argc, argv);
}
