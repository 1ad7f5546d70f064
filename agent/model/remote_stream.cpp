#include "agent/model/remote_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/json_check.h"
#include "tools/text.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMessageBytesMax = 500;

Error broken(std::string what) { return {ErrorCode::internal, std::move(what), "stream"}; }

const Json& at(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto it = json.find(key);
  return it == json.end() ? kNull : *it;
}

std::string text_of(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }

/// A count that a server reports; what is no count is 0.
std::uint64_t count(const Json& json) {
  if (!json.is_number()) return 0;
  const double value = json.get<double>();
  return value > 0 && value < 1e15 ? static_cast<std::uint64_t>(value) : 0;
}

double seconds(const Json& json, double unit) { return json.is_number() && json.get<double>() > 0 ? json.get<double>() * unit : 0; }

/// OpenAI's usage, DeepSeek's prompt_cache_hit_tokens, SGLang's reasoning_tokens.
void read_usage(const Json& json, Usage& usage) {
  usage.prompt_tokens = count(at(json, "prompt_tokens"));
  usage.output_tokens = count(at(json, "completion_tokens"));
  usage.cached_tokens = std::max(count(at(at(json, "prompt_tokens_details"), "cached_tokens")), count(at(json, "prompt_cache_hit_tokens")));
  usage.reasoning_tokens = std::max(count(at(at(json, "completion_tokens_details"), "reasoning_tokens")), count(at(json, "reasoning_tokens")));
}

/// llama.cpp's timings; its usage does not tell what was cached, and may be missing.
void read_timings(const Json& json, Usage& usage) {
  if (usage.prompt_tokens == 0) usage.prompt_tokens = count(at(json, "prompt_n")) + count(at(json, "cache_n"));
  if (usage.output_tokens == 0) usage.output_tokens = count(at(json, "predicted_n"));
  usage.cached_tokens = std::max(usage.cached_tokens, count(at(json, "cache_n")));
  usage.prefill_seconds = seconds(at(json, "prompt_ms"), 1e-3);
  usage.decode_seconds = seconds(at(json, "predicted_ms"), 1e-3);
}

TokenLogprob read_logprob(const Json& json) {
  const auto bytes_of = [](const Json& token) {
    const Json& bytes = at(token, "bytes");
    if (!bytes.is_array()) return text_of(at(token, "token"));
    std::string out;
    for (const Json& byte : bytes) out += static_cast<char>(count(byte));
    return out;
  };
  const auto value = [](const Json& number) { return number.is_number() ? number.get<float>() : 0.f; };
  TokenLogprob out;
  out.bytes = bytes_of(json);
  out.logprob = value(at(json, "logprob"));
  const Json& top = at(json, "top_logprobs");
  if (top.is_array())
    for (const Json& one : top) out.top.emplace_back(bytes_of(one), value(at(one, "logprob")));
  return out;
}

std::string message_in(const Json& json) {
  for (const Json* holder : {&at(json, "error"), &json}) {
    if (holder->is_string()) return holder->get<std::string>();
    for (const char* key : {"message", "detail", "error"})
      if (const Json& text = at(*holder, key); text.is_string()) return text.get<std::string>();
  }
  return {};
}

}  // namespace

std::string server_message(std::string_view body) {
  std::string message;
  if (tools::check_json(body, tools::JsonShape::object)) message = message_in(Json::parse(body, nullptr, false));
  return tools::one_line(message.empty() ? body : message, kMessageBytesMax);
}

/// One value of the stream after the other.
struct RemoteStream::Reader {
  RemoteStream& stream;
  std::vector<ParsedDelta>& out;

  Result<void> read(const std::string& text) {
    if (text == "[DONE]") {
      stream.end_.ended = true;
      return {};
    }
    tools::JsonLimits limits;
    limits.bytes_max = EventStream::kEventBytesMax;
    limits.depth_max = kJsonDepthMax;
    if (auto checked = tools::check_json(text, tools::JsonShape::object, limits); !checked)
      return tl::unexpected(broken("the server sent what is not its answer: " + tools::one_line(checked.error().what, kMessageBytesMax)));
    const Json json = Json::parse(text, nullptr, false);
    const Json& choices = at(json, "choices");
    if (!at(json, "error").is_null() || (at(json, "object") == "error" && choices.is_null()))
      return tl::unexpected(broken("the server reports: " + server_message(text)));
    if (const Json& usage = at(json, "usage"); usage.is_object()) read_usage(usage, stream.end_.usage);
    if (const Json& timings = at(json, "timings"); timings.is_object()) read_timings(timings, stream.end_.usage);
    if (choices.is_array()) return choices.empty() ? Result<void>() : read_choice(choices[0]);
    return read_ollama(json);
  }

  Result<void> read_choice(const Json& choice) {
    read_logprobs(at(choice, "logprobs"));
    const Json& delta = at(choice, "delta");
    if (auto ok = read_message(delta.is_null() ? at(choice, "message") : delta); !ok) return ok;
    // Some servers send an empty one with every chunk.
    if (std::string reason = text_of(at(choice, "finish_reason")); !reason.empty()) end(std::move(reason));
    return {};
  }

  /// {"message":{…},"done":false}; the last one has done_reason, counts, and durations in nanoseconds.
  Result<void> read_ollama(const Json& json) {
    if (auto ok = read_message(at(json, "message")); !ok) return ok;
    if (at(json, "done") != true) return {};
    end(text_of(at(json, "done_reason")));
    Usage& usage = stream.end_.usage;
    usage.prompt_tokens = count(at(json, "prompt_eval_count"));
    usage.output_tokens = count(at(json, "eval_count"));
    usage.prefill_seconds = seconds(at(json, "prompt_eval_duration"), 1e-9);
    usage.decode_seconds = seconds(at(json, "eval_duration"), 1e-9);
    return {};
  }

