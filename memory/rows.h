#pragma once
// What the store holds, as plain values. Text is kept byte for byte (NUL included) and is meant to
// be UTF-8: that is the caller's duty. Times are milliseconds since the Unix epoch, 0 when unset.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace praxis::memory {

/// What of earlier reasoning the model still sees; stored per conversation.
enum class ThinkPolicy : std::uint8_t {
  strip_always,   // none
  keep_in_loop,   // that of the current turn (since the last user message)
  keep_if_tools,  // that of turns that made calls, and of the current one
  keep_all,
};
std::string_view to_string(ThinkPolicy policy);
std::optional<ThinkPolicy> think_policy_from(std::string_view text);

struct Conversation {
  std::string id;  // "c_" and 100 random bits
  std::string title;
  ThinkPolicy think_policy = ThinkPolicy::keep_in_loop;
  std::string model;              // as the user named it
  std::string model_fingerprint;  // which weights answered last
  std::int64_t created_ms = 0, updated_ms = 0;
  bool operator==(const Conversation&) const = default;
};

/// running: in work, or left behind by a process that died. interrupted: stopped on purpose and
/// may go on. The others are final.
enum class RunStatus : std::uint8_t { running, finished, failed, cancelled, interrupted };
std::string_view to_string(RunStatus status);
std::optional<RunStatus> run_status_from(std::string_view text);

struct Run {
  std::string id;  // "r_" and 100 random bits
  std::string conversation_id;
  RunStatus status = RunStatus::running;
  std::string settings;  // JSON
  std::string answer;
  std::string usage;     // JSON
  std::string error;     // why it failed, in words; empty otherwise
  std::int64_t created_ms = 0, finished_ms = 0;
  bool operator==(const Run&) const = default;
};

/// One event of a run. seq grows over the whole file and is never given twice: it can be shown to
/// clients as the event's id.
struct NewJournalRow {
  std::string_view type;     // "call.started"
  std::string_view payload;  // JSON
};

struct JournalEvent {
  std::int64_t seq = 0;
  std::string run_id;
  std::string type;     // "call.started"
  std::string payload;  // JSON
  std::int64_t at_ms = 0;
  bool operator==(const JournalEvent&) const = default;
};

/// What a call does to the world, and so what may be done with it after a crash.
enum class Effect : std::uint8_t { pure, idempotent, once };
std::string_view to_string(Effect effect);
std::optional<Effect> effect_from(std::string_view text);

/// planned -> started -> finished | unknown;  planned -> cancelled.
enum class CallStatus : std::uint8_t { planned, started, finished, unknown, cancelled };
std::string_view to_string(CallStatus status);
std::optional<CallStatus> call_status_from(std::string_view text);

/// Call ids are unique in their run only.
struct CallRef {
  std::string run_id, call_id;
};

struct Call {
  std::string id, run_id;
  std::optional<std::int64_t> message_id;  // unset until the message that made it is appended
  std::uint32_t position = 0;              // among the calls of that message
  std::string tool;
  std::string arguments;                   // JSON, as decoded
  Effect effect = Effect::once;
  std::string idempotency_key;             // unique in the file, the same for every try
  CallStatus status = CallStatus::planned;
  std::uint32_t attempts = 0;              // how often it was started
  std::string result_status;               // "ok", "error", …: the caller's word; finished only
  std::string result_text;
  bool truncated = false;                  // result_text was cut at the tool's output cap
  std::int64_t started_ms = 0, finished_ms = 0;
  bool operator==(const Call&) const = default;
};

enum class Role : std::uint8_t { system, user, assistant, tool };
std::string_view to_string(Role role);
std::optional<Role> role_from(std::string_view text);

struct Message {
  std::int64_t id = 0;
  std::string conversation_id;
  std::uint32_t position = 0;        // 0, 1, 2, … in its conversation
  std::string run_id;                // empty: belongs to no run
  Role role = Role::user;
  std::string content;
  std::string reasoning;             // assistant only; always whole
  std::string call_id;               // tool only: which call this answers
  std::vector<std::int32_t> ids;     // the token ids the engine produced for it
  std::string ids_fingerprint;       // of the model whose ids these are
  std::int64_t created_ms = 0;
  std::vector<Call> calls;           // assistant only, by position
  bool operator==(const Message&) const = default;
};

/// A reply to a client that keeps its conversation itself: Chat Completions, Responses.
struct Reply {
  std::string id;                    // as the client knows it
  std::string previous_id;           // the reply that its request went on from; empty: none
  std::string input = "[]";          // JSON: what its request added to that
  std::string body = "{}";           // JSON: as the client got it
  std::string content, reasoning;    // reasoning: whole
  std::string calls = "[]";          // JSON
  std::vector<std::int32_t> ids;     // the token ids the engine produced for it
  std::string ids_fingerprint;       // of the model whose ids these are
  std::int64_t created_ms = 0;
  bool operator==(const Reply&) const = default;
};

struct SearchHit {
  std::int64_t message_id = 0;
  std::string conversation_id, conversation_title;
  Role role = Role::user;
  std::int64_t created_ms = 0;
  std::string snippet;                          // at most 240 bytes of content, whole characters
  std::uint32_t match_begin = 0, match_bytes = 0;  // in snippet; 0 bytes: nothing to mark
};

struct Counts {
  std::int64_t conversations = 0, runs = 0, messages = 0, calls = 0, journal = 0;
  bool operator==(const Counts&) const = default;
};

}  // namespace praxis::memory
