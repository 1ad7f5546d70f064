#include "memory/calls.h"

#include "memory/checks.h"
#include "memory/store.h"

namespace praxis::memory {

const std::string kSelectCall =
    "SELECT calls.id, calls.run_id, calls.message_id, calls.position, calls.tool, calls.arguments, calls.effect,"
    " calls.idempotency_key, calls.status, calls.attempts, calls.result_status, calls.result_text,"
    " calls.truncated, calls.started_ms, calls.finished_ms FROM calls ";

namespace {

std::string call_at(const CallRef& ref) { return "call " + ref.call_id + " of run " + ref.run_id; }

Result<std::vector<Call>> calls_where(Database& database, std::string_view run_id, const char* condition) {
  std::vector<Call> calls;
  auto query = database.query(kSelectCall + "WHERE run_id = ? " + condition + " ORDER BY number");
  query.bind(run_id);
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) return calls;
    calls.push_back(call_of(query));
  }
}

/// Ends a change of the call that is `from` and nothing else; when none was changed, the call says why.
Result<void> changed_call(Reads& reads, Database& database, Query& change, const CallRef& ref, CallStatus from,
                          const char* verb) {
  if (auto done = change.run(); !done) return done;
  if (database.changes() > 0) return {};
  auto call = reads.call(ref);
  if (!call) return pass_on(call);
  if (call->status == from && call->effect == Effect::once)
    return refuse(ErrorCode::bad_state, "the call has effect once and may have happened; mark it unknown instead", call_at(ref));
  return refuse(ErrorCode::bad_state, "the call is " + std::string(to_string(call->status)) + "; only one that is " +
                    std::string(to_string(from)) + " can be " + verb, call_at(ref));
}

}  // namespace

Call call_of(const Query& row) {
  Call call{.id = row.text(0), .run_id = row.text(1)};
  if (!row.is_null(2)) call.message_id = row.integer(2);
  call.position = static_cast<std::uint32_t>(row.integer(3));
  call.tool = row.text(4);
  call.arguments = row.text(5);
  // The schema's CHECKs admit no other names; once and unknown are what promises least.
  call.effect = effect_from(row.text(6)).value_or(Effect::once);
  call.idempotency_key = row.text(7);
  call.status = call_status_from(row.text(8)).value_or(CallStatus::unknown);
  call.attempts = static_cast<std::uint32_t>(row.integer(9));
  call.result_status = row.text(10);
  call.result_text = row.text(11);
  call.truncated = row.integer(12) != 0;
  call.started_ms = row.integer(13);
  call.finished_ms = row.integer(14);
  return call;
}

Result<Call> Reads::call(const CallRef& ref) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectCall + "WHERE run_id = ? AND id = ?");
  auto row = query.bind(ref.run_id).bind(ref.call_id).step();
  if (!row) return pass_on(row);
  if (!*row) return refuse(ErrorCode::not_found, "there is no such call", call_at(ref));
  return call_of(query);
}

Result<std::vector<Call>> Reads::calls(std::string_view run_id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  return calls_where(**database, run_id, "");
}

Result<std::vector<Call>> Reads::unfinished_calls(std::string_view run_id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  return calls_where(**database, run_id, "AND status IN ('planned', 'started')");
}

