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

Result<ClaimedRun> claim_run(memory::Store& store, const std::string& run_id) {
  auto row = store.read().run(run_id);
  if (!row) return tl::unexpected(from(row.error()));
  auto claim = store.claim(row->conversation_id);
  if (!claim) return tl::unexpected(from(claim.error()));
  row = store.read().run(run_id);  // what it was before the claim may be over
  if (!row) return tl::unexpected(from(row.error()));
  return ClaimedRun{std::move(*claim), std::move(*row)};
}

memory::Result<StepEnds> step_ends(memory::Reads& reads, const std::string& run_id) {
  auto rows = reads.journal(run_id, {.types = {to_string(Event::Type::step_finished)}});
  if (!rows) return tl::unexpected(rows.error());
  StepEnds ends{std::move(*rows)};
  if (!ends.rows.empty()) ends.last = ends.rows.back().seq;
  if (ends.rows.size() > 1) ends.before_last = ends.rows[ends.rows.size() - 2].seq;
  return ends;
}

memory::Result<std::set<std::string>> told_ends(memory::Reads& reads, const std::string& run_id, std::int64_t after) {
  auto rows = reads.journal(run_id, {.after = after, .types = {to_string(Event::Type::call_finished)}});
  if (!rows) return tl::unexpected(rows.error());
  std::set<std::string> ids;
  for (const auto& row : *rows) {
    const auto event = nlohmann::json::parse(row.payload, nullptr, false);
    if (event.is_object()) ids.insert(event.value("id", ""));
  }
  return ids;
}

namespace {

/// The event with the seq of its row.
memory::Result<Event> journalled(memory::Tx& tx, const std::string& run_id, Event event) {
  auto seq = tx.append_journal(run_id, to_string(event.type), to_json(event));
  if (!seq) return tl::unexpected(seq.error());
  event.seq = *seq;
  return event;
}

/// What the step after the last one that ended had said when it made its call `id`.
memory::Result<void> recall(memory::Tx& tx, std::int64_t after, const std::string& id, memory::NewMessage& message) {
  auto rows = tx.journal(message.run_id, {.after = after, .types = {to_string(Event::Type::call_started),
                                                                    to_string(Event::Type::call_approval)}});
  if (!rows) return tl::unexpected(rows.error());
  for (const auto& row : *rows) {
    const auto event = nlohmann::json::parse(row.payload, nullptr, false);
    const auto kept = kept_json(row);
    if (!event.is_object() || event.value("id", "") != id || !kept.contains("reasoning")) continue;
    message.reasoning = kept.value("reasoning", "");
    message.content = kept.value("content", "");
  }
  return {};
}

}  // namespace

memory::Result<std::optional<Event>> adopt_orphans(memory::Tx& tx, const std::string& run_id) {
  auto calls = tx.calls(run_id);
  if (!calls) return tl::unexpected(calls.error());
  memory::NewMessage message;
  for (const auto& call : *calls)
    if (!call.message_id) message.calls.push_back(call.id);
  if (message.calls.empty()) return std::nullopt;
  auto run = tx.run(run_id);
  if (!run) return tl::unexpected(run.error());
  auto ends = step_ends(tx, run_id);
  if (!ends) return tl::unexpected(ends.error());
  message.conversation_id = run->conversation_id;
  message.run_id = run_id;
  message.role = memory::Role::assistant;
  if (auto said = recall(tx, ends->last, message.calls.back(), message); !said) return tl::unexpected(said.error());
  auto appended = tx.append_message(message);
  if (!appended) return tl::unexpected(appended.error());
  Event over;
  over.type = Event::Type::step_finished;
  over.step = static_cast<std::uint32_t>(ends->rows.size()) + 1;
  auto told = journalled(tx, run_id, std::move(over));
  if (!told) return tl::unexpected(told.error());
  return *told;
}

