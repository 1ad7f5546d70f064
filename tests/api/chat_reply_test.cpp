#include "agent/api/chat_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace praxis::agent::api {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;
using Kind = ParsedDelta::Kind;

ChatReply reply(const ChatRequest& request) { return {request, "chatcmpl-1", "r1", "0123456789abcdefgh", 1700000000}; }

ParsedDelta said(Kind kind, std::string text, std::uint32_t call = 0, std::vector<TokenLogprob> logprobs = {}) {
  return {kind, std::move(text), call, std::move(logprobs)};
}

StepOutput output(std::uint64_t tokens = 5, engine::Finish finish = engine::Finish::stop) {
  StepOutput out;
  out.finish = finish;
  out.usage.prompt_tokens = 10;
  out.usage.cached_tokens = 4;
  out.usage.output_tokens = tokens;
  out.usage.reasoning_tokens = 2;
  return out;
}

constexpr const char* kUsage =
    R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},)"
    R"("completion_tokens_details":{"reasoning_tokens":2},"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6})";

/// A whole reply: what stands in `choices` and behind it.
std::string whole(const std::string& choices, const std::string& usage = kUsage) {
  return R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"r1","system_fingerprint":"fp_0123456789abcdef","choices":[)" +
         choices + R"(],"usage":)" + usage + "}";
}

/// The same of a stream's chunk; `rest` follows the choices.
std::string chunk(const std::string& choices, const std::string& rest = "") {
  return R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"r1","system_fingerprint":"fp_0123456789abcdef","choices":[)" +
         choices + "]" + rest + "}";
}

std::string delta(const std::string& delta, const std::string& finish = "null", int choice = 0) {
  return R"({"index":)" + std::to_string(choice) + R"(,"delta":)" + delta + R"(,"logprobs":null,"finish_reason":)" + finish + "}";
}

/// The data of each event; call ids, which cannot be guessed, read "ID".
std::vector<std::string> events(std::string stream) {
  std::vector<std::string> out;
  for (std::size_t end; (end = stream.find("\n\n")) != std::string::npos; stream.erase(0, end + 2)) {
    EXPECT_EQ(stream.substr(0, 6), "data: ");
    std::string data = stream.substr(6, end - 6);
    if (const auto id = data.find(R"("id":"call_)"); id != std::string::npos) {
      const auto begin = id + 6, length = data.find('"', begin) - begin;
      EXPECT_THAT(data.substr(begin, length), MatchesRegex("call_[0-9][0-9]_[0-9A-Za-z]+"));
      data.replace(begin, length, "ID");
    }
    out.push_back(std::move(data));
  }
  EXPECT_EQ(stream, "");
  return out;
}

/// A step that thinks, speaks and calls twice, each of its deltas.
const std::vector<ParsedDelta> kStep = {
    said(Kind::reasoning, "think \"hard\""), said(Kind::text, "I look.\n"),
    said(Kind::call_name, "f", 0),           said(Kind::call_arguments, "{\"a\":", 0),
    said(Kind::call_arguments, "1}", 0),     said(Kind::call_end, "", 0),
    said(Kind::call_name, "g", 1),           said(Kind::call_arguments, "{}", 1),
    said(Kind::call_end, "", 1)};

TEST(ChatReply, AnswersAreOneObject) {
  ChatReply one = reply({});
  one.add(0, said(Kind::reasoning, "Hm"));
  one.add(0, said(Kind::reasoning, "m."));
  one.add(0, said(Kind::text, "Yes \xc3\xa9."));
  EXPECT_FALSE(one.finished());
  one.add_finish(0, output());
  EXPECT_TRUE(one.finished());
  EXPECT_EQ(one.whole(), whole(R"({"index":0,"message":{"role":"assistant","content":"Yes é.","reasoning_content":"Hmm."},)"
                               R"("logprobs":null,"finish_reason":"stop"})"));
}

TEST(ChatReply, CallsStandBesideWhatWasSaid) {
  ChatReply one = reply({});
  for (const ParsedDelta& piece : kStep) one.add(0, piece);
  one.add_finish(0, output());
  const std::vector<ToolCall>& calls = one.said()[0].calls;
  EXPECT_EQ(one.whole(), whole(R"({"index":0,"message":{"role":"assistant","content":"I look.\n","reasoning_content":"think \"hard\"","tool_calls":[)"
                               R"({"index":0,"id":")" + calls[0].id + R"(","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
                               R"({"index":1,"id":")" + calls[1].id + R"(","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
                               R"("logprobs":null,"finish_reason":"tool_calls"})"));
  EXPECT_NE(calls[0].id, calls[1].id);
}

TEST(ChatReply, SilenceIsNullBesideCallsAndEmptyWithout) {
  ChatReply calling = reply({}), silent = reply({});
  calling.add(0, said(Kind::call_name, "f"));
  calling.add_finish(0, output());
  silent.add_finish(0, output());
  EXPECT_TRUE(Json::parse(calling.whole())["choices"][0]["message"]["content"].is_null());
  EXPECT_EQ(Json::parse(silent.whole())["choices"][0]["message"]["content"], "");
}

TEST(ChatReply, FinishReasonsSayWhyItEnded) {
  const auto reason = [](const StepOutput& ended, bool called) {
    ChatReply one = reply({});
    if (called) one.add(0, said(Kind::call_name, "f"));
    one.add_finish(0, ended);
    return Json::parse(one.whole())["choices"][0]["finish_reason"].get<std::string>();
  };
  StepOutput cut = output();
  cut.cut = true;
  EXPECT_EQ(reason(output(), false), "stop");
  EXPECT_EQ(reason(output(), true), "tool_calls");
  EXPECT_EQ(reason(output(5, engine::Finish::length), false), "length");
  EXPECT_EQ(reason(output(5, engine::Finish::length), true), "length");
  EXPECT_EQ(reason(cut, false), "length");
}

