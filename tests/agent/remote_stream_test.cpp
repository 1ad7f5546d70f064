// What servers stream, byte by byte, to deltas: the same for every split, and for every server.

#include "agent/model/remote_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace praxis::agent {

inline void PrintTo(const ParsedDelta& delta, std::ostream* out) {
  *out << "{" << static_cast<int>(delta.kind) << " " << delta.call << " \"" << delta.text << "\"}";
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Framing = EventStream::Framing;
using Kind = ParsedDelta::Kind;

constexpr std::string_view kCity = R"({"city": "Zürich", "days": 2})", kNorth = R"({"city": "Oslo \"north\"", "days": 1})";
constexpr std::string_view kReasoning = "Weather in two cities; the tool takes one.\nZürich 🏔 first.";
constexpr std::string_view kAnswer = R"({"city": "Zürich", "sky": "sunny"})";

ParsedDelta delta(Kind kind, std::string_view text, std::uint32_t call = 0) {
  ParsedDelta out;
  out.kind = kind;
  out.text = text;
  out.call = call;
  return out;
}

/// Deltas of one kind that touch, joined: how text is cut is up to the server.
struct Told {
  std::vector<ParsedDelta> deltas;
  RemoteEnd end;
  std::string error;
  void add(std::vector<ParsedDelta> more) {
    for (ParsedDelta& one : more) {
      const bool text = one.kind == Kind::text || one.kind == Kind::reasoning;
      if (text && !deltas.empty() && deltas.back().kind == one.kind) deltas.back().text += one.text;
      else deltas.push_back(std::move(one));
    }
  }
};

Told read(std::string_view bytes, Framing framing, std::size_t piece, bool opened = false) {
  RemoteStream stream(framing, opened);
  Told told;
  const auto take = [&](Result<std::vector<ParsedDelta>> deltas) {
    if (deltas) told.add(std::move(*deltas));
    else told.error = deltas.error().what;
    return deltas.has_value();
  };
  bool good = true;
  for (std::size_t at = 0; good && at < bytes.size(); at += piece) good = take(stream.push(bytes.substr(at, piece)));
  if (good) take(stream.finish());
  told.end = stream.end();
  return told;
}

std::string event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }
std::string chunk(std::string_view delta_json, std::string_view reason = "") {
  const std::string finish = reason.empty() ? "null" : "\"" + std::string(reason) + "\"";
  return event(R"({"choices":[{"index":0,"delta":)" + std::string(delta_json) + R"(,"finish_reason":)" + finish + "}]}");
}
std::string content(std::string_view text) { return chunk(R"({"content":")" + std::string(text) + R"("})"); }
Told read(std::string_view bytes) { return read(bytes, Framing::events, bytes.size()); }

// --- recorded streams --------------------------------------------------------------------------------

struct Recorded {
  const char* file;
  bool calls;
  std::uint64_t cached, reasoning;
  bool timed;
};

std::vector<std::string> texts_of(std::string_view bytes, Framing framing, std::size_t split) {
  EventStream stream(framing);
  std::vector<std::string> all;
  for (const std::string_view part : {bytes.substr(0, split), bytes.substr(split)}) {
    auto texts = stream.push(part);
    EXPECT_TRUE(texts) << texts.error().what;
    all.insert(all.end(), texts->begin(), texts->end());
  }
  const auto rest = stream.finish();
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

class RecordedStreams : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedStreams, SayTheSameAtEverySplit) {
  const Recorded& recorded = GetParam();
  const std::string name = recorded.file;
  std::ifstream in(std::string(PRAXIS_SOURCE_DIR) + "/tests/agent/streams/" + name);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  ASSERT_FALSE(bytes.empty()) << name;
  const Framing framing = name.find(".ndjson") != std::string::npos ? Framing::lines : Framing::events;
  const bool opened = name.find("opened") != std::string::npos;