Result<std::string> Tx::plan_call(const NewCall& call, bool start) {
  const CallRef ref{call.run_id, call.id};
  const auto where = call_at(ref);
  if (call.id.empty() || call.tool.empty())
    return refuse(ErrorCode::bad_request, "a call needs an id and a tool", where);
  if (auto ok = check_name(call.id, "id", where); !ok) return pass_on(ok);
  if (auto ok = check_name(call.tool, "tool", where); !ok) return pass_on(ok);
  if (auto ok = check_name(call.idempotency_key, "idempotency_key", where); !ok) return pass_on(ok);
  if (auto ok = check_text(call.arguments, "arguments", where); !ok) return pass_on(ok);

  {
    auto run = database_->query("SELECT status FROM runs WHERE id = ?");
    auto row = run.bind(call.run_id).step();
    if (!row) return pass_on(row);
    if (!*row) return refuse(ErrorCode::not_found, "there is no such run", "run " + call.run_id);
    if (const auto status = run.text(0); status != to_string(RunStatus::running))
      return refuse(ErrorCode::bad_state, "the run is " + status + ", not running", where);
  }

  std::string key = call.idempotency_key;
  if (key.empty()) {
    auto made = random_id("k_");
    if (!made) return made;
    key = std::move(*made);
  }
  auto insert = database_->query(
      "INSERT INTO calls (run_id, id, position, tool, arguments, effect, idempotency_key, status, attempts,"
      " result_status, result_text, truncated, started_ms, finished_ms)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, ?, 0)");
  insert.bind(call.run_id).bind(call.id).bind(call.position).bind(call.tool).bind(call.arguments)
      .bind(to_string(call.effect)).bind(key);
  auto done = insert.bind(to_string(start ? CallStatus::started : CallStatus::planned)).bind(start ? 1 : 0)
                  .bind(start ? now_ms_ : 0).run();
  if (done) return key;
  if (done.error().code != ErrorCode::bad_request) return pass_on(done);
  if (auto known = this->call(ref)) return refuse(ErrorCode::bad_state, "the call is planned already", where);
  return refuse(ErrorCode::bad_request, "its idempotency key belongs to another call", where);
}

Result<void> Tx::start_call(const CallRef& ref) {
  auto change = database_->query(
      "UPDATE calls SET status = 'started', attempts = attempts + 1, started_ms = ?"
      " WHERE run_id = ? AND id = ? AND status = 'planned'");
  change.bind(now_ms_).bind(ref.run_id).bind(ref.call_id);
  return changed_call(*this, *database_, change, ref, CallStatus::planned, "started");
}

Result<void> Tx::restart_call(const CallRef& ref) {
  auto change = database_->query(
      "UPDATE calls SET attempts = attempts + 1, started_ms = ?"
      " WHERE run_id = ? AND id = ? AND status = 'started' AND effect <> 'once'");
  change.bind(now_ms_).bind(ref.run_id).bind(ref.call_id);
  return changed_call(*this, *database_, change, ref, CallStatus::started, "started again");
}

Result<void> Tx::finish_call(const CallRef& ref, const CallResult& result) {
  if (result.status.empty()) return refuse(ErrorCode::bad_request, "a result needs a status", call_at(ref));
  if (auto ok = check_name(result.status, "status", call_at(ref)); !ok) return ok;
  if (auto ok = check_text(result.text, "result", call_at(ref)); !ok) return ok;
  auto change = database_->query(
      "UPDATE calls SET status = 'finished', result_status = ?, result_text = ?, truncated = ?, finished_ms = ?"
      " WHERE run_id = ? AND id = ? AND status = 'started'");
  change.bind(result.status).bind(result.text).bind(result.truncated ? 1 : 0).bind(now_ms_)
      .bind(ref.run_id).bind(ref.call_id);
  return changed_call(*this, *database_, change, ref, CallStatus::started, "finished");
}

Result<void> Tx::mark_unknown(const CallRef& ref) {
  auto change = database_->query(
      "UPDATE calls SET status = 'unknown', finished_ms = ? WHERE run_id = ? AND id = ? AND status = 'started'");
  change.bind(now_ms_).bind(ref.run_id).bind(ref.call_id);
  return changed_call(*this, *database_, change, ref, CallStatus::started, "unknown");
}

Result<void> Tx::cancel_call(const CallRef& ref) {
  auto change = database_->query(
      "UPDATE calls SET status = 'cancelled', finished_ms = ? WHERE run_id = ? AND id = ? AND status = 'planned'");
  change.bind(now_ms_).bind(ref.run_id).bind(ref.call_id);
  return changed_call(*this, *database_, change, ref, CallStatus::planned, "cancelled");
}

}  // namespace praxis::memory
