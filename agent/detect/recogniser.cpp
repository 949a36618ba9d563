// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/recogniser.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "detect/announcements.hpp"
#include "detect/banner.hpp"
#include "detect/record.hpp"
#include "detect/rest_name.hpp"
#include "detect/session_number.hpp"
#include "detect/stream.hpp"
#include "detect/taint.hpp"
#include "detect/time_format.hpp"
#include "model/log_number.hpp"

namespace coturn_guard {
namespace {

// Before that day (in 2001) no clock is set, and a replay may begin at zero: nothing is known to be past.
constexpr std::chrono::seconds kClockIsSet{1'000'000'000};
// Written in a second, and read a little after it.
constexpr std::chrono::seconds kReadLate{1};

// Coturn's own words for a connection that was established. A user's name may hold them, too, but stands
// neither at the beginning nor, with its "> realm", behind the reason.
bool shows_handshake(std::string_view message) {
  for (const std::string_view begin : {"TCP socket ", "TLS/TCP socket ", "SCTP socket ", "TLS/SCTP socket "})
    if (message.starts_with(begin)) return true;
  if (!message.starts_with("closed (")) return false;
  constexpr std::string_view kReason = ", reason: ";
  const std::size_t at = message.rfind(kReason);
  if (at == std::string_view::npos) return false;
  const std::string_view reason = message.substr(at + kReason.size());
  return reason.starts_with("TCP ") || reason.starts_with("TLS/TCP ");
}

Speech speech_of(const Rule& rule, const Event& event) {
  if (event.client && !rule.login) return Speech::names_client;
  // It names nobody, and whatever follows in it, its beginning is coturn's.
  if (rule.witnessed == Witnessed::admin) return Speech::accuses;
  return rule.session && !rule.login && !rule.closes ? Speech::accuses : Speech::other;
}

}  // namespace

struct Recogniser::State {
  // A text in the line at hand, which reaches beyond it.
  struct OwnText {
    Reach reach;
    std::string_view tail;  // empty: the line can never be proven
  };
  // The line at hand, on its way.
  struct Visit {
    const Line& line;
    const Now& now;
    std::vector<Event>& events;
    Stream& stream;
    std::uint32_t log = 0;       // Line::log, or that of a coturn within it
    bool within = false;         // begins within the reach of an earlier text, be it proven or not
    bool tainted_front = false;  // and it is proven to hold newlines, or can never be
  };

  State(RuleSet set, LogClocks log_clocks) : rules(std::move(set)), clocks(std::move(log_clocks)) {}

  void begin(std::vector<Event>& events);
  Stream& stream(StreamId id);
  void take(Visit& visit);
  void take_unrecognised(Visit& visit);
  void end_record(Visit& visit);
  void look_for_glued(const Visit& visit, std::size_t from);
  std::optional<OwnText> own_text(const Visit& visit, const Record& record, std::size_t& text_begin);
  void see_banner(const Visit& visit, std::string_view text);
  void recognise(const Visit& visit, const Record& record, bool own_format,
                 const std::optional<OwnText>& own);
  [[nodiscard]] bool settle_announcement(Event& event, const Extent& extent);
  void pass_on_rest_name(Event& event) const;
  void hand_on(Stream& stream, Event& event, const Extent& extent, std::vector<Event>& events);
  void release(Stream& stream, std::vector<Event>& events);
  void drop(Stream& stream);
  void date_doubted(std::uint32_t log, std::vector<Event>& events);
  Deed tell(const LineTime& time, std::vector<Event>& events);
  void note_late(std::uint32_t log, std::uint32_t by, std::chrono::steady_clock::duration late);
  [[nodiscard]] std::chrono::steady_clock::duration late(std::uint32_t log, const Now& now) const;