  const Told whole = read(bytes, framing, bytes.size(), opened);
  EXPECT_EQ(whole.error, "");
  if (recorded.calls) {
    EXPECT_THAT(whole.deltas, ElementsAre(delta(Kind::reasoning, kReasoning), delta(Kind::text, "I ask for both."),
                                          delta(Kind::call_name, "get_weather", 0), delta(Kind::call_arguments, whole.deltas.at(3).text, 0),
                                          delta(Kind::call_end, "", 0), delta(Kind::call_name, "get_weather", 1),
                                          delta(Kind::call_arguments, whole.deltas.at(6).text, 1), delta(Kind::call_end, "", 1)));
    // Ollama sends arguments as objects: the same values, spelled anew.
    const auto parsed = [](std::string_view text) { return nlohmann::ordered_json::parse(text); };
    EXPECT_EQ(parsed(whole.deltas.at(3).text), parsed(kCity));
    EXPECT_EQ(parsed(whole.deltas.at(6).text), parsed(kNorth));
  } else {
    EXPECT_THAT(whole.deltas, ElementsAre(delta(Kind::reasoning, kReasoning), delta(Kind::text, kAnswer)));
  }
  EXPECT_TRUE(whole.end.ended);
  EXPECT_EQ(whole.end.reason, recorded.calls && framing == Framing::events ? "tool_calls" : "stop");
  EXPECT_EQ(whole.end.usage.prompt_tokens, recorded.calls ? 210u : 190u);
  EXPECT_EQ(whole.end.usage.output_tokens, recorded.calls ? 75u : 40u);
  EXPECT_EQ(whole.end.usage.cached_tokens, recorded.cached);
  EXPECT_EQ(whole.end.usage.reasoning_tokens, recorded.reasoning);
  EXPECT_DOUBLE_EQ(whole.end.usage.decode_seconds, recorded.timed ? 1.5 : 0);
  EXPECT_DOUBLE_EQ(whole.end.usage.prefill_seconds, recorded.timed ? 0.25 : 0);

  const auto expect_same = [&](const Told& told, const std::string& split) {
    ASSERT_EQ(told.deltas, whole.deltas) << name << " " << split;
    ASSERT_EQ(told.error, "") << name << " " << split;
    ASSERT_EQ(told.end.reason, whole.end.reason) << name << " " << split;
    ASSERT_EQ(told.end.usage.output_tokens, whole.end.usage.output_tokens) << name << " " << split;
  };
  for (std::size_t piece = 1; piece < 12; ++piece) expect_same(read(bytes, framing, piece, opened), "in pieces of " + std::to_string(piece));
  // What follows the framing reads whole texts: that these are the same at every split is enough.
  const std::vector<std::string> texts = texts_of(bytes, framing, 0);
  for (std::size_t at = 1; at < bytes.size(); ++at) ASSERT_EQ(texts_of(bytes, framing, at), texts) << name << " at byte " << at;
}

INSTANTIATE_TEST_SUITE_P(
    Remote, RecordedStreams,
    testing::Values(Recorded{"deepseek_calls.sse", true, 64, 22, false}, Recorded{"deepseek_schema.sse", false, 64, 22, false},
                    Recorded{"vllm_calls.sse", true, 64, 0, false}, Recorded{"vllm_schema.sse", false, 64, 0, false},
                    Recorded{"vllm12_calls.sse", true, 64, 0, false}, Recorded{"vllm12_schema.sse", false, 64, 0, false},
                    Recorded{"sglang_calls.sse", true, 64, 22, false}, Recorded{"sglang_schema.sse", false, 64, 22, false},
                    Recorded{"llamacpp_calls.sse", true, 64, 0, true}, Recorded{"llamacpp_schema.sse", false, 64, 0, true},
                    Recorded{"ollama_calls.ndjson", true, 0, 0, true}, Recorded{"ollama_schema.ndjson", false, 0, 0, true},
                    Recorded{"ollama_openai_calls.sse", true, 0, 0, false}, Recorded{"plain_schema.sse", false, 0, 0, false},
                    Recorded{"plain_opened_schema.sse", false, 0, 0, false}),
    [](const auto& info) {
      std::string name = info.param.file;
      for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
      return name;
    });

// --- reasoning in the content ------------------------------------------------------------------------

/// The text cut into pieces of every size, each piece one content delta.
std::vector<Told> in_pieces(const std::string& text, bool opened) {
  std::vector<Told> all;
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    ThinkSplitter splitter(opened);
    Told told;
    std::vector<ParsedDelta> out;
    for (std::size_t at = 0; at < text.size(); at += piece) splitter.text(text.substr(at, piece), out);
    splitter.finish(out);
    told.add(std::move(out));
    all.push_back(std::move(told));
  }
  return all;
}

TEST(ThinkSplitter, TakesReasoningOutOfTheContentAtEverySplit) {
  for (const Told& told : in_pieces(" <think>\n\nwhy\n\nnot < /think ></thin\n\n</think>\n\nso\n <think> x </think>\n", false))
    EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "why\n\nnot < /think ></thin"), delta(Kind::text, "so\n <think> x </think>\n")));
  for (const bool with_mark : {false, true})
    for (const Told& told : in_pieces(std::string(with_mark ? "<think>\n" : "") + "hm\n</think>\nyes", true))
      EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "hm"), delta(Kind::text, "yes")));
}

TEST(ThinkSplitter, LosesNothingThatIsNoMark) {
  for (const char* text : {"<thin", "<thinker> is text", " \n", "\n\nplain", "a <think> b </think> c", "</think>", "<"})
    for (const Told& told : in_pieces(text, false)) EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::text, text)));
  for (const Told& told : in_pieces("never closed </thi", true)) EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "never closed </thi")));
  for (const Told& told : in_pieces("<think>\n\n</think>\n\nno thoughts", false)) EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::text, "no thoughts")));
}

