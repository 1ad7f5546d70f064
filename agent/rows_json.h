#pragma once
// Stored rows as JSON: what `praxis conversations --json`, `praxis runs --json` and the HTTP API show.

#include <nlohmann/json.hpp>

#include "memory/rows.h"

namespace praxis::agent {

nlohmann::ordered_json to_json(const memory::Conversation& row);
nlohmann::ordered_json to_json(const memory::Message& row);
nlohmann::ordered_json to_json(const memory::Call& row);
/// Without its settings and journal. `ending`, of a finished one: completed, length or limit.
nlohmann::ordered_json to_json(const memory::Run& row);
nlohmann::ordered_json to_json(const memory::SearchHit& row);
nlohmann::ordered_json to_json(const memory::JournalEvent& row);

}  // namespace praxis::agent