  void end(std::string reason) {
    stream.end_.ended = true;
    stream.end_.reason = std::move(reason);
  }

  Result<void> read_message(const Json& message) {
    const std::size_t before = out.size();
    // vLLM sends both names of one text for a while, so the first that is there counts.
    for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
      const std::string text = text_of(at(message, key));
      if (text.empty()) continue;
      stream.splitter_.reasoning(text, out);
      break;
    }
    if (const Json& content = at(message, "content"); content.is_string() && content != "") stream.splitter_.text(text_of(content), out);
    stream.attach_logprobs(out, before);
    const Json& calls = at(message, "tool_calls");
    if (!calls.is_array()) return {};
    for (const Json& call : calls)
      if (auto ok = read_call(call); !ok) return ok;
    stream.tell_calls(false, out);
    return {};
  }

  void read_logprobs(const Json& logprobs) {
    for (const char* key : {"reasoning_content", "content"})
      if (const Json& tokens = at(logprobs, key); tokens.is_array())
        for (const Json& token : tokens) stream.logprobs_.push_back(read_logprob(token));
  }

  Result<void> read_call(const Json& call) {
    const Json& function = at(call, "function");
    const std::string id = text_of(at(call, "id")), name = text_of(at(function, "name"));
    auto slot = slot_of(at(call, "index"), id, name);
    if (!slot) return tl::unexpected(slot.error());
    if ((*slot)->id.empty()) (*slot)->id = id;
    // A name comes once, in pieces, or again with every fragment.
    if (name != (*slot)->name && (*slot)->arguments.empty()) (*slot)->name += name;
    const Json& arguments = at(function, "arguments");
    const std::string piece = arguments.is_object() ? arguments.dump(-1, ' ', false, Json::error_handler_t::replace) : text_of(arguments);
    if ((*slot)->told && piece.find_first_not_of(" \t\r\n") != std::string::npos)
      return tl::unexpected(broken("arguments of a call came after its end"));
    if ((*slot)->told) return {};
    if ((*slot)->arguments.size() + piece.size() > kArgumentsBytesMax)
      return tl::unexpected(Error{ErrorCode::limit, "the arguments of a call are longer than " + std::to_string(kArgumentsBytesMax) + " bytes (arguments_bytes_max)", "stream"});
    (*slot)->arguments += piece;
    return {};
  }

  /// Which call a fragment belongs to. Indices may be missing, or 0 for every call; ids may be missing.
  Result<Slot*> slot_of(const Json& index, const std::string& id, const std::string& name) {
    auto& slots = stream.slots_;
    const auto is_same = [&](const Slot& slot) {
      const bool other = !id.empty() && !slot.id.empty() && id != slot.id && !name.empty();
      if (index.is_number_integer()) return slot.index == index.get<std::int64_t>() && !other;
      return id.empty() ? name.empty() && &slot == &slots.back() : slot.id == id;
    };
    const auto it = std::find_if(slots.rbegin(), slots.rend(), is_same);
    if (it != slots.rend()) return &*it;
    if (slots.size() >= kCallsMax)
      return tl::unexpected(Error{ErrorCode::limit, "the answer has more than " + std::to_string(kCallsMax) + " calls (calls_max)", "stream"});
    Slot fresh;
    if (index.is_number_integer()) fresh.index = index.get<std::int64_t>();
    slots.push_back(std::move(fresh));
    return &slots.back();
  }
};

Result<std::vector<ParsedDelta>> RemoteStream::push(std::string_view bytes) {
  auto texts = events_.push(bytes);
  if (!texts) return tl::unexpected(texts.error());
  return read_all(*texts);
}

Result<std::vector<ParsedDelta>> RemoteStream::finish() {
  auto out = read_all(events_.finish());
  if (!out) return out;
  const std::size_t before = out->size();
  splitter_.finish(*out);
  attach_logprobs(*out, before);
  tell_calls(true, *out);
  return out;
}

Result<std::vector<ParsedDelta>> RemoteStream::read_all(const std::vector<std::string>& texts) {
  std::vector<ParsedDelta> out;
  Reader reader{*this, out};
  for (const std::string& text : texts)
    if (auto ok = reader.read(text); !ok) return tl::unexpected(ok.error());
  return out;
}

void RemoteStream::tell_calls(bool all, std::vector<ParsedDelta>& out) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.told) continue;
    const bool last = i + 1 == slots_.size();
    if (all && slot.arguments.find_first_not_of(" \t\r\n") == std::string::npos) slot.arguments = "{}";
    const bool whole = Json::accept(slot.arguments);
    if (!all && (last || !whole)) return;
    if (!whole && last && end_.reason == "length") return;
    slot.told = true;
    const auto tell = [&](ParsedDelta::Kind kind, std::string text) {
      ParsedDelta delta;
      delta.kind = kind;
      delta.text = std::move(text);
      delta.call = static_cast<std::uint32_t>(i);
      out.push_back(std::move(delta));
    };
    tell(ParsedDelta::Kind::call_name, slot.name);
    tell(ParsedDelta::Kind::call_arguments, slot.arguments);
    tell(ParsedDelta::Kind::call_end, {});
  }
}

void RemoteStream::attach_logprobs(std::vector<ParsedDelta>& out, std::size_t from) {
  if (from < out.size()) out[from].logprobs = std::exchange(logprobs_, {});
}

}  // namespace praxis::agent
