#include "agent/api/decoding.h"

#include <algorithm>
#include <set>

#include "agent/call_id.h"
#include "tools/json_check.h"

namespace praxis::agent::api {

void Said::add(const ParsedDelta& delta) {
  switch (delta.kind) {
    case ParsedDelta::Kind::reasoning:
      reasoning += delta.text;
      reasoning_logprobs.insert(reasoning_logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
      break;
    case ParsedDelta::Kind::text:
      content += delta.text;
      content_logprobs.insert(content_logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
      break;
    case ParsedDelta::Kind::call_name: calls.push_back({new_call_id(delta.call), delta.text, ""}); break;
    case ParsedDelta::Kind::call_arguments: calls.at(delta.call).arguments += delta.text; break;
    case ParsedDelta::Kind::call_end: break;
  }
}

Parsed<std::vector<std::unique_ptr<Step>>> start_steps(Service& service, const StepInput& input, std::uint32_t choices,
                                                       std::shared_ptr<Beats> beats, const char* format_param) {
  for (std::size_t i = 0; i < input.tools.size(); ++i) {
    const std::string why = service.model().refuse_tool(input.tools[i]);
    if (why.empty()) continue;
    const std::string where = "tools[" + std::to_string(i) + "].function.parameters";
    return refuse(where, "the schema of " + input.tools[i].name + " cannot be used: " + why);
  }
  std::vector<std::unique_ptr<Step>> steps;
  StepInput one = input;
  for (std::uint32_t choice = 0; choice < choices; ++choice) {
    one.settings.seed = input.settings.seed + choice;
    auto step = service.model().start(
        one, [beats, choice](ParsedDelta delta) { beats->send({choice, std::move(delta)}); },
        [beats, choice](Result<StepOutput> output) { beats->send({choice, std::move(output)}); });
    if (!step) {  // those that run are cancelled as they go
      ApiError error = to_api(step.error());
      if (step.error().where.rfind("answer", 0) == 0) error.param = format_param;
      return tl::unexpected(std::move(error));
    }
    steps.push_back(std::move(*step));
  }
  return steps;
}

std::vector<std::string> call_ids(const Said& said) {
  std::vector<std::string> ids;
  for (const ToolCall& call : said.calls) ids.push_back(call.id);
  return ids;
}

memory::Reply reply_row(std::string id, const Said& said, const StepOutput& output, std::string_view fingerprint) {
  memory::Reply row;
  row.id = std::move(id);
  row.content = said.content;
  row.reasoning = said.reasoning;
  Json calls = Json::array();
  for (const ToolCall& call : said.calls) calls.push_back({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  row.calls = dump(calls);
  if (output.whole()) {
    row.ids = output.ids;
    row.ids_fingerprint = fingerprint;
  }
  return row;
}

std::vector<ToolCall> calls_from_json(const std::string& json) {
  std::vector<ToolCall> calls;
  for (const Json& call : Json::parse(json, nullptr, false)) {
    if (!call.is_object()) continue;
    calls.push_back({call.value("id", ""), call.value("name", ""), call.value("arguments", "")});
  }
  return calls;
}

namespace {

/// Clients parse arguments and write them again in their own way. What no tool would take (too long, too
/// deep) is the same only to the letter.
bool same_arguments(const std::string& a, const std::string& b) {
  if (a == b) return true;
  for (const std::string* one : {&a, &b})
    if (!tools::check_json(*one, tools::JsonShape::object)) return false;
  const Json left = Json::parse(a, nullptr, false), right = Json::parse(b, nullptr, false);
  return !left.is_discarded() && left == right;
}

bool same_calls(const std::vector<ToolCall>& given, const std::vector<ToolCall>& made) {
  return std::equal(given.begin(), given.end(), made.begin(), made.end(), [](const ToolCall& a, const ToolCall& b) {
    return a.id == b.id && a.name == b.name && same_arguments(a.arguments, b.arguments);
  });
}

/// Of each message that names calls, the stored reply that made them. A call is made once: who names it
/// again gets nothing.
std::vector<std::optional<memory::Reply>> replies_of(memory::Store& store, const std::vector<Message>& messages) {
  std::vector<std::optional<memory::Reply>> replies(messages.size());
  std::optional<memory::Snapshot> reads;
  std::set<std::string_view> named;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role != SenderRole::assistant || message.calls.empty() || !message.ids.empty()) continue;
    if (!named.insert(message.calls.front().id).second) continue;
    if (!reads) reads.emplace(store.read());
    auto reply = reads->reply_of_call(message.calls.front().id);
    if (!reply) continue;
    reply->input = reply->body = std::string();  // big, and not needed here
    replies[i] = std::move(*reply);
  }
  return replies;
}

/// Some clients send the parallel calls of one reply as call, result, call, result. They become one
/// message again, as the model made them; the results behind it keep their order.
void join_parallel_calls(std::vector<Message>& messages, std::vector<std::optional<memory::Reply>>& replies) {
  std::size_t kept = 0, head = 0;  // head: of the calls that the results in between answer
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool goes_on = kept > head && replies[i] && replies[head] && replies[i]->id == replies[head]->id &&
                         (messages[i].content.empty() || messages[i].content == messages[head].content);
    if (goes_on) {
      auto& calls = messages[head].calls;
      calls.insert(calls.end(), messages[i].calls.begin(), messages[i].calls.end());
      continue;
    }
    if (messages[i].role != SenderRole::tool) head = kept;
    if (kept != i) {
      messages[kept] = std::move(messages[i]);
      replies[kept] = std::move(replies[i]);
    }
    ++kept;
  }
  messages.resize(kept);
  replies.resize(kept);
}

}  // namespace

void reattach(memory::Store& store, std::string_view fingerprint, std::vector<Message>& messages) {
  std::vector<std::optional<memory::Reply>> replies = replies_of(store, messages);
  join_parallel_calls(messages, replies);
  std::set<std::string> attached;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!replies[i] || !attached.insert(replies[i]->id).second) continue;
    Message& message = messages[i];
    memory::Reply& reply = *replies[i];
    if (message.reasoning.empty()) message.reasoning = reply.reasoning;
    if (message.content.empty()) message.content = reply.content;
    const bool unchanged = message.reasoning == reply.reasoning && message.content == reply.content &&
                           same_calls(message.calls, calls_from_json(reply.calls));
    if (unchanged && reply.ids_fingerprint == fingerprint) message.ids = std::move(reply.ids);
  }
}

