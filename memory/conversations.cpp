// Conversations, their runs and their messages.

#include <algorithm>

#include "memory/calls.h"
#include "memory/checks.h"
#include "memory/codec.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {
namespace {

std::string conversation_at(std::string_view id) { return "conversation " + std::string(id); }
std::string run_at(std::string_view id) { return "run " + std::string(id); }

tl::unexpected<Error> no_conversation(std::string_view id) {
  return refuse(ErrorCode::not_found, "there is no such conversation", conversation_at(id));
}
tl::unexpected<Error> no_run(std::string_view id) {
  return refuse(ErrorCode::not_found, "there is no such run", run_at(id));
}

const std::string kSelectConversation =
    "SELECT id, title, think_policy, model, model_fingerprint, created_ms, updated_ms FROM conversations ";

// The enums' values: the schema's CHECKs admit no other names.
Conversation conversation_of(const Query& row) {
  return {.id = row.text(0),
          .title = row.text(1),
          .think_policy = think_policy_from(row.text(2)).value_or(ThinkPolicy::keep_in_loop),
          .model = row.text(3),
          .model_fingerprint = row.text(4),
          .created_ms = row.integer(5),
          .updated_ms = row.integer(6)};
}

const std::string kSelectRun =
    "SELECT id, conversation_id, status, settings, answer, usage, error, created_ms, finished_ms FROM runs ";

Run run_of(const Query& row) {
  return {.id = row.text(0),
          .conversation_id = row.text(1),
          .status = run_status_from(row.text(2)).value_or(RunStatus::failed),
          .settings = row.text(3),
          .answer = row.text(4),
          .usage = row.text(5),
          .error = row.text(6),
          .created_ms = row.integer(7),
          .finished_ms = row.integer(8)};
}

template <class T>
Result<std::vector<T>> all(Query& query, T (*row_of)(const Query&)) {
  std::vector<T> rows;
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) return rows;
    rows.push_back(row_of(query));
  }
}

Result<bool> exists_conversation(Database& database, std::string_view id) {
  auto query = database.query("SELECT 1 FROM conversations WHERE id = ?");
  return query.bind(id).step();
}

/// Ends a change of one row: nothing changed means that there was none.
Result<void> changed_conversation(Database& database, Query& change, std::string_view id) {
  if (auto done = change.run(); !done) return done;
  if (database.changes() == 0) return no_conversation(id);
  return {};
}

Result<void> touch(Database& database, std::string_view id, std::int64_t now_ms) {
  auto change = database.query(
      "UPDATE conversations SET updated_ms = ?, touched = (SELECT max(touched) + 1 FROM conversations) WHERE id = ?");
  return changed_conversation(database, change.bind(now_ms).bind(id), id);
}

}  // namespace

Result<Conversation> Reads::conversation(std::string_view id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectConversation + "WHERE id = ?");
  auto row = query.bind(id).step();
  if (!row) return pass_on(row);
  if (!*row) return no_conversation(id);
  return conversation_of(query);
}

Result<Conversation> Reads::latest_conversation() {
  auto latest = conversations(1);
  if (!latest) return pass_on(latest);
  if (latest->empty())
    return refuse(ErrorCode::not_found, "there is no conversation yet; begin one", "conversations");
  return std::move(latest->front());
}

Result<std::vector<Conversation>> Reads::conversations(std::uint32_t limit) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectConversation + "ORDER BY touched DESC LIMIT ?");
  return all(query.bind(limit), conversation_of);
}

Result<Run> Reads::run(std::string_view id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectRun + "WHERE id = ?");
  auto row = query.bind(id).step();
  if (!row) return pass_on(row);
  if (!*row) return no_run(id);
  return run_of(query);
}

Result<std::vector<Run>> Reads::runs(std::optional<std::string_view> conversation_id, std::uint32_t limit) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(
      kSelectRun + (conversation_id ? "WHERE conversation_id = ? " : "") + "ORDER BY number DESC LIMIT ?");
  if (conversation_id) query.bind(*conversation_id);
  return all(query.bind(limit), run_of);
}

