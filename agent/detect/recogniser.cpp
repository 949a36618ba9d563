// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/recogniser.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "detect/record.hpp"
#include "detect/time_format.hpp"

namespace coturn_guard {
namespace {

// So many lines in a row in another format make it the stream's own (coturn was upgraded without our seeing
// its banner).
constexpr std::uint32_t kLinesToChangeFormat = 20;
// Sessions of the last events, for Rule::unless_counted: a session's lines stand close together.
constexpr std::size_t kRecentSessions = 16;
constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

// What coturn says first, and nothing else of coturn's begins like it. The version stands on a line of its
// own up to 4.6.1 (the record has newlines).
bool is_banner(std::string_view message) {
  return message.starts_with("log file opened: ") || message.starts_with("Coturn Version Coturn-");
}
bool is_unprefixed_banner(std::string_view line) {
  return line.starts_with("Version Coturn-");
}

// 18 to 20 digits; two sessions that differ only beyond 64 bits do not occur.
std::uint64_t session_number(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char c : digits) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  return number;
}

struct Stream {
  StreamId id = 0;
  std::uint64_t last_used = 0;
  bool format_known = false;
  LineFormat format;
  LineFormat candidate;               // of the last foreign lines
  std::uint32_t candidate_lines = 0;  // how many in a row
  std::uint64_t next_offset = kNowhere;
  std::uint64_t tainted_until = 0;  // offset behind the last byte that may be an attacker's
  std::uint64_t glued_until =
      0;  // a line that begins before this offset may hold the start of another record
  std::array<std::uint64_t, kRecentSessions> counted_sessions{};
  std::size_t next_session = 0;

  // From 4.17 on a record is one line, whatever is in it.
  // By what others wrapped around a line within the attacker's text: none of his bytes.
  void stretch(std::size_t wrapper_bytes) {
    tainted_until += wrapper_bytes;
    glued_until += wrapper_bytes;
  }
  // `offset`: where a record begins that coturn may have cut.
  void may_be_cut(std::uint64_t offset) { glued_until = std::max(glued_until, offset + kRecordLimitBytes); }
  [[nodiscard]] bool newlines_forgeable() const { return !format_known || format.family != Family::level; }
  void taint_until(std::uint64_t offset) { tainted_until = std::max(tainted_until, offset); }
  void count_session(std::string_view digits) {
    counted_sessions[next_session] = session_number(digits);
    next_session = (next_session + 1) % kRecentSessions;
  }
  [[nodiscard]] bool has_counted(std::string_view digits) const {
    return std::find(counted_sessions.begin(), counted_sessions.end(), session_number(digits)) !=
           counted_sessions.end();
  }
};

}  // namespace

struct Recogniser::State {
  explicit State(RuleSet set) : rules(std::move(set)) {}

  Stream& stream(StreamId id);
  void follow(Stream& stream, const Line& line);
  void look_for_glued(Stream& stream, const Line& line, std::size_t from);
  std::size_t note_forgeable(Stream& stream, const Line& line, const Record& record);
  bool has_own_format(Stream& stream, const Record& record, bool tainted);
  void restart(Stream& stream);
  std::optional<Event> recognise(Stream& stream, const Line& line, const Record& record, bool own_format);

  RuleSet rules;
  TimeFormat time_format;
  std::vector<Stream> streams;
  std::size_t current = 0;  // the stream of the last line: nearly always that of the next
  std::uint64_t clock = 0;
  std::string last_time_text;  // kept, not borrowed: lines that prove nothing leave it as it was
  DetectCounters counters;
};

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
      *oldest = Stream();
      ++counters.streams_dropped;
    }
    streams[current].id = id;
  }
  streams[current].last_used = clock;
  return streams[current];
}

// Where the line stands after the one before.
void Recogniser::State::follow(Stream& stream, const Line& line) {
  const std::uint64_t expected = stream.next_offset;
  stream.next_offset = line.offset + line.text.size() + 1;
  if (line.offset == expected || expected == kNowhere) return;
  if (line.offset < expected) {
    stream.tainted_until = 0;  // truncated: what was tainted is no longer in the file
    stream.glued_until = 0;
    return;
  }
  if (line.offset - expected <= 1) return;  // a carriage return that the source took away
  // Bytes that we were not shown (an overlong line, a hole) may have held the start of a record that is not
  // over.
  ++counters.gaps;
  stream.taint_until(line.offset + kRecordLimitBytes);
  stream.may_be_cut(line.offset);
}

// A record that was cut at coturn's limit has no newline, so the next begins in the middle of a line; some
// others of coturn's lack theirs, too. Where that can be, look for attackers' texts anywhere in the line from
// `from` on.
void Recogniser::State::look_for_glued(Stream& stream, const Line& line, std::size_t from) {
  const std::size_t end = rules.forgeable_anywhere(line.text.substr(from));
  if (end == 0) return;
  stream.taint_until(line.offset + from + end);
  stream.may_be_cut(line.offset + line.text.size());  // at the latest its record begins there
}

