#include "agent/run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/call_id.h"
#include "agent/recover.h"

namespace praxis::agent {

Event started_event(const RunHandle& handle) {
  Event event;
  event.type = Event::Type::run_started;
  event.seq = handle.seq;
  event.run_id = handle.run_id;
  event.conversation_id = handle.conversation_id;
  event.resumed = handle.resumed;
  return event;
}

Result<std::vector<Message>> conversation_messages(memory::Store& store, const std::string& conversation_id,
                                                   std::string_view fingerprint) {
  auto rows = store.read().messages(conversation_id);
  if (!rows) return tl::unexpected(from(rows.error()));
  std::vector<Message> messages;
  for (const auto& row : *rows) {
    Message message;
    message.role = static_cast<SenderRole>(row.role);
    message.content = row.content;
    message.reasoning = row.reasoning;
    message.call_id = row.call_id;
    for (const auto& call : row.calls) message.calls.push_back({call.id, call.tool, call.arguments});
    if (row.ids_fingerprint == fingerprint) message.ids = row.ids;
    messages.push_back(std::move(message));
  }
  return messages;
}

namespace {

Result<void> check_question(const std::string& question) {
  if (question.find_first_not_of(" \t\r\n") != std::string::npos) return {};
  return tl::unexpected(Error{ErrorCode::bad_request, "the question is empty", "question"});
}

/// The system text of a new conversation whose model takes none, and the question behind it.
std::string with_system(const Settings& settings, const std::string& question) {
  return settings.system.empty() ? question : settings.system + "\n\n" + question;
}

}  // namespace

Result<RunHandle> begin_unkept_run(const Model& model, const NewTurn& turn) {
  if (auto asked = check_question(turn.question); !asked) return tl::unexpected(asked.error());
  RunHandle handle;
  handle.run_id = unguessable_id("r_");
  handle.settings = turn.settings;
  const bool system_as_user = model.recommended().system_as_user;
  if (!turn.settings.system.empty() && !system_as_user)
    handle.said.push_back({.role = SenderRole::system, .content = turn.settings.system});
  handle.said.push_back({.role = SenderRole::user,
                         .content = system_as_user ? with_system(turn.settings, turn.question) : turn.question});
  return handle;
}

Result<RunHandle> begin_run(memory::Store& store, const Model& model, const NewTurn& turn,
                            std::optional<memory::Claim>& claim) {
  constexpr std::size_t kTitleBytes = 80;
  if (auto asked = check_question(turn.question); !asked) return tl::unexpected(asked.error());
  bool system_as_user = model.recommended().system_as_user;
  bool fresh = turn.conversation_id.empty();
  RunHandle handle;
  handle.settings = turn.settings;
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    handle.conversation_id = turn.conversation_id;
    if (fresh) {
      memory::NewConversation conversation;
      std::size_t end = std::min(turn.question.size(), kTitleBytes);
      while (end < turn.question.size() && end > 0 && (turn.question[end] & 0xC0) == 0x80) --end;
      conversation.title = turn.question.substr(0, end);
      conversation.think_policy = static_cast<memory::ThinkPolicy>(turn.settings.policy);
      conversation.model = turn.model_name;
      conversation.model_fingerprint = model.fingerprint();
      auto id = tx.create_conversation(conversation);
      if (!id) return tl::unexpected(id.error());
      handle.conversation_id = *id;
      // Before the commit, so that no other process ever sees it without its owner.
      auto claimed = store.claim(*id);
      if (!claimed) return tl::unexpected(claimed.error());
      claim.emplace(std::move(*claimed));
      if (!turn.settings.system.empty() && !system_as_user) {
        memory::NewMessage system;
        system.conversation_id = *id;
        system.role = memory::Role::system;
        system.content = turn.settings.system;
        auto appended = tx.append_message(system);
        if (!appended) return tl::unexpected(appended.error());
      }
    }
    auto run = tx.create_run({handle.conversation_id, to_json(turn.settings)});
    if (!run) return tl::unexpected(run.error());
    handle.run_id = *run;
    auto row = tx.run(*run);
    if (!row) return tl::unexpected(row.error());
    handle.created_ms = row->created_ms;
    memory::NewMessage user;
    user.conversation_id = handle.conversation_id;
    user.run_id = *run;
    user.role = memory::Role::user;
    user.content = fresh && system_as_user ? with_system(turn.settings, turn.question) : turn.question;
    auto appended = tx.append_message(user);
    if (!appended) return tl::unexpected(appended.error());
    auto journalled = tx.append_journal(*run, "run.started", to_json(started_event(handle)));
    if (!journalled) return tl::unexpected(journalled.error());
    handle.seq = *journalled;
    return {};
  });
  if (!written) return tl::unexpected(from(written.error()));
  return handle;
}