TEST(ThinkSplitter, AServerThatSendsReasoningApartMayWriteMarksInItsText) {
  const Told told = read(chunk(R"({"reasoning_content":"<think> is a mark"})") + content("<think> opens,") + content(" </think> closes") + chunk("{}", "stop"));
  EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "<think> is a mark"), delta(Kind::text, "<think> opens, </think> closes")));
}

TEST(RemoteStream, ReasoningAndContentInOneDelta) {
  const Told told = read(chunk(R"({"reasoning":"a","content":"b"})", "stop"));
  EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "a"), delta(Kind::text, "b")));
}

// --- calls -------------------------------------------------------------------------------------------

std::string call(std::string_view json, std::string_view reason = "") { return chunk(R"({"tool_calls":[)" + std::string(json) + "]}", reason); }

void expect_two(const std::string& stream) {
  EXPECT_THAT(read(stream).deltas, ElementsAre(delta(Kind::call_name, "f", 0), delta(Kind::call_arguments, R"({"a":1})", 0), delta(Kind::call_end, "", 0),
                                               delta(Kind::call_name, "g", 1), delta(Kind::call_arguments, "{}", 1), delta(Kind::call_end, "", 1)))
      << stream;
}

TEST(RemoteStream, CallsAreToldApartInEveryWayServersTellThem) {
  const std::string end = chunk("{}", "tool_calls");
  // index and id; no index; neither; index 0 for all; the same id, name and type with every fragment
  expect_two(call(R"({"index":0,"id":"x","function":{"name":"f","arguments":""}})") + call(R"({"index":0,"function":{"arguments":"{\"a\":"}})") +
             call(R"({"index":0,"function":{"arguments":"1}"}})") + call(R"({"index":1,"id":"y","function":{"name":"g","arguments":"{}"}})") + end);
  expect_two(call(R"({"id":"x","function":{"name":"f","arguments":"{\"a\""}})") + call(R"({"function":{"arguments":":1}"}})") +
             call(R"({"id":"y","function":{"name":"g","arguments":"{}"}})") + end);
  expect_two(call(R"({"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"g","arguments":{}}})") + end);
  expect_two(call(R"({"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}})") +
             call(R"({"index":0,"id":"y","function":{"name":"g","arguments":"{}"}})") + end);
  expect_two(call(R"({"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}})") + call(R"({"index":0,"id":"x","function":{"name":"f","arguments":":1}"}})") +
             call(R"({"index":1,"id":"y","function":{"name":"g"}})") + end);
  // fragments of both in turns
  expect_two(call(R"({"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}})") + call(R"({"index":1,"id":"y","function":{"name":"g","arguments":"{"}})") +
             call(R"({"index":0,"function":{"arguments":":1}"}})") + call(R"({"index":1,"function":{"arguments":"}"}})") + end);
}

TEST(RemoteStream, ACallIsToldAsSoonAsTheNextOneBegins) {
  RemoteStream stream(Framing::events, false);
  auto first = stream.push(call(R"({"index":0,"id":"x","function":{"name":"f","arguments":"{}"}})"));
  EXPECT_THAT(*first, IsEmpty()) << "more of it may come";
  auto second = stream.push(call(R"({"index":1,"id":"y","function":{"name":"g","arguments":""}})"));
  EXPECT_THAT(*second, testing::SizeIs(3));
}

TEST(RemoteStream, ACallThatTheBudgetCutIsLeftOut) {
  const std::string cut = call(R"({"index":0,"id":"x","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"y","function":{"name":"g","arguments":"{\"a\":"}})");
  EXPECT_THAT(read(cut + chunk("{}", "length")).deltas, testing::SizeIs(3));
  EXPECT_THAT(read(cut + chunk("{}", "tool_calls")).deltas, testing::SizeIs(6)) << "broken, not cut: for the check to refuse";
}

// --- ends and errors ---------------------------------------------------------------------------------

TEST(RemoteStream, AStreamWithoutAnEndIsNotAnAnswer) {
  EXPECT_FALSE(read(content("half")).end.ended);
  EXPECT_TRUE(read(content("all") + "data: [DONE]\n\n").end.ended);
  EXPECT_EQ(read(content("all") + chunk("{}", "length")).end.reason, "length");
  // some servers send an empty reason with every chunk
  EXPECT_FALSE(read(event(R"({"choices":[{"delta":{"content":"a"},"finish_reason":""}]})")).end.ended);
}

