// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/file_positions.hpp"

#include <algorithm>
#include <array>

#include "util/packed.hpp"

namespace coturn_guard {

SavedRecord SavedFile::encode(const SavedFile& file) {
  const FileIdentity& identity = file.position.identity;
  PackedWriter key;
  key.number(identity.device)
      .number(identity.inode)
      .number(static_cast<std::uint64_t>(identity.birth_nanoseconds));
  PackedWriter value;
  value.text(file.name)
      .text(file.path)
      .number(file.order)
      .number(file.open ? 1 : 0)
      .number(file.position.offset)
      .text(file.position.before.view())
      .number(file.counted);
  for (const std::uint64_t place : file.waiting) value.number(place);
  return {SavedRecord::Kind::position, key.take(), value.take()};
}

std::optional<SavedFile> SavedFile::decode(const SavedRecord& record) {
  SavedFile file;
  PackedReader key(record.key);
  file.position.identity.device = key.number();
  file.position.identity.inode = key.number();
  file.position.identity.birth_nanoseconds = static_cast<std::int64_t>(key.number());
  PackedReader value(record.value);
  file.name = value.text();
  file.path = value.text();
  file.order = value.number();
  file.open = value.number() != 0;
  file.position.offset = value.number();
  file.position.before.append(value.text());
  file.counted = value.number();
  if (!key.complete() || !value.good() || file.counted > file.position.offset) return std::nullopt;
  while (!value.complete()) {
    file.waiting.push_back(value.number());
    if (!value.good()) return std::nullopt;
  }
  if (!std::is_sorted(file.waiting.begin(), file.waiting.end())) return std::nullopt;
  return file;
}

std::vector<std::uint64_t> places_in(StreamId stream, const std::vector<LinePlace>& waiting) {
  std::vector<std::uint64_t> places;
  for (auto line = std::lower_bound(waiting.begin(), waiting.end(), LinePlace{stream, 0});
       line != waiting.end() && line->stream == stream; ++line)
    if (places.empty() || places.back() != line->place) places.push_back(line->place);
  return places;
}

bool may_be_rotated(std::string_view file_name, std::string_view log_name) {
  if (!file_name.starts_with(log_name) || file_name.size() < log_name.size() + 2) return false;
  const std::string_view rest = file_name.substr(log_name.size());
  // "." or "-", then digits, dashes and such: ".1", "-20260314", ".2026-03-14T00", "-20260314.1"
  return (rest.front() == '.' || rest.front() == '-') && rest[1] >= '0' && rest[1] <= '9' &&
         rest.find_first_not_of("0123456789.-_:T") == std::string_view::npos;
}

namespace {

constexpr std::string_view kOfDates = "0123456789.-_:T";

bool are_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "2026-03-14" or "20260314", and perhaps an hour behind it.
bool is_date(std::string_view text) {
  if (!text.starts_with("20") || text.find_first_not_of(kOfDates) != std::string_view::npos) return false;
  const bool with_dashes = text.size() >= 10 && are_digits(text.substr(0, 4)) && text[4] == '-' &&
                           are_digits(text.substr(5, 2)) && text[7] == '-' && are_digits(text.substr(8, 2));
  const bool plain = text.size() >= 8 && are_digits(text.substr(0, 8));
  return with_dashes || plain;
}

// Without a date or, behind a dot, a number at its end. "turn-10.0.0.1" ends with an address.
std::string_view without_mark(std::string_view name) {
  const std::size_t last = name.find_last_not_of(kOfDates);
  const std::size_t begin = last == std::string_view::npos ? 1 : last + 1;
  for (std::size_t at = begin; at < name.size(); ++at) {
    if (name[at] != '.' && name[at] != '-' && name[at] != '_') continue;
    const std::string_view rest = name.substr(at + 1);
    if (is_date(rest) || (at == begin && name[at] == '.' && are_digits(rest))) return name.substr(0, at);
  }
  return name;
}

}  // namespace

std::string without_rotation(std::string_view file_name) {
  std::string_view name = file_name;
  if (name.ends_with(".old")) name.remove_suffix(4);
  name = without_mark(name);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || kOfDates.find(name.back()) != std::string_view::npos)
    return std::string(name);
  return std::string(without_mark(name.substr(0, dot))).append(name.substr(dot));
}

}  // namespace coturn_guard