Result<std::vector<Run>> Reads::unfinished_runs(std::optional<std::string_view> conversation_id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectRun + "WHERE status IN ('running', 'interrupted') " +
                                  (conversation_id ? "AND conversation_id = ? " : "") + "ORDER BY number");
  if (conversation_id) query.bind(*conversation_id);
  return all(query, run_of);
}

Result<std::vector<Message>> Reads::messages(std::string_view conversation_id, std::uint32_t first_position) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto exists = exists_conversation(**database, conversation_id);
  if (!exists) return pass_on(exists);
  if (!*exists) return no_conversation(conversation_id);

  std::vector<Message> messages;
  auto query = (*database)->query(
      "SELECT id, conversation_id, position, run_id, role, content, reasoning, call_id, ids, ids_fingerprint,"
      " created_ms FROM messages WHERE conversation_id = ? AND position >= ? ORDER BY position");
  query.bind(conversation_id).bind(first_position);
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) break;
    auto ids = decode_ids(query.blob(8));
    if (!ids)
      return refuse(ErrorCode::corrupt, "the token ids of message " + std::to_string(query.integer(0)) +
                        " have a size that is no multiple of 4; restore the file from a copy",
                    conversation_at(conversation_id));
    messages.push_back(Message{.id = query.integer(0),
                               .conversation_id = query.text(1),
                               .position = static_cast<std::uint32_t>(query.integer(2)),
                               .run_id = query.text(3),
                               .role = role_from(query.text(4)).value_or(Role::user),
                               .content = query.text(5),
                               .reasoning = query.text(6),
                               .call_id = query.text(7),
                               .ids = std::move(*ids),
                               .ids_fingerprint = query.text(9),
                               .created_ms = query.integer(10)});
  }

  // Their calls come in the same order, so one walk hands them out.
  auto calls = (*database)->query(
      kSelectCall +
      "JOIN messages ON messages.id = calls.message_id"
      " WHERE messages.conversation_id = ? AND messages.position >= ? ORDER BY messages.position, calls.position");
  calls.bind(conversation_id).bind(first_position);
  for (auto message = messages.begin();;) {
    auto row = calls.step();
    if (!row) return pass_on(row);
    if (!*row) return messages;
    Call call = call_of(calls);
    message = std::find_if(message, messages.end(), [&](const Message& m) { return m.id == call.message_id; });
    if (message == messages.end())
      return refuse(ErrorCode::corrupt, "call " + call.id + " belongs to no message; restore the file from a copy",
                    conversation_at(conversation_id));
    message->calls.push_back(std::move(call));
  }
}

Result<Counts> Reads::counts() {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(
      "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM runs), (SELECT count(*) FROM messages),"
      " (SELECT count(*) FROM calls), (SELECT count(*) FROM journal)");
  auto row = query.step();
  if (!row) return pass_on(row);
  return Counts{.conversations = query.integer(0),
                .runs = query.integer(1),
                .messages = query.integer(2),
                .calls = query.integer(3),
                .journal = query.integer(4)};
}

Result<std::string> Tx::create_conversation(const NewConversation& conversation) {
  auto id = random_id("c_");
  if (!id) return id;
  const auto where = conversation_at(*id);
  if (auto ok = check_name(conversation.title, "title", where); !ok) return pass_on(ok);
  if (auto ok = check_name(conversation.model, "model", where); !ok) return pass_on(ok);
  if (auto ok = check_name(conversation.model_fingerprint, "model_fingerprint", where); !ok) return pass_on(ok);
  auto insert = database_->query(
      "INSERT INTO conversations (id, title, think_policy, model, model_fingerprint, created_ms, updated_ms, touched)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(touched), 0) + 1 FROM conversations))");
  auto done = insert.bind(*id).bind(conversation.title).bind(to_string(conversation.think_policy))
                  .bind(conversation.model).bind(conversation.model_fingerprint).bind(now_ms_).bind(now_ms_).run();
  if (!done) return pass_on(done);
  return id;
}

Result<void> Tx::touch_conversation(std::string_view id) { return touch(*database_, id, now_ms_); }

