#include "agent/recover.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/loop.h"

namespace praxis::agent {

Decision decide(const memory::Call& call, const tools::Toolbox& toolbox) {
  switch (call.status) {
    case memory::CallStatus::finished:
    case memory::CallStatus::unknown:
    case memory::CallStatus::cancelled: return {Settle::keep, {}};
    case memory::CallStatus::planned: return {Settle::start, {}};
    case memory::CallStatus::started: break;
  }
  if (call.effect != memory::Effect::once) return {Settle::restart, {}};
  if (auto backend = toolbox.backend(call.tool)) {
    if (auto settled = backend->status(call.tool, call.idempotency_key)) {
      if (settled->done) return {Settle::finish, settled->result};
      tools::ToolResult result;
      result.status = tools::Status::cancelled;
      result.text = "the process stopped before this call took effect; it was not done";
      return {Settle::finish, result};
    }
  }
  return {Settle::unknown, {}};
}

tools::ToolResult result_of(const memory::Call& call) {
  tools::ToolResult result;
  switch (call.status) {
    case memory::CallStatus::unknown:
      result.status = tools::Status::unknown;
      result.text = kUnknownText;
      break;
    case memory::CallStatus::cancelled:
      result.status = tools::Status::cancelled;
      result.text = "the call was cancelled before it ran";
      break;
    default:
      result.status = tools::status_from(call.result_status).value_or(tools::Status::error);
      result.text = call.result_text;
      result.truncated = call.truncated;
  }
  return result;
}

std::string result_text(const tools::ToolResult& result) {
  return result.status == tools::Status::ok ? result.text : "Error: " + result.text;
}

memory::Result<void> adopt_orphans(memory::Tx& tx, const std::string& run_id) {
  auto calls = tx.calls(run_id);
  if (!calls) return tl::unexpected(calls.error());
  memory::NewMessage message;
  for (const auto& call : *calls)
    if (!call.message_id) message.calls.push_back(call.id);
  if (message.calls.empty()) return {};
  auto run = tx.run(run_id);
  if (!run) return tl::unexpected(run.error());
  auto journal = tx.journal(run_id);
  if (!journal) return tl::unexpected(journal.error());
  std::uint32_t step = 1;
  for (const auto& row : *journal) {
    step += row.type == to_string(Event::Type::step_finished);
    if (row.type != to_string(Event::Type::call_started) && row.type != to_string(Event::Type::call_approval)) continue;
    const auto event = nlohmann::json::parse(row.payload, nullptr, false);
    const auto kept = kept_json(row);
    if (!event.is_object() || event.value("id", "") != message.calls.back() || !kept.contains("reasoning")) continue;
    message.reasoning = kept.value("reasoning", "");
    message.content = kept.value("content", "");
  }
  message.conversation_id = run->conversation_id;
  message.run_id = run_id;
  message.role = memory::Role::assistant;
  auto appended = tx.append_message(message);
  if (!appended) return tl::unexpected(appended.error());
  Event over;
  over.type = Event::Type::step_finished;
  over.step = step;
  auto journalled = tx.append_journal(run_id, to_string(over.type), to_json(over));
  if (!journalled) return tl::unexpected(journalled.error());
  return {};
}

memory::Result<void> conclude_calls(memory::Tx& tx, const std::string& run_id) {
  if (auto adopted = adopt_orphans(tx, run_id); !adopted) return adopted;
  auto unfinished = tx.unfinished_calls(run_id);
  if (!unfinished) return tl::unexpected(unfinished.error());
  for (const auto& call : *unfinished) {
    memory::CallRef ref{run_id, call.id};
    memory::Result<void> settled;
    if (call.status == memory::CallStatus::planned)
      settled = tx.cancel_call(ref);
    else if (call.effect == memory::Effect::once)
      settled = tx.mark_unknown(ref);
    else
      settled = tx.finish_call(ref, {std::string(tools::to_string(tools::Status::cancelled)), "the call was cancelled", false});
    if (!settled) return settled;
  }
  auto run = tx.run(run_id);
  if (!run) return tl::unexpected(run.error());
  auto messages = tx.messages(run->conversation_id);
  if (!messages) return tl::unexpected(messages.error());
  std::set<std::string> told;
  for (const auto& message : *messages)
    if (message.role == memory::Role::tool) told.insert(message.call_id);
  auto calls = tx.calls(run_id);
  if (!calls) return tl::unexpected(calls.error());
  for (const auto& call : *calls) {
    if (told.count(call.id)) continue;
    memory::NewMessage message;
    message.conversation_id = run->conversation_id;
    message.run_id = run_id;
    message.role = memory::Role::tool;
    message.content = result_text(result_of(call));
    message.call_id = call.id;
    auto appended = tx.append_message(message);
    if (!appended) return tl::unexpected(appended.error());
  }
  return {};
}

Result<void> abandon_run(memory::Store& store, const std::string& run_id) {
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    if (auto resumed = tx.resume_run(run_id); !resumed) return resumed;
    if (auto concluded = conclude_calls(tx, run_id); !concluded) return concluded;
    return tx.finish_run(run_id, {memory::RunStatus::cancelled, "", "{}", "abandoned for another question"});
  });
  if (!written) return tl::unexpected(from(written.error()));
  return {};
}

Result<std::uint32_t> settle_left_behind(memory::Store& store, const tools::Toolbox& toolbox) {
  auto runs = store.read().unfinished_runs();
  if (!runs) return tl::unexpected(from(runs.error()));
  for (const auto& run : *runs) {
    if (run.status != memory::RunStatus::running) continue;
    auto claim = store.claim(run.conversation_id);
    if (!claim) continue;  // at work in another process
    auto now = store.read().run(run.id);
    if (!now) return tl::unexpected(from(now.error()));
    if (now->status != memory::RunStatus::running) continue;  // ended before the claim was ours
    auto calls = store.read().unfinished_calls(run.id);
    if (!calls) return tl::unexpected(from(calls.error()));
    // Asked outside the transaction: a tool may take its time, and every process waits for a write.
    std::vector<Decision> decisions;
    for (const auto& call : *calls) decisions.push_back(decide(call, toolbox));
    auto settled = store.write([&](memory::Tx& tx) -> memory::Result<void> {
      for (std::size_t i = 0; i < calls->size(); ++i) {
        memory::CallRef ref{run.id, (*calls)[i].id};
        const Decision& decision = decisions[i];
        if (decision.what == Settle::unknown) {
          if (auto marked = tx.mark_unknown(ref); !marked) return marked;
        } else if (decision.what == Settle::finish) {
          auto finished = tx.finish_call(
              ref, {std::string(tools::to_string(decision.result.status)), decision.result.text, decision.result.truncated});
          if (!finished) return finished;
        }
      }
      memory::RunOutcome outcome;
      outcome.status = memory::RunStatus::interrupted;
      outcome.error = "the process stopped";
      return tx.finish_run(run.id, outcome);
    });
    if (!settled) return tl::unexpected(from(settled.error()));
  }
  auto left = store.read().unfinished_runs();
  if (!left) return tl::unexpected(from(left.error()));
  std::uint32_t waiting = 0;
  for (const auto& run : *left) waiting += run.status == memory::RunStatus::interrupted;
  return waiting;
}

}  // namespace praxis::agent
