#pragma once
// What a tool is, what a call is, what comes back. Values only.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/error.h"

namespace praxis::tools {

/// What a call does to the world, and so what may be done with it after a crash: pure calls run
/// again, idempotent ones run again with the same key, once is never run again.
enum class Effect : std::uint8_t { pure, idempotent, once };
std::string_view to_string(Effect effect);
std::optional<Effect> effect_from(std::string_view text);

struct Limits {
  std::uint32_t deadline_ms = 30'000;
  std::uint32_t output_bytes_max = 64 * 1024;
};

struct ToolSpec {
  std::string name;          // [A-Za-z0-9_.-]{1,64}
  std::string description;
  std::string schema;        // JSON Schema of the arguments, as text, keys in written order
  Effect effect = Effect::once;
  bool needs_approval = false;
  Limits limits;
  std::string source;        // where it comes from, e.g. "plugin calculator"
};

struct Call {
  std::string id;               // unique in its run, e.g. call_00_x7…
  std::string tool;
  std::string arguments;        // one JSON object, as text
  std::string idempotency_key;  // the same for every try of this call
};

enum class Status : std::uint8_t { ok, error, timeout, cancelled, unknown };
std::string_view to_string(Status status);
std::optional<Status> status_from(std::string_view text);

struct ToolResult {
  Status status = Status::ok;
  std::string text;             // what the model sees (without any "Error: " prefix)
  bool truncated = false;       // cut at output_bytes_max
  std::uint32_t wall_ms = 0;
};

/// Given to a running call. stop() turns true on cancellation or past the deadline.
struct CallContext {
  std::function<bool()> stop;
  std::chrono::steady_clock::time_point deadline;
  std::function<void(std::string_view)> progress;  // a line for people, not for the model
};

/// Who can answer calls of one or more tools. Called from several threads at once.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual ToolResult call(const Call& call, const CallContext& context) = 0;
  /// After a crash: what became of the call with this key. nullopt: the backend cannot tell.
  struct Settled { bool done = false; ToolResult result; };
  virtual std::optional<Settled> status(std::string_view tool, std::string_view idempotency_key) = 0;
};

}  // namespace praxis::tools
