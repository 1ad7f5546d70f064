#pragma once
// Everything observable about a run, as one stream: the terminal, --json, the journal and tests
// read the same events.

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cite.h"
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
    reasoning_delta,  // text, logprobs
    text_delta,       // text, logprobs
    call_arguments,   // call.id, call.name, text: a fragment of the arguments
    call_approval,    // call: id, name, whole arguments: somebody must say whether it may run
    call_started,     // call: id, name, whole arguments
    call_progress,    // call.id, text
    call_finished,    // call.id, call.name, result
    step_finished,    // step, usage of this step
    step_restarted,   // step: it is decoded anew and differs from what was told of it; forget that
    run_parked,       // as run_finished, but the run goes on later
    run_finished,     // status, text = answer, usage, error, citations
  };
  Type type = Type::warning;
  std::int64_t seq = 0;   // of its row in the journal; 0: it has none
  std::uint32_t step = 0;
  std::string text;
  std::vector<TokenLogprob> logprobs;  // where they were asked for
  ToolCall call;
  tools::ToolResult result;
  std::string run_id, conversation_id;
  bool resumed = false;
  RunStatus status = RunStatus::completed;
  std::string error;
  Usage usage;
  std::vector<Citation> citations;
};

std::string_view to_string(Event::Type type);
/// Events that only show how far something is: they change nothing, and a run can do without them.
bool is_progress(Event::Type type);
std::string to_json(const Usage& usage);
/// Missing and malformed fields are 0.
Usage usage_from_json(const std::string& json);
/// An array as choices[].logprobs.content of OpenAI's chat completions: token, logprob, bytes and
/// top_logprobs of each. Dump it with error_handler_t::replace: a token may be half a character.
nlohmann::ordered_json to_json(const std::vector<TokenLogprob>& logprobs);
/// One JSON object without line breaks; the fields are documented in the README.
std::string to_json(const Event& event);

using EventSink = std::function<void(const Event&)>;

}  // namespace praxis::agent
