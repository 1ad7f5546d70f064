// Replies to clients that keep their conversations themselves.

#include "memory/checks.h"
#include "memory/codec.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {
namespace {

std::string reply_at(std::string_view id) { return "reply " + std::string(id); }

const std::string kSelectReply =
    "SELECT id, previous_id, input, body, content, reasoning, calls, ids, ids_fingerprint, created_ms FROM replies ";

Result<Reply> one_reply(Query& query, std::string_view where) {
  auto row = query.step();
  if (!row) return pass_on(row);
  if (!*row) return refuse(ErrorCode::not_found, "there is no such reply", std::string(where));
  Reply reply;
  reply.id = query.text(0);
  reply.previous_id = query.text(1);
  reply.input = query.text(2);
  reply.body = query.text(3);
  reply.content = query.text(4);
  reply.reasoning = query.text(5);
  reply.calls = query.text(6);
  auto ids = decode_ids(query.blob(7));
  if (!ids) return refuse(ErrorCode::io, "its token ids are damaged", reply_at(reply.id));
  reply.ids = std::move(*ids);
  reply.ids_fingerprint = query.text(8);
  reply.created_ms = query.integer(9);
  return reply;
}

}  // namespace

Result<Reply> Reads::reply(std::string_view id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectReply + "WHERE id = ?");
  return one_reply(query.bind(id), reply_at(id));
}

Result<Reply> Reads::reply_of_call(std::string_view call_id) {
  auto database = this->database();
  if (!database) return pass_on(database);
  auto query = (*database)->query(kSelectReply + "WHERE id = (SELECT reply_id FROM reply_calls WHERE call_id = ?)");
  return one_reply(query.bind(call_id), "call " + std::string(call_id));
}

Result<void> Tx::keep_reply(const Reply& reply, std::span<const std::string> call_ids) {
  const auto where = reply_at(reply.id);
  for (const auto* name : {&reply.id, &reply.ids_fingerprint})
    if (auto ok = check_name(*name, "id", where); !ok) return ok;
  for (const auto* text : {&reply.content, &reply.reasoning})
    if (auto ok = check_text(*text, "text", where); !ok) return ok;
  for (const auto* json : {&reply.input, &reply.body, &reply.calls})
    if (auto ok = check_json(*json, "JSON", where); !ok) return ok;
  const auto ids = encode_ids(reply.ids);
  auto insert = database_->query(
      "INSERT INTO replies (id, previous_id, input, body, content, reasoning, calls, ids, ids_fingerprint, created_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  auto done = insert.bind(reply.id).bind(reply.previous_id).bind(reply.input).bind(reply.body).bind(reply.content)
                  .bind(reply.reasoning).bind(reply.calls).bind_blob(ids).bind(reply.ids_fingerprint).bind(now_ms_).run();
  if (!done) return done;
  for (const auto& call_id : call_ids) {
    if (auto ok = check_name(call_id, "call id", where); !ok) return ok;
    auto named = database_->query("INSERT INTO reply_calls (call_id, reply_id) VALUES (?, ?)");
    if (auto ok = named.bind(call_id).bind(reply.id).run(); !ok) return ok;
  }
  return {};
}

Result<void> Tx::delete_reply(std::string_view id) {
  auto change = database_->query("DELETE FROM replies WHERE id = ?");
  if (auto done = change.bind(id).run(); !done) return done;
  if (database_->changes() == 0) return refuse(ErrorCode::not_found, "there is no such reply", reply_at(id));
  return {};
}

Result<std::int64_t> Tx::forget_replies(std::int64_t before_ms, std::uint32_t limit) {
  auto change = database_->query(
      "DELETE FROM replies WHERE id IN (SELECT id FROM replies WHERE created_ms < ? ORDER BY created_ms LIMIT ?)");
  if (auto done = change.bind(before_ms).bind(limit).run(); !done) return pass_on(done);
  return database_->changes();
}

}  // namespace praxis::memory