  RuleSet rules;
  TimeFormat time_format;
  std::vector<std::string> tags;
  LogClocks clocks;
  Deed deed;  // of the line at hand
  LineTime line_time;
  // By Event::log, of its last line: how much later than it was written it came.
  struct Lateness {
    std::uint32_t log = 0;
    std::uint32_t clock = 0;  // Deed::log
    std::chrono::steady_clock::duration late{};
  };
  std::vector<Lateness> lateness;
  std::optional<std::chrono::steady_clock::time_point> unread_since;
  std::chrono::steady_clock::time_point first_lines_until;
  std::vector<Dating> datings;
  Announcements announcements;
  bool all_announced = false;
  std::vector<Stream> streams;
  std::size_t current = 0;  // the stream of the last line: nearly always that of the next
  std::uint64_t clock = 0;
  std::string last_time_text;        // kept, not borrowed: lines that prove nothing leave it as it was
  std::vector<Event> dropped;        // of streams that are gone: for the next call
  std::deque<HeldEvent> last_words;  // their texts
  std::optional<std::uint32_t> restarted_log;
  std::vector<std::pair<std::uint32_t, std::string>> versions;  // by log, the latest last
  std::uint64_t forged = 0;                                     // by streams that are gone
  std::uint64_t undecided = 0;                                  // by rules that are gone
  DetectCounters counters;
};

// What the last call handed on is no longer borrowed.
void Recogniser::State::begin(std::vector<Event>& events) {
  restarted_log.reset();
  datings.clear();
  if (!dropped.empty()) {
    events.insert(events.end(), dropped.begin(), dropped.end());
    dropped.clear();
  } else if (!last_words.empty()) {
    last_words.clear();
  }
}

Stream& Recogniser::State::stream(StreamId id) {
  if (current < streams.size() && streams[current].id == id) return streams[current];
  ++clock;
  const auto found =
      std::find_if(streams.begin(), streams.end(), [id](const Stream& s) { return s.id == id; });
  current = static_cast<std::size_t>(found - streams.begin());
  if (found == streams.end()) {
    if (streams.size() < kMaxStreams) {
      streams.emplace_back();
    } else {
      const auto oldest =
          std::min_element(streams.begin(), streams.end(),
                           [](const Stream& a, const Stream& b) { return a.last_used < b.last_used; });
      current = static_cast<std::size_t>(oldest - streams.begin());
      oldest->taint.distrust();
      drop(*oldest);
      *oldest = Stream();
      ++counters.streams_dropped;
    }
    streams[current].id = id;
  }
  streams[current].last_used = clock;
  return streams[current];
}

// A record that was cut at coturn's limit has no newline, so the next begins in the middle of a line; some
// others of coturn's lack theirs, too. Where that can be, look for attackers' texts anywhere in the line from
// `from` on.
void Recogniser::State::look_for_glued(const Visit& visit, std::size_t from) {
  const std::size_t end = rules.forgeable_anywhere(visit.line.text.substr(from));
  if (end == 0) return;
  const std::uint64_t until = visit.line.offset + from + end;
  visit.stream.taint.add({until, until, 0}, false);
  // at the latest its record begins there
  visit.stream.may_be_cut(visit.line.offset + visit.line.text.size());
}

// Where in the line the text begins is where a record that is glued to this one can begin at the earliest.
std::optional<Recogniser::State::OwnText> Recogniser::State::own_text(const Visit& visit,
                                                                      const Record& record,
                                                                      std::size_t& text_begin) {
  const Line& line = visit.line;
  text_begin = static_cast<std::size_t>(record.message.data() - line.text.data());
  const std::optional<ForgeableText> text = rules.forgeable(record.message);
  if (!text) return std::nullopt;
  text_begin += text->begin;
  const std::size_t limit = record.wrapper_bytes + kRecordLimitBytes;
  const std::size_t text_end = text_begin + text->bytes;
  const bool may_be_cut = text_end + text->tail_bytes + 2 > limit;
  if (may_be_cut) visit.stream.may_be_cut(line.offset + record.wrapper_bytes);
  const std::uint64_t until = line.offset + std::min(text_end, limit);
  const bool has_front = may_be_cut || text->tail_bytes != 0;
  // A front that may be an attacker's names him only where it names the one who is known for it.
  const std::uint64_t session = session_number(record.session);
  const bool sure = !visit.tainted_front || session == visit.stream.taint.reach().owner;
  OwnText own{{until, has_front ? until : 0, sure ? session : 0}, text->tail};
  // Provable is a line that shows its tail where coturn cannot have cut it away.
  const bool shows_tail = !text->tail.empty() &&
                          text_end + text->tail.size() < record.wrapper_bytes + kShortestCutBytes &&
                          line.text.substr(text_begin, text->bytes + text->tail.size()).find(text->tail) !=
                              std::string_view::npos;
  if (!shows_tail || visit.tainted_front) own.tail = {};
  if (!text->usual || (!text->tail.empty() && !shows_tail)) ++counters.taints;
  return own;
}

void Recogniser::State::see_banner(const Visit& visit, std::string_view text) {
  const std::string_view version = banner_version(text);
  if (version.empty()) return;
  // Sessions of an earlier run that are known already began after it.
  if (!visit.line.known) {
    restarted_log = visit.log;
    clocks.restarted(visit.line.log, visit.now);
  }
  visit.stream.forget_sessions();  // their numbers begin again
  std::erase_if(versions, [&](const auto& known) { return known.first == visit.log; });
  if (versions.size() >= kMaxStreams) versions.erase(versions.begin());
  versions.emplace_back(visit.log, version);
}

// Where it can't be told whether the line was announced, the milder of the two rules has it, or, where the
// announced one is worse, an accusation tells of it later.
// True: then.
bool Recogniser::State::settle_announcement(Event& event, const Extent& extent) {
  const bool certain = event.evidence != Evidence::tainted;
  const Announcements::Position at{extent.line, extent.previous};
  if (rules.announces(event.rule)) announcements.announce(event, at, certain);
  if (event.client && certain && extent.shows_handshake) announcements.shook_hands(event.log, event.session);
  const std::optional<RuleId> unannounced = rules.unannounced(event.rule);
  if (!unannounced || all_announced) {
    pass_on_rest_name(event);
    return false;
  }
  const bool milder = rules.trait(*unannounced).points < rules.trait(event.rule).points;
  const std::vector<RuleId>& announced_by = rules.announced_by(event.rule);
  const auto [answer, peer] = announcements.take(event, announced_by, at, certain, milder);
  if (!event.peer) event.peer = peer;
  if (answer == Announcements::Answer::contested) {
    pass_on_rest_name(event);
    announcements.accuse(event, announced_by, at);
    return true;
  }
  if (answer != Announcements::Answer::announced && (answer != Announcements::Answer::uncertain || milder)) {
    ++counters.unannounced;
    rules.pass_on(event, *unannounced);
  }
  pass_on_rest_name(event);
  return false;
}

// A name whose time has passed is an old customer's; one with a time to come was made without the secret.
void Recogniser::State::pass_on_rest_name(Event& event) const {
  const auto wall = std::chrono::duration_cast<std::chrono::seconds>(event.deed.now.wall.time_since_epoch());
  const std::optional<RuleId> if_expired = rules.if_expired(event.rule);
  const std::optional<RuleId> if_unexpired = rules.if_unexpired(event.rule);
  if (!if_expired && !if_unexpired) return;
  if (wall < kClockIsSet) return;
  const std::optional<std::chrono::seconds> until = good_until(event.user);
  if (!until) return;
  const std::optional<RuleId> other = *until < wall ? if_expired : if_unexpired;
  if (other) rules.pass_on(event, *other);
}

void Recogniser::State::recognise(const Visit& visit, const Record& record, bool own_format,
                                  const std::optional<OwnText>& own) {
  const Line& line = visit.line;
  Stream& stream = visit.stream;
  Extent extent{line.offset, line.offset + line.text.size(), counters.lines};
  // What may be an attacker's shows no thread's progress.
  if (own_format && !visit.tainted_front && !record.session.empty())
    extent.previous = announcements.pass(visit.log, record.session, extent.line);
  extent.shows_handshake = !record.session.empty() && shows_handshake(record.message);
  // A line that ends behind its own text's reach needs no proof.
  const bool waits = own && !own->tail.empty() && extent.end <= own->reach.until;
  std::optional<Event> event = rules.match(record.message, record.session);
  Speech speech = Speech::other;
  if (event) {
    speech = speech_of(rules.rule(event->rule), *event);
    event->count = record.repeat;
    event->log = visit.log;
    event->fresh = line.fresh;
    event->known = line.known;
    event->at = {line.stream, line.place};
    event->deed = deed;
    // else another is glued to it, or it was cut
    const bool complete = line.text.size() - record.wrapper_bytes < kShortestCutBytes;
    if (!own_format || !complete) event->evidence = Evidence::tainted;
    if (!line.whole) {
      weigh(*event, speech, extent, stream.taint.reach());
      if (own && !waits) weigh_own(*event, speech, extent, own->reach.until);
    }
  }
  const bool event_waits = event && event->evidence != Evidence::tainted &&
                           (stream.taint.is_holding() || (waits && speech != Speech::accuses));
  if (event_waits) ++counters.held;
  if (event && !event_waits) hand_on(stream, *event, extent, visit.events);
  if (waits)
    stream.taint.hold_text(own->reach, own->tail, event_waits ? &*event : nullptr, speech, extent, visit.now);
  else if (event_waits)
    stream.taint.hold(*event, speech, extent);
  if (own && !waits) stream.taint.add(own->reach, !visit.tainted_front);
}

void Recogniser::State::hand_on(Stream& stream, Event& event, const Extent& extent,
                                std::vector<Event>& events) {
  const bool contested = settle_announcement(event, extent);
  if (event.evidence == Evidence::tainted) {
    if (!event.known) ++counters.tainted;
  } else if (!event.session.empty() && event.points > Points{}) {
    if (rules.rule(event.rule).unless_counted && stream.has_counted(event.log, event.session)) {
      ++counters.repeated;
      event.points = {};  // it still tells whose the session was, and that it ended
    } else {
      stream.count_session(event.log, event.session);
    }
  }
  if (contested) event.points = {};  // an accusation has them
  if (event.known) return;
  ++counters.events;
  events.push_back(event);
}

void Recogniser::State::release(Stream& stream, std::vector<Event>& events) {
  stream.taint.release([&](const LineTime& time) { return tell(time, events); },
                       [&](HeldEvent& held) { hand_on(stream, held.event, held.extent, events); });
}

// Its last words wait for the next call.
void Recogniser::State::drop(Stream& stream) {
  stream.taint.release([&](const LineTime& time) { return tell(time, dropped); },
                       [&](const HeldEvent& held) {
                         last_words.push_back(held);
                         hand_on(stream, last_words.back().event, held.extent, dropped);
                       });
  forged += stream.taint.forged();
}

void Recogniser::State::take_unrecognised(Visit& visit) {
  ++counters.unrecognised;
  if (!visit.within && !banner_version(visit.line.text).empty()) {
    visit.stream.begin_anew();
    see_banner(visit, visit.line.text);
  }
  if (visit.stream.newlines_forgeable() && !visit.line.whole) look_for_glued(visit, 0);
}

void Recogniser::State::end_record(Visit& visit) {
  if (visit.stream.end_record()) ++counters.reaches_cut;
  release(visit.stream, visit.events);
}

// Events whose time was in doubt: those of this call, and those that wait in the streams.
void Recogniser::State::date_doubted(std::uint32_t log, std::vector<Event>& events) {
  const std::optional<Dating> decided = clocks.decided(log);
  if (!decided) return;
  const auto date = [&](Event& event) {
    decided->date(event.deed);
    return true;
  };
  for (Event& event : events) date(event);
  for (Stream& stream : streams) stream.taint.each_held(date);
  announcements.date(*decided);
  datings.push_back(*decided);
  using namespace std::chrono;
  announcements.wait_no_longer(log, {steady_clock::time_point(milliseconds(decided->now)), {}});
}

// It is clear by now who wrote that line.
Deed Recogniser::State::tell(const LineTime& time, std::vector<Event>& events) {
  const LogClocks::Texts texts{time.stamp, time.own};
  if (time.doubtful) return clocks.doubtful(time.line, texts, time.arrival);
  const Deed told = clocks.told(time.line, texts, time.arrival);
  date_doubted(time.line.log, events);
  announcements.wait_no_longer(time.log, told.now);
  if (!told.in_doubt) note_late(time.log, time.line.log, time.arrival.mono - told.now.mono);
  return told;
}

// Of several coturns that write to one log each comes as late.
void Recogniser::State::note_late(std::uint32_t log, std::uint32_t by,
                                  std::chrono::steady_clock::duration late) {
  if (clocks.replaying()) return;
  bool known = false;
  for (Lateness& other : lateness) {
    if (other.clock == by) other.late = late;
    known = known || other.log == log;
  }
  if (known) return;
  if (lateness.size() >= LogClocks::kMaxLogs) lateness.erase(lateness.begin());
  lateness.push_back({log, by, late});
}

// A clock that goes wrong by seconds neither hurries nor delays what waits for the next lines.
std::chrono::steady_clock::duration Recogniser::State::late(std::uint32_t log, const Now& now) const {
  for (const Lateness& known : lateness)
    if (known.log == log || known.clock == log) return known.late + kReadLate;
  if (unread_since && now.mono < first_lines_until) return now.mono - *unread_since + kReadLate;
  return kReadLate;
}

void Recogniser::State::take(Visit& visit) {
  const Line& line = visit.line;
  Stream& stream = visit.stream;
  // What keeps the log says when it took each line in, whoever wrote it.
  const bool stamped = line.written_milli != 0 && line.whole;
  deed = stamped ? clocks.told(line, {}, visit.now) : clocks.untold(line, visit.now);
  if (stamped) date_doubted(line.log, visit.events);
  const bool gap = stream.follow(line);
  const std::optional<Record> record = parse_record(line.text, time_format, tags);
  // Of several coturns that write to one log each has a tag of its own.
  visit.log = record && !record->tag.empty() ? log_number(record->tag, line.log) : line.log;
  if (stamped && !deed.in_doubt) note_late(visit.log, line.log, visit.now.mono - deed.now.mono);
  if (gap) {
    ++counters.gaps;
    const std::uint64_t before = counters.lines - 1;  // this one
    if (visit.log == line.log)
      announcements.doubt(line.log, before);
    else
      announcements.doubt_all(before);
  }
  if (!line.whole && stream.taint.concerns(line.offset)) {
    // In a wrapped stream the wrapper stands before each line of the attacker's text, too, and takes none of
    // its bytes.
    const std::size_t wrapped = !stream.may_be_wrapped() ? 0
                                : record                 ? record->wrapper_bytes
                                                         : wrapper_bytes(line.text, tags);
    visit.within = stream.taint.begin_line(line.text, line.offset, wrapped);
    visit.tainted_front = line.offset < stream.taint.reach().until;
    if (visit.tainted_front) announcements.doubt(visit.log, counters.lines);
    if (visit.within) stream.stretch_glue(wrapped);
    if (visit.tainted_front) counters.blinded_bytes += line.text.size() + 1;
    release(stream, visit.events);
  }
  if (!record) return take_unrecognised(visit);
  ++counters.recognised;
  // Where records cannot be forged, each tells its own format.
  const bool own_format = stream.has_own_format(*record, visit.within) || line.whole;
  if (!own_format)
    ++counters.foreign;
  else if (!visit.within)
    last_time_text.assign(record->time);
  const bool waits = stream.taint.is_holding();
  if (own_format && !stamped) {
    line_time.doubtful = visit.within && (visit.tainted_front || !waits);
    line_time.stamp.assign(record->stamp);
    line_time.own.assign(record->time);
    line_time.line = line;
    line_time.line.text = {};
    line_time.log = visit.log;
    line_time.line_number = counters.lines;
    line_time.arrival = visit.now;
    // Until it is told, it is later than all that was told.
    deed = waits ? clocks.untold(line, visit.now) : tell(line_time, visit.events);
  } else if (own_format && !visit.within) {
    announcements.wait_no_longer(visit.log, deed.now);
  }
  if (own_format && !visit.within && may_be_banner(record->message)) see_banner(visit, record->message);
  const bool forgeable = !line.whole && stream.newlines_forgeable();
  std::size_t from = 0;
  const std::optional<OwnText> own = forgeable ? own_text(visit, *record, from) : std::optional<OwnText>();
  if (forgeable && (stream.may_be_glued(line.offset) || line.text.size() >= kShortestCutBytes))
    look_for_glued(visit, from);
  recognise(visit, *record, own_format, own);
  if (waits && own_format && !stamped) stream.taint.hold_time(line_time);
}

Recogniser::Recogniser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recogniser::Recogniser(Recogniser&&) noexcept = default;
Recogniser& Recogniser::operator=(Recogniser&&) noexcept = default;
Recogniser::~Recogniser() = default;

Result<Recogniser> Recogniser::create(RuleSet rules, const std::string& timestamp_format) {
  auto clocks = LogClocks::create(timestamp_format);
  if (!clocks) return tl::unexpected(clocks.error());
  Recogniser made(std::make_unique<State>(std::move(rules), std::move(*clocks)));
  if (auto set = made.set_timestamp_format(timestamp_format); !set) return tl::unexpected(set.error());
  return made;
}

void Recogniser::set_rules(RuleSet rules) {
  // What waits keeps its rule by name, as it weighs now; rules that are gone take theirs along.
  const auto renumber = [&](Event& event) {
    const std::optional<RuleId> id = rules.find(state_->rules.name(event.rule));
    if (!id) return false;
    event.rule = *id;
    event.points = rules.trait(*id).points;
    return true;
  };
  for (Stream& stream : state_->streams) stream.taint.each_held(renumber);
  std::erase_if(state_->dropped, [&](Event& event) { return !renumber(event); });
  state_->announcements.forget(state_->counters.lines);
  state_->undecided += state_->rules.undecided();
  state_->rules = std::move(rules);
}

Result<> Recogniser::set_timestamp_format(const std::string& timestamp_format) {
  TimeFormat format;
  if (!timestamp_format.empty()) {
    Result<TimeFormat> compiled = TimeFormat::compile(timestamp_format);
    if (!compiled) return tl::unexpected(compiled.error());
    format = std::move(*compiled);
  }
  if (auto set = state_->clocks.set_timestamp_format(timestamp_format); !set) return set;
  state_->time_format = std::move(format);
  return {};
}

void Recogniser::set_tags(std::vector<std::string> tags) {
  state_->tags = std::move(tags);
}

void Recogniser::take(const Line& line, const Now& now, std::vector<Event>& events) {
  State& state = *state_;
  state.begin(events);
  ++state.counters.lines;
  if (line.known) ++state.counters.read_again;
  State::Visit visit{line, now, events, state.stream(line.stream)};
  state.take(visit);
  if (line.ends_record) state.end_record(visit);
}

void Recogniser::believe_announced() const {
  state_->all_announced = true;
}

void Recogniser::tick(const Now& now, std::vector<Event>& events) {
  state_->begin(events);
  for (Stream& stream : state_->streams) {
    stream.taint.believe_patient(now);
    state_->release(stream, events);
  }
  state_->announcements.wait_no_longer(now, [&](std::uint32_t log) { return state_->late(log, now); });
}

std::uint64_t Recogniser::milli_on_trial(std::uint32_t log, std::uint64_t session) const {
  return state_->announcements.milli_on_trial(log, session);
}

void Recogniser::take_accusations(std::vector<Accusation>& accusations) {
  state_->announcements.take_accusations(accusations);
}

void Recogniser::finish(std::vector<Event>& events) {
  state_->begin(events);
  for (Stream& stream : state_->streams) {
    stream.taint.believe();
    state_->release(stream, events);
  }
  state_->announcements.decide_all();
}

void Recogniser::take_last_words(std::vector<Event>& events) {
  state_->begin(events);
}

void Recogniser::waiting(std::vector<LinePlace>& lines) const {
  for (const Stream& stream : state_->streams)
    stream.taint.each_waiting([&](const Event& event) { lines.push_back(event.at); });
  for (const Event& event : state_->dropped) lines.push_back(event.at);
  state_->announcements.waiting(lines);
}

void Recogniser::forget_all() {
  while (!state_->streams.empty()) forget(state_->streams.back().id);
}

void Recogniser::forget(StreamId id) {
  std::erase_if(state_->streams, [&](Stream& stream) {
    if (stream.id != id) return false;
    stream.taint.believe();
    state_->drop(stream);
    return true;
  });
  state_->current = 0;
}

std::optional<std::uint32_t> Recogniser::take_restarted_log() {
  return std::exchange(state_->restarted_log, std::nullopt);
}

std::string Recogniser::version(std::uint32_t log) const {
  for (const auto& [known, version] : state_->versions)
    if (known == log) return version;
  return {};
}

std::string_view Recogniser::last_time_text() const {
  return state_->last_time_text;
}
const Deed& Recogniser::deed() const {
  return state_->deed;
}
const std::vector<Dating>& Recogniser::datings() const {
  return state_->datings;
}
std::chrono::steady_clock::duration Recogniser::late(std::uint32_t log, const Now& now) const {
  return state_->late(log, now);
}
void Recogniser::unread_since(std::chrono::steady_clock::time_point then, const Now& now) {
  state_->unread_since = then;
  state_->first_lines_until = now.mono + kFirstLine;
}
LogClocks& Recogniser::clocks() {
  return state_->clocks;
}
const LogClocks& Recogniser::clocks() const {
  return state_->clocks;
}

void Recogniser::read_up(const Now& now) {
  state_->datings.clear();
  state_->clocks.read_up(now);
  for (const std::uint32_t log : state_->clocks.logs()) state_->date_doubted(log, state_->dropped);
  for (const Dating& dating : state_->datings) {
    const std::chrono::milliseconds then(dating.now);
    state_->note_late(dating.log, dating.log, now.mono - std::chrono::steady_clock::time_point(then));
  }
}
const RuleSet& Recogniser::rules() const {
  return state_->rules;
}
const DetectCounters& Recogniser::counters() const {
  state_->counters.undecided = state_->undecided + state_->rules.undecided();
  state_->counters.forged = state_->forged;
  for (const Stream& stream : state_->streams) state_->counters.forged += stream.taint.forged();
  return state_->counters;
}

}  // namespace coturn_guard
