#include "agent/rows_json.h"

namespace praxis::agent {

using Json = nlohmann::ordered_json;

Json to_json(const memory::Conversation& row) {
  Json out;
  out["id"] = row.id;
  out["title"] = row.title;
  out["model"] = row.model;
  out["think_policy"] = memory::to_string(row.think_policy);
  out["created_ms"] = row.created_ms;
  out["updated_ms"] = row.updated_ms;
  return out;
}

Json to_json(const memory::Call& row) {
  Json out;
  out["id"] = row.id;
  out["name"] = row.tool;
  out["arguments"] = row.arguments;
  out["effect"] = memory::to_string(row.effect);
  out["status"] = memory::to_string(row.status);
  if (row.status == memory::CallStatus::finished) {
    out["result_status"] = row.result_status;
    out["result"] = row.result_text;
    out["truncated"] = row.truncated;
  }
  return out;
}

Json to_json(const memory::Message& row) {
  Json out;
  out["position"] = row.position;
  out["role"] = memory::to_string(row.role);
  out["content"] = row.content;
  if (!row.reasoning.empty()) out["reasoning"] = row.reasoning;
  for (const memory::Call& call : row.calls) out["calls"].push_back(to_json(call));
  if (!row.call_id.empty()) out["call_id"] = row.call_id;
  if (!row.run_id.empty()) out["run"] = row.run_id;
  out["created_ms"] = row.created_ms;
  return out;
}

Json to_json(const memory::Run& row) {
  Json out;
  out["id"] = row.id;
  out["conversation"] = row.conversation_id;
  out["status"] = memory::to_string(row.status);
  const Json usage = Json::parse(row.usage, nullptr, false);
  if (row.status == memory::RunStatus::finished && usage.is_object() && usage.contains("status")) out["ending"] = usage["status"];
  out["answer"] = row.answer;
  if (!row.error.empty()) out["error"] = row.error;
  if (usage.is_object() && !usage.empty()) out["usage"] = usage;
  out["created_ms"] = row.created_ms;
  out["finished_ms"] = row.finished_ms;
  return out;
}

Json to_json(const memory::SearchHit& row) {
  Json out;
  out["conversation"] = row.conversation_id;
  out["title"] = row.conversation_title;
  out["role"] = memory::to_string(row.role);
  out["snippet"] = row.snippet;
  out["created_ms"] = row.created_ms;
  return out;
}

Json to_json(const memory::JournalEvent& row) {
  Json out;
  out["seq"] = row.seq;
  out["type"] = row.type;
  out["at_ms"] = row.at_ms;
  out["payload"] = Json::parse(row.payload, nullptr, false);
  return out;
}

}  // namespace praxis::agent