TEST(RemoteStream, ADocumentIsAStreamOfOne) {
  const Told told = read(R"({"object":"chat.completion","choices":[{"message":{"role":"assistant","reasoning_content":"r","content":"c",
    "tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"completion_tokens":3}})",
                         Framing::document, 7);
  EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::reasoning, "r"), delta(Kind::text, "c"), delta(Kind::call_name, "f"),
                                       delta(Kind::call_arguments, "{}"), delta(Kind::call_end, "")));
  EXPECT_EQ(told.end.usage.output_tokens, 3u);
}

TEST(RemoteStream, TheServersOwnWordsAreTheError) {
  EXPECT_THAT(read(event(R"({"error":{"message":"out of blocks","code":500}})")).error, HasSubstr("out of blocks"));
  EXPECT_THAT(read(event(R"({"object":"error","message":"too long"})")).error, HasSubstr("too long"));
  EXPECT_THAT(read(R"({"error":"model is loading"})", Framing::lines, 3).error, HasSubstr("model is loading"));
  EXPECT_THAT(read("error: {\"code\":500,\"error\":{\"message\":\"slot gone\"}}\n\n").error, HasSubstr("slot gone"));
  EXPECT_EQ(server_message(R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_EQ(server_message("<html>\n502</html>"), "<html> 502</html>");
}

TEST(RemoteStream, WhatIsNoAnswerIsRefused) {
  for (const char* bad : {"data: {\"choices\":\n\n", "data: []\n\n", "data: \xff\xfe\n\n", "data: nonsense\n\n"}) EXPECT_NE(read(bad).error, "") << bad;
  EXPECT_NE(read(event(std::string(200, '[') + std::string(200, ']'))).error, "");
  std::string many;
  for (int i = 0; i < 200; ++i) many += call(R"({"index":)" + std::to_string(i) + R"(,"id":"x)" + std::to_string(i) + R"(","function":{"name":"f","arguments":"{}"}})");
  EXPECT_THAT(read(many).error, HasSubstr("calls_max"));
  for (const char* odd : {"data: {}\n\n", "data: {\"choices\":[null]}\n\n", "data: {\"choices\":[{\"delta\":{\"tool_calls\":[null,1]}}]}\n\n",
                          "data: {\"choices\":[{\"delta\":{\"content\":[],\"reasoning\":1}}],\"usage\":[]}\n\n", "event: ping\nid: 1\nretry: 5\n\n", ": hi\n\n"})
    EXPECT_EQ(read(odd).error, "") << odd;
}

TEST(RemoteStream, EveryLineEndAndAByteOrderMarkWillDo) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string bytes = "\xEF\xBB\xBF" + content("a") + "event: x\n" + content("b") + chunk("{}", "stop");
    for (std::size_t at = 0; (at = bytes.find('\n', at)) != std::string::npos; at += std::string_view(end).size()) bytes.replace(at, 1, end);
    for (std::size_t piece : {std::size_t{1}, bytes.size()}) {
      const Told told = read(bytes, Framing::events, piece);
      EXPECT_THAT(told.deltas, ElementsAre(delta(Kind::text, "ab"))) << piece;
      EXPECT_TRUE(told.end.ended);
    }
  }
}

TEST(RemoteStream, LogProbabilitiesComeWithTheirText) {
  const Told told = read(event(R"({"choices":[{"delta":{"content":"hi"},"logprobs":{"content":[{"token":"hi","bytes":[104,105],"logprob":-0.5,)"
                               R"("top_logprobs":[{"token":"hi","bytes":null,"logprob":-0.5},{"token":"yo","bytes":[121,111],"logprob":-2}]}]},"finish_reason":"stop"}]})"));
  ASSERT_THAT(told.deltas, testing::SizeIs(1));
  TokenLogprob expected;
  expected.bytes = "hi";
  expected.logprob = -0.5f;
  expected.top = {{"hi", -0.5f}, {"yo", -2.f}};
  EXPECT_THAT(told.deltas[0].logprobs, ElementsAre(expected));
}

TEST(EventStream, KnowsItsFramingByTheContentType) {
  EXPECT_EQ(EventStream::framing_of("text/event-stream; charset=utf-8"), Framing::events);
  EXPECT_EQ(EventStream::framing_of("Text/Event-Stream"), Framing::events);
  EXPECT_EQ(EventStream::framing_of("application/x-ndjson"), Framing::lines);
  EXPECT_EQ(EventStream::framing_of("application/json"), Framing::document);
  EXPECT_EQ(EventStream::framing_of(""), Framing::document);
}

TEST(EventStream, AnEventHasALimit) {
  EventStream stream(Framing::events);
  const std::string piece(1024 * 1024, 'x');
  Result<std::vector<std::string>> result;
  for (int i = 0; i < 20 && result; ++i) result = stream.push(piece);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("event_bytes_max"));
}

}  // namespace
}  // namespace praxis::agent
