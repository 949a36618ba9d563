// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/rotation.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace coturn_guard {

void Fingerprint::append(std::string_view bytes) {
  if (bytes.size() >= kFingerprintBytes) {
    std::memcpy(bytes_.data(), bytes.data() + bytes.size() - kFingerprintBytes, kFingerprintBytes);
    size_ = kFingerprintBytes;
    return;
  }
  const std::size_t kept = std::min(size_, kFingerprintBytes - bytes.size());
  std::memmove(bytes_.data(), bytes_.data() + size_ - kept, kept);
  std::copy(bytes.begin(), bytes.end(), bytes_.data() + kept);
  size_ = kept + bytes.size();
}

std::optional<std::string_view> fresh_bytes(const Fingerprint& before, std::string_view read) {
  if (!read.starts_with(before.view())) return std::nullopt;
  return read.substr(before.size());
}

std::uint64_t offset_to_begin(const std::optional<FilePosition>& known, const FileFacts& facts,
                              std::string_view bytes_before) {
  if (!known || known->identity != facts.identity || facts.size < known->offset) return 0;
  return bytes_before.ends_with(known->before.view()) ? known->offset : 0;
}

OldFate fate_of(const OldFile& file, std::chrono::steady_clock::time_point now) {
  if (!file.drained) return OldFate::keep;
  if (file.newer_old_files >= kMaxOldFiles) {
    return file.successor_received ? OldFate::close : OldFate::close_early;
  }
  const auto quiet_since = std::max(file.last_growth, file.old_since.mono);
  return file.successor_received && now - quiet_since >= kOldFileQuiet ? OldFate::close : OldFate::keep;
}

bool writer_stayed(const OldFile& file) {
  const auto old_since =
      std::chrono::duration_cast<std::chrono::nanoseconds>(file.old_since.wall.time_since_epoch());
  return !file.successor_received &&
         std::chrono::nanoseconds(file.modified_nanoseconds) - old_since >= kReopenGrace;
}

std::vector<std::size_t> newest(std::span<const FileFacts> files, std::size_t limit) {
  std::vector<std::size_t> order(files.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&files](std::size_t a, std::size_t b) {
    return files[a].modified_nanoseconds < files[b].modified_nanoseconds;
  });
  if (order.size() > limit) order.erase(order.begin(), order.end() - static_cast<std::ptrdiff_t>(limit));
  return order;
}

void RenameTrail::moved_from(int directory, std::string_view name, std::uint32_t cookie, bool is_ours) {
  const auto known = std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) {
    return step.cookie == 0 && step.place.directory == directory && step.place.name == name;
  });
  if (known != steps_.end()) {
    known->cookie = cookie;
    known->missed = false;
  } else if (is_ours) {
    if (steps_.size() == kMaxSteps) steps_.erase(steps_.begin());
    steps_.push_back({.place = {directory, std::string(name)}, .cookie = cookie});
  }
}

void RenameTrail::moved_to(int directory, std::string_view name, std::uint32_t cookie) {
  std::erase_if(steps_, [&](const Step& step) {  // renaming over a file removes it
    return step.cookie == 0 && step.place.directory == directory && step.place.name == name;
  });
  const auto moving =
      std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) { return step.cookie == cookie; });
  if (moving != steps_.end()) *moving = {.place = {directory, std::string(name)}};
}

std::vector<RenameTrail::Place> RenameTrail::take(std::size_t limit) {
  std::vector<Place> places;
  std::erase_if(steps_, [&](Step& step) {
    const bool taken = step.cookie == 0 && !step.missed && places.size() < limit;
    if (taken) places.push_back(std::move(step.place));
    return taken;
  });
  return places;
}

void RenameTrail::put_back(Place place) {
  if (steps_.size() < kMaxSteps) steps_.push_back({.place = std::move(place), .missed = true});
}

void RenameTrail::tick() {
  std::erase_if(steps_, [](const Step& step) { return step.aged && (step.cookie != 0 || step.missed); });
  for (auto& step : steps_) step.aged = step.cookie != 0 || step.missed;
}

}  // namespace coturn_guard