namespace {

memory::Result<void> conclude(memory::Tx& tx, const memory::Call& call) {
  const memory::CallRef ref{call.run_id, call.id};
  if (call.status == memory::CallStatus::planned) return tx.cancel_call(ref);
  if (call.effect == memory::Effect::once) return tx.mark_unknown(ref);
  return tx.finish_call(ref, {std::string(tools::to_string(tools::Status::cancelled)), "the call was cancelled", false});
}

/// Calls of a run whose results are no messages yet.
memory::Result<std::vector<memory::Call>> unanswered(memory::Tx& tx, const memory::Run& run) {
  auto messages = tx.messages(run.conversation_id);
  if (!messages) return tl::unexpected(messages.error());
  std::set<std::string> answered;
  for (const auto& message : *messages)
    if (message.role == memory::Role::tool && message.run_id == run.id) answered.insert(message.call_id);
  auto calls = tx.calls(run.id);
  if (!calls) return calls;
  std::erase_if(*calls, [&](const memory::Call& call) { return answered.count(call.id) > 0; });
  return calls;
}

/// The call's end in the journal, if that does not tell it yet.
memory::Result<void> tell_end(memory::Tx& tx, const memory::Call& call, std::uint32_t step, const std::set<std::string>& told,
                              std::vector<Event>& events) {
  if (told.count(call.id) > 0) return {};
  Event event;
  event.type = Event::Type::call_finished;
  event.step = step;
  event.call = {call.id, call.tool, call.arguments};
  event.result = result_of(call);
  auto row = journalled(tx, call.run_id, std::move(event));
  if (!row) return tl::unexpected(row.error());
  events.push_back(std::move(*row));
  return {};
}

}  // namespace

memory::Result<std::vector<Event>> conclude_calls(memory::Tx& tx, const std::string& run_id) {
  std::vector<Event> events;
  auto adopted = adopt_orphans(tx, run_id);
  if (!adopted) return tl::unexpected(adopted.error());
  if (*adopted) events.push_back(std::move(**adopted));
  auto unfinished = tx.unfinished_calls(run_id);
  if (!unfinished) return tl::unexpected(unfinished.error());
  for (const auto& call : *unfinished)
    if (auto concluded = conclude(tx, call); !concluded) return tl::unexpected(concluded.error());
  auto run = tx.run(run_id);
  if (!run) return tl::unexpected(run.error());
  auto calls = unanswered(tx, *run);
  if (!calls) return tl::unexpected(calls.error());
  if (calls->empty()) return events;
  auto ends = step_ends(tx, run_id);
  if (!ends) return tl::unexpected(ends.error());
  auto told = told_ends(tx, run_id, ends->before_last);
  if (!told) return tl::unexpected(told.error());
  for (const auto& call : *calls) {
    if (auto end = tell_end(tx, call, static_cast<std::uint32_t>(ends->rows.size()), *told, events); !end)
      return tl::unexpected(end.error());
    memory::NewMessage message;
    message.conversation_id = run->conversation_id;
    message.run_id = run_id;
    message.role = memory::Role::tool;
    message.content = result_text(result_of(call));
    message.call_id = call.id;
    auto appended = tx.append_message(message);
    if (!appended) return tl::unexpected(appended.error());
  }
  return events;
}

Result<void> abandon_run(memory::Store& store, const std::string& run_id, RunStatus status, const std::string& why) {
  const auto stored = status == RunStatus::cancelled ? memory::RunStatus::cancelled : memory::RunStatus::failed;
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    if (auto resumed = tx.resume_run(run_id); !resumed) return resumed;
    if (auto concluded = conclude_calls(tx, run_id); !concluded) return tl::unexpected(concluded.error());
    auto run = tx.run(run_id);
    if (!run) return tl::unexpected(run.error());
    Event end;
    end.type = Event::Type::run_finished;
    end.run_id = run_id;
    end.conversation_id = run->conversation_id;
    end.status = status;
    end.error = why;
    end.usage = usage_from_json(run->usage);
    if (auto told = journalled(tx, run_id, std::move(end)); !told) return tl::unexpected(told.error());
    return tx.finish_run(run_id, {stored, "", run->usage, why});
  });
  if (!written) return tl::unexpected(from(written.error()));
  return {};
}

Result<std::uint32_t> settle_left_behind(memory::Store& store, const tools::Toolbox& toolbox) {
  auto runs = store.read().unfinished_runs();
  if (!runs) return tl::unexpected(from(runs.error()));
  for (const auto& run : *runs) {
    if (run.status != memory::RunStatus::running) continue;
    auto claimed = claim_run(store, run.id);
    if (!claimed && (claimed.error().code == ErrorCode::busy || claimed.error().code == ErrorCode::not_found))
      continue;  // at work in another process, or deleted since
    if (!claimed) return tl::unexpected(claimed.error());
    if (claimed->row.status != memory::RunStatus::running) continue;  // ended before the claim was ours
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