Result<void> Tx::rename_conversation(std::string_view id, std::string_view title) {
  if (auto ok = check_name(title, "title", conversation_at(id)); !ok) return ok;
  auto change = database_->query("UPDATE conversations SET title = ? WHERE id = ?");
  return changed_conversation(*database_, change.bind(title).bind(id), id);
}

Result<void> Tx::set_think_policy(std::string_view id, ThinkPolicy policy) {
  auto change = database_->query("UPDATE conversations SET think_policy = ? WHERE id = ?");
  return changed_conversation(*database_, change.bind(to_string(policy)).bind(id), id);
}

Result<void> Tx::set_model(std::string_view id, std::string_view model, std::string_view fingerprint) {
  if (auto ok = check_name(model, "model", conversation_at(id)); !ok) return ok;
  if (auto ok = check_name(fingerprint, "model_fingerprint", conversation_at(id)); !ok) return ok;
  auto change = database_->query("UPDATE conversations SET model = ?, model_fingerprint = ? WHERE id = ?");
  return changed_conversation(*database_, change.bind(model).bind(fingerprint).bind(id), id);
}

Result<void> Tx::delete_conversation(std::string_view id) {
  auto change = database_->query("DELETE FROM conversations WHERE id = ?");
  return changed_conversation(*database_, change.bind(id), id);
}

Result<std::string> Tx::create_run(const NewRun& run) {
  auto id = random_id("r_");
  if (!id) return id;
  if (auto ok = check_json(run.settings, "settings", run_at(*id)); !ok) return pass_on(ok);
  if (auto ok = touch(*database_, run.conversation_id, now_ms_); !ok) return pass_on(ok);
  auto insert = database_->query(
      "INSERT INTO runs (id, conversation_id, status, settings, answer, usage, error, created_ms, finished_ms)"
      " VALUES (?, ?, 'running', ?, '', '{}', '', ?, 0)");
  auto done = insert.bind(*id).bind(run.conversation_id).bind(run.settings).bind(now_ms_).run();
  if (!done) return pass_on(done);
  return id;
}

Result<void> Tx::finish_run(std::string_view id, const RunOutcome& outcome) {
  const auto where = run_at(id);
  if (outcome.status == RunStatus::running)
    return refuse(ErrorCode::bad_request, "running is no outcome of a run", where);
  if (auto ok = check_text(outcome.answer, "answer", where); !ok) return ok;
  if (auto ok = check_json(outcome.usage, "usage", where); !ok) return ok;
  if (auto ok = check_text(outcome.error, "error", where); !ok) return ok;
  auto before = run(id);
  if (!before) return pass_on(before);
  if (before->status != RunStatus::running && before->status != RunStatus::interrupted)
    return refuse(ErrorCode::bad_state, "the run is " + std::string(to_string(before->status)) + " already", where);
  if (outcome.status != RunStatus::interrupted) {
    auto calls = unfinished_calls(id);
    if (!calls) return pass_on(calls);
    if (!calls->empty())
      return refuse(ErrorCode::bad_state, "call " + calls->front().id + " of the run is still " +
                        std::string(to_string(calls->front().status)) + "; finish, cancel or mark it first",
                    where);
  }
  auto change = database_->query(
      "UPDATE runs SET status = ?, answer = ?, usage = ?, error = ?, finished_ms = ? WHERE id = ?");
  auto done = change.bind(to_string(outcome.status)).bind(outcome.answer).bind(outcome.usage).bind(outcome.error)
                  .bind(now_ms_).bind(id).run();
  if (!done) return done;
  return touch(*database_, before->conversation_id, now_ms_);
}

Result<void> Tx::resume_run(std::string_view id) {
  auto before = run(id);
  if (!before) return pass_on(before);
  if (before->status != RunStatus::running && before->status != RunStatus::interrupted)
    return refuse(ErrorCode::bad_state, "the run is " + std::string(to_string(before->status)) +
                      " and cannot go on; begin a new one", run_at(id));
  auto change = database_->query("UPDATE runs SET status = 'running', finished_ms = 0 WHERE id = ?");
  if (auto done = change.bind(id).run(); !done) return done;
  return touch(*database_, before->conversation_id, now_ms_);
}

