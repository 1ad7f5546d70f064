#pragma once
// One request's steps under way, for the APIs whose clients keep the loop themselves.

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/api/service.h"
#include "agent/mailbox.h"

namespace praxis::agent::api {

struct Gone {};      // the client left
struct Silence {};   // nothing was sent for a while

/// What happened, and to which of the request's choices.
struct Beat {
  std::uint32_t choice = 0;
  std::variant<ParsedDelta, Result<StepOutput>, Gone, Silence> what;
};
using Beats = Mailbox<Beat>;

/// What one step has said so far, its calls with their ids.
struct Said {
  std::string content, reasoning;
  std::vector<ToolCall> calls;
  std::vector<TokenLogprob> content_logprobs, reasoning_logprobs;
  /// Gives a new call its id.
  void add(const ParsedDelta& delta);
};

/// Starts `choices` steps of the same prompt with seeds that follow each other; they share its
/// prefill. The steps report to `beats`. To be called away from the event loop: rendering and
/// compiling take their time. `format_param` is where the request says what the answer must be.
Parsed<std::vector<std::unique_ptr<Step>>> start_steps(Service& service, const StepInput& input, std::uint32_t choices,
                                                       std::shared_ptr<Beats> beats, const char* format_param);

/// Puts back what a client dropped: an assistant message that names calls of a stored reply gets its
/// reasoning, and where it stands unchanged the very tokens it was made of. Parallel calls that a
/// client sent one by one, each with its result, become one message again. A reply is attached once: where
/// its calls are named again they stay as they are.
void reattach(memory::Store& store, std::string_view fingerprint, std::vector<Message>& messages);

/// What has to be stored of a step so that reattach() finds it.
memory::Reply reply_row(std::string id, const Said& said, const StepOutput& output, std::string_view fingerprint);
std::vector<std::string> call_ids(const Said& said);
std::vector<ToolCall> calls_from_json(const std::string& json);

/// Waits until the row is durable, without holding up the loop.
boost::asio::awaitable<memory::Result<void>> written(memory::Store& store, boost::asio::any_io_executor executor,
                                                     memory::Store::Work work);

/// A stream's usage object: prompt, completion and total; DeepSeek's and OpenAI's cache fields; with
/// several choices the prompt counts once.
std::string usage_json(const std::vector<Usage>& choices);

}  // namespace praxis::agent::api
