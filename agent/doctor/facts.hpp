// SPDX-License-Identifier: GPL-3.0-or-later
// All that `doctor` knows before it judges: gathered once, passive, so that each check is a function that a
// test can ask without a machine to be ill.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config.hpp"
#include "doctor/access.hpp"
#include "doctor/coturn_version.hpp"
#include "doctor/logrotate.hpp"
#include "source/witness.hpp"
#include "source_choice.hpp"

namespace coturn_guard::doctor {

// turnserver.conf, as far as it can be wrong. Secrets are not in it.
struct CoturnOptions {
  std::string path;
  CoturnLog log = CoturnLog::unknown;
  bool verbose = false;
  std::uint16_t proxy_port = 0;  // tcp-proxy-port, 0: none
  bool on_loopback_only = false;
  bool web_admin_on_workers = false;
  bool web_admin = false;
  bool no_auth = false;
  bool unauthorized_ratelimit = false;
};

// The last lines of a log, at most kTailLines of them.
inline constexpr std::size_t kTailLines = 10'000;
struct LogTail {
  std::uint64_t lines = 0;
  std::uint64_t recognised = 0;     // had one of coturn's prefixes
  std::uint64_t hostile_texts = 0;  // records with text that no honest client sends, which may reach further
  std::uint64_t clients = 0;        // lines that name a client
  std::uint64_t most_frequent = 0;  // of one and the same address
  std::string address;              // that one
  std::optional<CoturnVersion> version;  // the last banner's
};

struct LogFile {
  std::string path;
  std::vector<PathPart> way;  // from / to the file
  std::uint64_t bytes = 0;
  std::chrono::seconds quiet{};  // since it was last written to
};

// A firewall that was saved to a file together with what is ours.
struct SavedRules {
  std::string path;
  std::size_t line = 0;
  bool nft = false;  // else iptables
};

struct Process {
  int id = 0;
  bool elsewhere = false;  // in another network namespace than ours
};

// What the kernel has, by address family (IPv4, IPv6). Absent: it could not be asked.
struct KernelFacts {
  std::string problem;  // why it could not be asked
  std::array<bool, 2> canary{};
  std::array<bool, 2> rule{};
};

struct Facts {
  // Of files.
  Problems config_problems;
  Config config;
  std::optional<CoturnOptions> coturn;
  std::string coturn_problem;  // there is a turnserver.conf, but it could not be read
  SourceChoice source;
  std::vector<LogFile> logs;              // behind the names that are followed
  std::vector<std::string> private_logs;  // coturn's, in a /tmp that only its unit sees
  std::optional<LogTail> tail;
  std::vector<Rotation> rotations;
  std::optional<CoturnVersion> version;
  std::string version_from;
  std::vector<std::string> jails;  // fail2ban's for coturn that are switched on, "coturn (/etc/…/jail.local)"
  std::vector<SavedRules> saved;
  std::optional<User> user;  // ours, with the groups that the unit adds

  // Of the running system; absent where only files were looked at.
  struct Live {
    JournalLook journal;
    std::string service;  // systemctl is-active: "active", "inactive", "failed"; "" where nobody knows
    std::string coturn;
    std::string fail2ban;
    std::vector<Process> coturns;
    std::optional<WitnessState> witness;
    std::string witness_problem;
    KernelFacts kernel;
    std::string
        gateway;  // that most customers come from, as the daemon says; empty: none, or it was not asked
    std::string breaker;                         // that it is open, and why
    std::string health_checks, private_sources;  // the first few, as the daemon says; empty: none
  };
  std::optional<Live> live;
};

}  // namespace coturn_guard::doctor