Result<AppendedMessage> Tx::append_message(const NewMessage& message) {
  const auto where = conversation_at(message.conversation_id);
  const auto only_for = [&](const char* field, const char* role) {
    return refuse(ErrorCode::bad_request, std::string(field) + " belongs to role " + role + " only, not to " +
                      std::string(to_string(message.role)), where);
  };
  if (message.role != Role::assistant) {
    if (!message.reasoning.empty()) return only_for("reasoning", "assistant");
    if (!message.calls.empty()) return only_for("calls", "assistant");
    if (!message.ids.empty()) return only_for("ids", "assistant");
  }
  if (message.role != Role::tool && !message.call_id.empty()) return only_for("call_id", "tool");
  if (message.role == Role::tool && message.call_id.empty())
    return refuse(ErrorCode::bad_request, "a message of role tool needs the call_id that it answers", where);
  if (auto ok = check_text(message.content, "content", where); !ok) return pass_on(ok);
  if (auto ok = check_text(message.reasoning, "reasoning", where); !ok) return pass_on(ok);
  if (auto ok = check_name(message.call_id, "call_id", where); !ok) return pass_on(ok);
  if (auto ok = check_name(message.ids_fingerprint, "ids_fingerprint", where); !ok) return pass_on(ok);
  if (message.ids.size() > kTextBytesMax / 4)
    return refuse(ErrorCode::too_large, "ids has " + std::to_string(message.ids.size()) + " entries; the limit is " +
                      std::to_string(kTextBytesMax / 4) + " (memory.text_bytes_max / 4)", where);

  if (message.run_id.empty()) {
    if (auto ok = touch(*database_, message.conversation_id, now_ms_); !ok) return pass_on(ok);
  }

  AppendedMessage appended;
  {
    auto next = database_->query("SELECT coalesce(max(position) + 1, 0) FROM messages WHERE conversation_id = ?");
    auto row = next.bind(message.conversation_id).step();
    if (!row) return pass_on(row);
    appended.position = static_cast<std::uint32_t>(next.integer(0));
  }
  std::string search_text;  // see schema.sql
  const bool has_nul = message.content.find('\0') != std::string::npos;
  if (has_nul) {
    search_text = message.content.substr(0, kSearchableBytesMax);
    std::replace(search_text.begin(), search_text.end(), '\0', ' ');
  }
  const auto ids = encode_ids(message.ids);
  auto insert = database_->query(
      "INSERT INTO messages (conversation_id, position, run_id, role, content, reasoning, call_id, ids,"
      " ids_fingerprint, search_text, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(message.conversation_id).bind(appended.position);
  message.run_id.empty() ? insert.bind_null() : insert.bind(message.run_id);
  insert.bind(to_string(message.role)).bind(message.content).bind(message.reasoning).bind(message.call_id)
      .bind_blob(ids).bind(message.ids_fingerprint);
  has_nul ? insert.bind(search_text) : insert.bind_null();
  if (auto done = insert.bind(now_ms_).run(); !done) {
    if (done.error().code != ErrorCode::bad_request || message.run_id.empty()) return pass_on(done);
    auto run = this->run(message.run_id);
    if (!run) return pass_on(run);
    return refuse(ErrorCode::bad_request, "run " + run->id + " belongs to another conversation", where);
  }
  appended.id = database_->last_insert_id();

  for (const auto& id : message.calls) {
    auto attach = database_->query("UPDATE calls SET message_id = ? WHERE run_id = ? AND id = ? AND message_id IS NULL");
    auto done = attach.bind(appended.id).bind(message.run_id).bind(id).run();
    if (done && database_->changes() > 0) continue;
    if (!done && done.error().code != ErrorCode::bad_request) return pass_on(done);
    auto call = this->call({message.run_id, id});
    if (!call) return pass_on(call);
    if (call->message_id)
      return refuse(ErrorCode::bad_state, "call " + id + " belongs to an earlier message", where);
    return refuse(ErrorCode::bad_request, "two calls of the message have position " +
                      std::to_string(call->position), where);
  }
  return appended;
}

}  // namespace praxis::memory
