// SPDX-License-Identifier: GPL-3.0-or-later
// Prints what Witness tells, one line each, until its input ends:
//   state available|unavailable sure|unsure WHY
//   closed|living|foreign LOCAL CLIENT counted|uncounted RECEIVED ACKED MONOTONIC_NANOSECONDS
//   sampled MICROSECONDS COUNT          a whole sample of the living, how long it took, how many they were
//   counters CLOSED FOREIGN SAMPLES OVERFLOWS MALFORMED SLOWEST_TURN_MICROSECONDS      at the end
// Words on its input: "ports LIST", "pause" (it reads nothing for half a second), "quiet" (no line for each
// connection). Usage: witness_driver PORT,PORT,...[;LISTED,...[;FIRST,LAST]] [RECEIVE_BYTES]:
// coturn's known ports, those that only the operator lists, and the relay ports. Run by witness_test.py.
#include <fmt/format.h>

#include <unistd.h>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "source/witness.hpp"

using namespace coturn_guard;

namespace {

// "3478,5349;8443;49152,65535": known ports, listed ones, the first and the last of the relay ports.
CoturnPorts to_ports(const std::string& text) {
  CoturnPorts ports;
  const std::array lists{&ports.known, &ports.listed, &ports.relay};
  std::istringstream parts(text);
  std::string part;
  for (std::size_t i = 0; i < lists.size() && std::getline(parts, part, ';'); ++i) {
    std::istringstream words(part);
    for (std::string word; std::getline(words, word, ',');) {
      const auto port = static_cast<std::uint16_t>(std::stoi(word));
      if (port != 0) lists.at(i)->push_back({port, port});
    }
  }
  if (ports.relay.size() == 2) ports.relay = {{ports.relay[0].first, ports.relay[1].last}};
  return ports;
}

std::string to_text(const Endpoint& endpoint) {
  return fmt::format("[{}]:{}", endpoint.address.to_string(), endpoint.port);
}

class Driver {
 public:
  Driver(const std::string& ports, int receive_bytes)
      : input_(io_, ::dup(STDIN_FILENO)),
        timer_(io_),
        witness_(io_, to_ports(ports), {},
                 {.connection = [this](const auto& c, const Now&) { on_connection(c); },
                  .batch_end = [](const Now&) { std::fflush(stdout); },
                  .state = [](const auto& state, const Now&) { on_state(state); },
                  .heard = [](const Now&) {},
                  .sampled = [this](const Now& begun, const Now& now) { on_sampled(begun, now); }},
                 receive_bytes) {}

  int run() {
    if (const auto started = witness_.start(); !started) {
      fmt::print("refused {}\n", started.error().message());
      return 1;
    }
    tick();
    read();
    while (!ended_) {
      const auto began = std::chrono::steady_clock::now();
      if (io_.poll_one() != 0)
        slowest_ = std::max(slowest_, std::chrono::steady_clock::now() - began);
      else if (io_.run_one() == 0)
        break;
    }
    const auto& c = witness_.counters();
    fmt::print("counters {} {} {} {} {} {}\n", c.closed, c.foreign, c.samples, c.overflows, c.malformed,
               std::chrono::duration_cast<std::chrono::microseconds>(slowest_).count());
    return 0;
  }

 private:
  void on_connection(const Connection& c) {
    const bool closed = c.state == Connection::State::closed;
    if (!closed) ++living_;
    if (quiet_) return;
    fmt::print("{} {} {} {} {} {} {}\n",
               c.foreign ? "foreign"
               : closed  ? "closed"
                         : "living",
               to_text(c.local), to_text(c.client), c.counted ? "counted" : "uncounted", c.received_bytes,
               c.acked_bytes, std::chrono::steady_clock::now().time_since_epoch().count());
  }
  static void on_state(const WitnessState& state) {
    fmt::print("state {} {} {}\n", state.available ? "available" : "unavailable",
               state.sure ? "sure" : "unsure", state.why);
    std::fflush(stdout);
  }
  void on_sampled(const Now& begun, const Now& now) {
    fmt::print("sampled {} {}\n",
               std::chrono::duration_cast<std::chrono::microseconds>(now.mono - begun.mono).count(), living_);
    living_ = 0;
    std::fflush(stdout);
  }
  void tick() {
    witness_.tick({std::chrono::steady_clock::now(), std::chrono::system_clock::now()});
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const auto& error) {
      if (!error) tick();
    });
  }
  void read() {
    boost::asio::async_read_until(input_, text_, '\n', [this](const auto& error, std::size_t) {
      ended_ = static_cast<bool>(error);
      if (error) return;
      std::istream lines(&text_);
      std::string word, list;
      lines >> word;
      if (word == "ports") {
        lines >> list;
        witness_.set_ports(to_ports(list));
      }
      quiet_ = quiet_ || word == "quiet";
      if (word == "pause") std::this_thread::sleep_for(std::chrono::milliseconds(500));
      lines.ignore();
      read();
    });
  }

  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor input_;
  boost::asio::steady_timer timer_;
  boost::asio::streambuf text_;
  Witness witness_;
  std::chrono::steady_clock::duration slowest_{};
  std::size_t living_ = 0;
  bool quiet_ = false, ended_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return Driver(argv[1], argc > 2 ? std::atoi(argv[2]) : Witness::kReceiveBytes).run();
}