Result<RunHandle> resume_run(memory::Store& store, const std::string& run_id) {
  auto row = store.read().run(run_id);
  if (!row) return tl::unexpected(from(row.error()));
  RunHandle handle;
  handle.run_id = row->id;
  handle.conversation_id = row->conversation_id;
  handle.created_ms = row->created_ms;
  handle.settings = settings_from_json(row->settings).value_or(Settings());
  handle.resumed = true;
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    if (auto resumed = tx.resume_run(run_id); !resumed) return resumed;
    if (auto adopted = adopt_orphans(tx, run_id); !adopted) return tl::unexpected(adopted.error());
    auto journalled = tx.append_journal(run_id, "run.resumed", to_json(started_event(handle)));
    if (!journalled) return tl::unexpected(journalled.error());
    handle.seq = *journalled;
    return {};
  });
  if (!written) return tl::unexpected(from(written.error()));
  return handle;
}

namespace {

/// As many as a step may have: its deltas, at one token each.
constexpr std::uint32_t kStepEventsMax = 1u << 24;

/// Usage of the steps that are over, and how the last of them ended.
void read_steps(const std::vector<memory::JournalEvent>& ends, Standing& out) {
  for (const auto& row : ends) {
    const auto event = nlohmann::ordered_json::parse(row.payload, nullptr, false);
    if (!event.is_object()) continue;
    if (event.contains("usage")) out.usage.add(usage_from_json(event["usage"].dump()));
    const auto kept = kept_json(row);
    out.wall_seconds = std::max(out.wall_seconds, kept.value("wall_seconds", 0.0));
    if (event.value("step", 0u) == out.steps) out.answered = run_status_from(kept.value("ending", "")).value_or(RunStatus::completed);
  }
}

/// What was told of the step that was cut off.
memory::Result<Replay> read_cut_off(memory::Reads& reads, const std::string& run_id, const StepEnds& ends, std::uint32_t step) {
  std::vector<std::string_view> types;
  for (const auto type : {Event::Type::step_started, Event::Type::step_restarted, Event::Type::reasoning_delta,
                          Event::Type::text_delta, Event::Type::call_arguments})
    types.push_back(to_string(type));
  auto rows = reads.journal(run_id, {.after = ends.last, .types = std::move(types), .limit = kStepEventsMax});
  if (!rows) return tl::unexpected(rows.error());
  return Replay::of(*rows, step);
}

}  // namespace

Result<Standing> standing(memory::Store& store, const RunHandle& handle) {
  auto reads = store.read();
  auto run = reads.run(handle.run_id);
  if (!run) return tl::unexpected(from(run.error()));
  auto messages = reads.messages(handle.conversation_id);
  if (!messages) return tl::unexpected(from(messages.error()));
  auto calls = reads.calls(handle.run_id);
  if (!calls) return tl::unexpected(from(calls.error()));
  auto ends = step_ends(reads, handle.run_id);
  if (!ends) return tl::unexpected(from(ends.error()));
  auto told_of = told_ends(reads, handle.run_id, ends->before_last);
  if (!told_of) return tl::unexpected(from(told_of.error()));

  Standing out;
  out.wall_seconds = usage_from_json(run->usage).wall_seconds;
  std::set<std::string> told;  // calls whose results are messages already
  for (const auto& message : *messages) {
    out.steps += message.run_id == handle.run_id && message.role == memory::Role::assistant;
    if (message.role == memory::Role::tool) told.insert(message.call_id);
  }
  out.told_ends = std::move(*told_of);
  read_steps(ends->rows, out);
  // The process may have stopped between the answer and the end of the run.
  const bool spoke_last = !messages->empty() && messages->back().run_id == handle.run_id &&
                          messages->back().role == memory::Role::assistant && messages->back().calls.empty();
  if (!spoke_last) out.answered.reset();
  if (out.answered) out.answer = messages->back().content;
  for (memory::Call& call : *calls) (told.count(call.id) > 0 ? out.ended : out.calls).push_back(std::move(call));
  auto replay = read_cut_off(reads, handle.run_id, *ends, out.steps + 1);
  if (!replay) return tl::unexpected(from(replay.error()));
  out.replay = std::move(*replay);
  return out;
}

}  // namespace praxis::agent