boost::asio::awaitable<memory::Result<void>> written(memory::Store& store, boost::asio::any_io_executor executor,
                                                     memory::Store::Work work) {
  auto done = std::make_shared<Mailbox<memory::Result<void>>>(executor);
  store.write_then(std::move(work), [done](memory::Result<void> outcome) { done->send(std::move(outcome)); });
  auto outcomes = co_await done->receive();
  co_return std::move(outcomes.front());
}

std::string usage_json(const std::vector<Usage>& choices) {
  const Usage& first = choices.front();
  std::uint64_t output = 0, reasoning = 0;
  for (const Usage& one : choices) {
    output += one.output_tokens;
    reasoning += one.reasoning_tokens;
  }
  Json usage;
  usage["prompt_tokens"] = first.prompt_tokens;
  usage["completion_tokens"] = output;
  usage["total_tokens"] = first.prompt_tokens + output;
  usage["prompt_tokens_details"]["cached_tokens"] = first.cached_tokens;
  usage["completion_tokens_details"]["reasoning_tokens"] = reasoning;
  usage["prompt_cache_hit_tokens"] = first.cached_tokens;
  usage["prompt_cache_miss_tokens"] = first.prompt_tokens - first.cached_tokens;
  return usage.dump();
}

}  // namespace praxis::agent::api