TEST(ChatReply, StreamsCarryUsageOnTheirLastChunk) {
  ChatReply one = reply({});
  std::string out;
  one.open(out);
  for (const ParsedDelta& piece : kStep) one.delta(out, 0, piece);
  one.finish(out, 0, output());
  one.close(out);
  EXPECT_THAT(events(out),
              ElementsAre(chunk(delta(R"({"role":"assistant","content":null,"reasoning_content":null})")),
                          chunk(delta(R"({"content":null,"reasoning_content":"think \"hard\""})")),
                          chunk(delta(R"({"content":"I look.\n"})")),
                          chunk(delta(R"({"tool_calls":[{"index":0,"id":"ID","type":"function","function":{"name":"f","arguments":""}}]})")),
                          chunk(delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]})")),
                          chunk(delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})")),
                          chunk(delta(R"({"tool_calls":[{"index":1,"id":"ID","type":"function","function":{"name":"g","arguments":""}}]})")),
                          chunk(delta(R"({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]})")),
                          chunk(delta(R"({"content":""})", "\"tool_calls\""), std::string(R"(,"usage":)") + kUsage), "[DONE]"));
}

TEST(ChatReply, StreamsCarryUsageOnAChunkOfItsOwn) {
  ChatRequest request;
  request.include_usage = true;
  request.usage_style = UsageStyle::own_chunk;
  ChatReply one = reply(request);
  std::string out;
  one.open(out);
  one.delta(out, 0, said(Kind::text, "Yes."));
  one.finish(out, 0, output());
  one.close(out);
  const std::string none = R"(,"usage":null)";
  EXPECT_THAT(events(out), ElementsAre(chunk(delta(R"({"role":"assistant","content":null,"reasoning_content":null})"), none),
                                       chunk(delta(R"({"content":"Yes."})"), none),
                                       chunk(delta(R"({"content":""})", "\"stop\""), none),
                                       chunk("", std::string(R"(,"usage":)") + kUsage), "[DONE]"));
}

TEST(ChatReply, ChoicesMixAndThePromptCountsOnce) {
  ChatRequest request;
  request.choices = 2;
  ChatReply one = reply(request);
  std::string out;
  one.open(out);
  one.delta(out, 1, said(Kind::text, "B"));
  one.delta(out, 0, said(Kind::text, "A"));
  one.finish(out, 1, output(3, engine::Finish::length));
  EXPECT_FALSE(one.finished());
  one.finish(out, 0, output(2));
  one.close(out);
  const std::string opening = R"({"role":"assistant","content":null,"reasoning_content":null})";
  const std::string usage = R"(,"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},)"
                            R"("completion_tokens_details":{"reasoning_tokens":4},"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6})";
  EXPECT_THAT(events(out), ElementsAre(chunk(delta(opening, "null", 0)), chunk(delta(opening, "null", 1)),
                                       chunk(delta(R"({"content":"B"})", "null", 1)), chunk(delta(R"({"content":"A"})", "null", 0)),
                                       chunk(delta(R"({"content":""})", "\"length\"", 1)),
                                       chunk(delta(R"({"content":""})", "\"stop\"", 0), usage), "[DONE]"));
}

TEST(ChatReply, LogprobsComeWithTheirText) {
  ChatRequest request;
  request.input.settings.logprobs = 1;
  const std::vector<TokenLogprob> thought = {{"Hm", -0.5f, {{"Hm", -0.5f}}}};
  const std::vector<TokenLogprob> spoken = {{"\xc3", -1.f, {}}, {"\xa9", 0.f, {}}};
  const std::string content = R"([{"token":"�","logprob":-1.0,"bytes":[195],"top_logprobs":[]},{"token":"�","logprob":0.0,"bytes":[169],"top_logprobs":[]}])";
  const std::string reasoning = R"([{"token":"Hm","logprob":-0.5,"bytes":[72,109],"top_logprobs":[{"token":"Hm","logprob":-0.5,"bytes":[72,109]}]}])";

  ChatReply one = reply(request);
  one.add(0, said(Kind::reasoning, "Hm", 0, thought));
  one.add(0, said(Kind::text, "\xc3\xa9", 0, spoken));
  one.add_finish(0, output());
  EXPECT_EQ(one.whole(), whole(R"({"index":0,"message":{"role":"assistant","content":"é","reasoning_content":"Hm"},"logprobs":{"content":)" + content +
                               R"(,"reasoning_content":)" + reasoning + R"(},"finish_reason":"stop"})"));

  ChatReply streamed = reply(request);
  std::string out;
  streamed.delta(out, 0, said(Kind::reasoning, "Hm", 0, thought));
  streamed.delta(out, 0, said(Kind::text, "\xc3\xa9", 0, spoken));
  EXPECT_THAT(events(out),
              ElementsAre(chunk(R"({"index":0,"delta":{"content":null,"reasoning_content":"Hm"},"logprobs":{"content":[],"reasoning_content":)" + reasoning +
                                R"(},"finish_reason":null})"),
                          chunk(R"({"index":0,"delta":{"content":"é"},"logprobs":{"content":)" + content + R"(},"finish_reason":null})")));
}

TEST(ChatReply, BrokenUtf8NeverBreaksTheJson) {
  ChatReply one = reply({});
  std::string out;
  one.delta(out, 0, said(Kind::text, "a\xff\x01"));
  EXPECT_THAT(events(out), ElementsAre(chunk(delta(R"({"content":"a�\u0001"})"))));
}

}  // namespace
}  // namespace praxis::agent::api
