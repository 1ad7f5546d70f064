#pragma once
// Everything observable about a run, as one stream: the terminal, --json, the journal and tests
// read the same events.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/turn.h"
#include "tools/tool.h"

namespace praxis::agent {

struct Usage {
  std::uint32_t steps = 0, calls = 0;
  std::uint64_t prompt_tokens = 0;     // of all steps
  std::uint64_t cached_tokens = 0;     // of these, found in the KV cache
  std::uint64_t output_tokens = 0;     // generated and forced
  std::uint64_t forced_tokens = 0;     // of these, not sampled
  std::uint64_t reasoning_tokens = 0;  // of these, between <think> and </think>
  double prefill_seconds = 0, decode_seconds = 0, wall_seconds = 0;
  double cost = 0;                     // of a priced engine, in the currency of its prices
  void add(const Usage& other);
};

/// How a run ended.
enum class RunStatus : std::uint8_t { completed, length, limit, cancelled, failed };
std::string_view to_string(RunStatus status);
std::optional<RunStatus> run_status_from(std::string_view text);

struct Event {
  enum class Type : std::uint8_t {
    run_started,      // run, conversation, resumed
    warning,          // text: what was left out and why
    step_started,     // step
    reasoning_delta,  // text
    text_delta,       // text
    call_arguments,   // call.id, call.name, text: a fragment of the arguments
    call_started,     // call: id, name, whole arguments
    call_progress,    // call.id, text
    call_finished,    // call.id, call.name, result
    step_finished,    // step, usage of this step
    run_finished,     // status, text = answer, usage, error
  };
  Type type = Type::warning;
  std::uint32_t step = 0;
  std::string text;
  ToolCall call;
  tools::ToolResult result;
  std::string run_id, conversation_id;
  bool resumed = false;
  RunStatus status = RunStatus::completed;
  std::string error;
  Usage usage;
};

std::string_view to_string(Event::Type type);
std::string to_json(const Usage& usage);
/// Missing and malformed fields are 0.
Usage usage_from_json(const std::string& json);
/// One JSON object without line breaks; the fields are documented in the README.
std::string to_json(const Event& event);

using EventSink = std::function<void(const Event&)>;

}  // namespace praxis::agent
