// SPDX-License-Identifier: GPL-3.0-or-later
// A state file in memory: takes batches as the real one does, and gives back what it then holds.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/saved_state.hpp"

namespace coturn_guard::test {

class StateFile {
 public:
  void apply(const StateBatch& batch) {
    for (const auto kind : batch.clear_records)
      std::erase_if(records_, [&](const auto& entry) { return entry.first.first == kind; });
    for (const SavedKey& gone : batch.records_gone) records_.erase({gone.kind, gone.key});
    for (const SavedRecord& record : batch.records) records_[{record.kind, record.key}] = record.value;
  }
  [[nodiscard]] std::vector<SavedRecord> records() const {
    std::vector<SavedRecord> all;
    for (const auto& [key, value] : records_) all.push_back({key.first, key.second, value});
    return all;
  }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  void damage() {
    for (auto& [key, value] : records_) value += "\xff";
  }

 private:
  std::map<std::pair<SavedRecord::Kind, std::string>, std::string> records_;
};

}  // namespace coturn_guard::test