// Returns where in the line a record that is glued to this one can begin at the earliest.
std::size_t Recogniser::State::note_forgeable(Stream& stream, const Line& line, const Record& record) {
  const auto message_begin = static_cast<std::size_t>(record.message.data() - line.text.data());
  const std::optional<ForgeableText> text = rules.forgeable(record.message);
  if (!text) return message_begin;
  const std::size_t text_begin = message_begin + text->begin;
  const std::size_t limit = record.wrapper_bytes + kRecordLimitBytes;
  stream.taint_until(line.offset + std::min(text_begin + text->bytes, limit));
  if (text_begin + text->bytes + text->tail_bytes + 2 > limit)
    stream.may_be_cut(line.offset + record.wrapper_bytes);
  if (!text->usual) ++counters.taints;
  return text_begin;
}

void Recogniser::State::restart(Stream& stream) {
  stream.format_known = false;
  stream.candidate_lines = 0;
  stream.counted_sessions.fill(0);  // session numbers begin again
}

bool Recogniser::State::has_own_format(Stream& stream, const Record& record, bool tainted) {
  if (stream.format_known && record.format == stream.format) {
    if (!tainted) stream.candidate_lines = 0;
    return true;
  }
  if (tainted) return false;  // has no vote
  if (stream.format_known && is_banner(record.message)) restart(stream);
  if (!stream.format_known) {
    stream.format_known = true;
    stream.format = record.format;
    return true;
  }
  if (stream.candidate_lines == 0 || stream.candidate != record.format) {
    stream.candidate = record.format;
    stream.candidate_lines = 0;
  }
  if (++stream.candidate_lines < kLinesToChangeFormat) return false;
  stream.format = record.format;
  stream.candidate_lines = 0;
  return true;
}

std::optional<Event> Recogniser::State::recognise(Stream& stream, const Line& line, const Record& record,
                                                  bool own_format) {
  std::optional<Event> event = rules.match(record.message, record.session);
  if (!event) return std::nullopt;
  const std::uint64_t line_end = line.offset + line.text.size();
  const bool whole =
      line.text.size() - record.wrapper_bytes < kShortestCutBytes;  // else another is glued to it
  const bool tainted = !own_format || !whole || line_end <= stream.tainted_until;
  if (tainted) {
    event->evidence = Evidence::tainted;
    ++counters.tainted;
  } else if (!event->session.empty()) {
    if (rules.rules()[event->rule].unless_counted && stream.has_counted(event->session)) {
      ++counters.repeated;
      return std::nullopt;
    }
    stream.count_session(event->session);
  }
  event->count = record.repeat;
  ++counters.events;
  return event;
}

Recogniser::Recogniser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recogniser::Recogniser(Recogniser&&) noexcept = default;
Recogniser& Recogniser::operator=(Recogniser&&) noexcept = default;
Recogniser::~Recogniser() = default;

Result<Recogniser> Recogniser::create(RuleSet rules, const std::string& timestamp_format) {
  Recogniser made(std::make_unique<State>(std::move(rules)));
  if (auto set = made.set_timestamp_format(timestamp_format); !set) return tl::unexpected(set.error());
  return made;
}

void Recogniser::set_rules(RuleSet rules) {
  state_->rules = std::move(rules);
}

Result<> Recogniser::set_timestamp_format(const std::string& timestamp_format) {
  TimeFormat format;
  if (!timestamp_format.empty()) {
    Result<TimeFormat> compiled = TimeFormat::compile(timestamp_format);
    if (!compiled) return tl::unexpected(compiled.error());
    format = std::move(*compiled);
  }
  state_->time_format = std::move(format);
  return {};
}

std::optional<Event> Recogniser::take(const Line& line) {
  State& state = *state_;
  ++state.counters.lines;
  Stream& stream = state.stream(line.stream);
  state.follow(stream, line);
  const std::optional<Record> record = parse_record(line.text, state.time_format);
  const bool in_taint = line.offset < stream.tainted_until;

  if (!record) {
    ++state.counters.unrecognised;
    // In a wrapped stream the wrapper stands before each line of the attacker's text, too, and takes none of
    // its bytes.
    if (in_taint)
      stream.tainted_until += wrapper_bytes(line.text);
    else if (is_unprefixed_banner(line.text))
      state.restart(stream);
    if (stream.newlines_forgeable()) state.look_for_glued(stream, line, 0);
    return std::nullopt;
  }
  ++state.counters.recognised;
  if (in_taint) stream.stretch(record->wrapper_bytes);
  const bool own_format = state.has_own_format(stream, *record, in_taint);
  if (!own_format)
    ++state.counters.foreign;
  else if (!in_taint)
    state.last_time_text.assign(record->time);
  if (stream.newlines_forgeable()) {
    const std::size_t from = state.note_forgeable(stream, line, *record);
    if (line.offset < stream.glued_until || line.text.size() >= kShortestCutBytes)
      state.look_for_glued(stream, line, from);
  }
  return state.recognise(stream, line, *record, own_format);
}

void Recogniser::forget(StreamId stream) {
  std::erase_if(state_->streams, [stream](const Stream& s) { return s.id == stream; });
  state_->current = 0;
}

std::string_view Recogniser::last_time_text() const {
  return state_->last_time_text;
}
const RuleSet& Recogniser::rules() const {
  return state_->rules;
}
const DetectCounters& Recogniser::counters() const {
  state_->counters.undecided = state_->rules.undecided();
  return state_->counters;
}

}  // namespace coturn_guard
