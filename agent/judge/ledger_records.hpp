// SPDX-License-Identifier: GPL-3.0-or-later
// A ledger among the records of the saved state (model/saved_state): for the one that counts apart what
// others can cause. The table of offenders has each network once, and is the other ledger's.
#pragma once

#include <vector>

#include "judge/ledger.hpp"
#include "model/saved_state.hpp"

namespace coturn_guard {

// As Ledger::save_changes().
void save_as_records(Ledger& ledger, StateBatch& batch);
// As Ledger::load(), for each of its records; those that nobody can read are removed by the next save.
void load_from_records(Ledger& ledger, const std::vector<SavedRecord>& records, const Now& now);

}  // namespace coturn_guard
