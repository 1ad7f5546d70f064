// Token streams of R1-class models and what becomes of them. Each case of a parser that is known to
// have got it wrong is here under its name; every stream is fed in every tokenization.

#include <gtest/gtest.h>

#include <random>

#include "tests/agent/dialect_streams.h"

namespace praxis::agent::testing {
namespace {

const std::string kEnd = "<｜end▁of▁sentence｜>";
const std::string kCalls = "<｜tool▁calls▁begin｜>";
const std::string kCallsEnd = "<｜tool▁calls▁end｜>";
const std::string kCall = "<｜tool▁call▁begin｜>";
const std::string kCallEnd = "<｜tool▁call▁end｜>";
const std::string kSep = "<｜tool▁sep｜>";

std::string call(const std::string& name, const std::string& arguments) {
  return kCall + "function" + kSep + name + "\n```json\n" + arguments + "\n```" + kCallEnd;
}
std::string calls(const std::string& inside) { return kCalls + inside + kCallsEnd; }

void expect(std::string_view dialect, bool thinking, const std::vector<Piece>& stream,
            const std::vector<ParsedDelta>& expected) {
  const auto d = dialect_named(dialect);
  for_each_tokenization(stream, [&](const Ids& ids, const std::string& how) {
    const auto got = parse(*d, thinking, ids);
    EXPECT_EQ(got, expected) << dialect << ", " << how << "\ngot\n"
                             << describe(got) << "expected\n"
                             << describe(expected);
  });
}

void expect(std::string_view dialect, bool thinking, const std::string& marked,
            const std::vector<ParsedDelta>& expected) {
  expect(dialect, thinking, pieces(marked), expected);
}

TEST(Parser, ReasoningTextAndCallsComeApart) {
  expect("r1_0528", true,
         "<think>\nfirst\n\nthen\n</think>\n\nLet me see.\n" +
             calls(call("weather.get", R"({"city":"Köln","days":3})") + "\n" + call("now", "{}")) +
             kEnd,
         {reasoning("first\n\nthen"), text("Let me see.\n"), call_name(0, "weather.get"),
          call_arguments(0, R"({"city":"Köln","days":3})"), call_end(0), call_name(1, "now"),
          call_arguments(1, "{}"), call_end(1)});
}

TEST(Parser, CharactersOfManyBytesStayWhole) {
  expect("r1_0528", true, "<think>\n🜁 數 ́e\n</think>\n\n→ naïve 🧭" + kEnd,
         {reasoning("🜁 數 ́e"), text("→ naïve 🧭")});
}

// vllm#48342: the last fragment was dropped unless the arguments ended in a quote and a brace.
TEST(ParserBugs, ArgumentsKeepTheirEndWhateverItIs) {
  for (const std::string json :
       {R"({"n":5})", R"({"n":-1.5e3})", R"({"a":[1,2]})", R"({"a":[]})", R"({"o":{"p":{"q":{}}}})",
        R"({"b":true})", R"({"z":null})", R"({"s":"}"})", R"({"s":""})", R"({"s":"`"})",
        R"({"s":"```"})", R"({"s":"\n```"})", "{}"})
    expect("r1_0528", true, "<think>\nx\n</think>\n\n" + calls(call("f", json)) + kEnd,
           {reasoning("x"), call_name(0, "f"), call_arguments(0, json), call_end(0)});
}

// vLLM's non-streaming expressions lack DOTALL: arguments over several lines never matched.
TEST(ParserBugs, ArgumentsMaySpanLines) {
  const std::string json = "{\n  \"a\": 1,\n\n  \"b\": [\n    2\n  ]\n}";
  expect("r1_0528", true, "<think>\nx\n</think>\n\n" + calls(call("f", json)) + kEnd,
         {reasoning("x"), call_name(0, "f"), call_arguments(0, json), call_end(0)});
}

// tt-inference-server#3683: `json\n` leaked into the arguments when the fence came in pieces.
TEST(ParserBugs, FenceNeverLeaksIntoArguments) {
  const auto expected = [](const std::string& json) {
    return std::vector<ParsedDelta>{call_name(0, "f"), call_arguments(0, json), call_end(0)};
  };
  const std::string open = kCalls + kCall + "function" + kSep, close = kCallEnd + kCallsEnd + kEnd;
  expect("r1_0528", false, open + "f\n```json\n{\"json\":\"json\"}\n```" + close,
         expected(R"({"json":"json"})"));
  expect("r1_0528", false, open + "f\n```json\n{\"a\":1}\n```\n" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f\n```\n{\"a\":1}\n```" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f\n```json {\"a\":1}```" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f\njson\n{\"a\":1}\n" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f\n{\"a\":1}" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f{\"a\":1}" + close, expected(R"({"a":1})"));
  expect("r1_0528", false, open + "f\n```json\n```" + close, {call_name(0, "f"), call_end(0)});
}

// vllm#16511, #39056, sglang PR #11764: a call inside the thinking, </think> never written.
TEST(ParserBugs, CallInsideThinkingEndsIt) {
  for (const char* dialect : {"r1_0528", "r1"}) {
    expect(
        dialect, true, "<think>\nI need the time.\n" + calls(call("now", "{}")) + kEnd,
        {reasoning("I need the time."), call_name(0, "now"), call_arguments(0, "{}"), call_end(0)});
    expect(dialect, true,
           "<think>\nI need it.\n" + calls(call("now", "{}")) + "</think>\n\nDone." + kEnd,
           {reasoning("I need it."), call_name(0, "now"), call_arguments(0, "{}"), call_end(0),
            text("Done.")});
  }
}

// lmstudio-bug-tracker#1592, the opposite trap: prose about calls was taken for one.
TEST(ParserBugs, ProseAboutMarkersIsProse) {
  const std::string prose =
      "I could write " + calls(call("rm", R"({"path":"/"})")) + " or </think> here";
  std::vector<Piece> stream = pieces("<think>\n");
  stream.push_back(literally(prose));
  for (const Piece& piece : pieces("\n</think>\n\n")) stream.push_back(piece);
  stream.push_back(literally("A call looks like " + prose));
  stream.push_back({true, kEnd});
  expect("r1_0528", true, stream, {reasoning(prose), text("A call looks like " + prose)});
}

TEST(ParserBugs, AMarkerInThinkingThatBeginsNoCallStaysReasoning) {
  expect("r1_0528", true, "<think>\nuse " + kCalls + " to call\n</think>\n\nOk" + kEnd,
         {reasoning("use " + kCalls + " to call"), text("Ok")});
  expect("r1_0528", true, "<think>\nuse " + kCalls + kCall + "</think>\n\nOk" + kEnd,
         {reasoning("use " + kCalls + kCall), text("Ok")});
}

// vllm#13125, llama.cpp#11861: <think> is not in the output because the prompt has it.
TEST(ParserBugs, ThinkingMayBeOpenedByThePrompt) {
  const std::vector<ParsedDelta> expected = {reasoning("two and two"), text("Four.")};
  expect("r1", true, "two and two\n</think>\n\nFour." + kEnd, expected);
  expect("r1", true, "<think>\ntwo and two\n</think>\n\nFour." + kEnd, expected);
  expect("r1_fixed", true, "\ntwo and two\n</think>\n\nFour." + kEnd, expected);
  expect("r1_0528", true, "<think>\ntwo and two\n</think>\n\nFour." + kEnd, expected);
  expect("r1_0528", true, "Four." + kEnd, {text("Four.")});
  expect("r1_0528", false, "Four." + kEnd, {text("Four.")});
  expect("r1", false, "Four." + kEnd, {text("Four.")});
  expect("r1_0528", true, "<think>\n\n</think>\n\nFour." + kEnd, {text("Four.")});
}

// vllm#43933: reasoning and content in one delta.
TEST(ParserBugs, ReasoningAndTextNeverShareADelta) {
  expect("r1_0528", true, "<think>a</think>b" + kEnd, {reasoning("a"), text("b")});
  expect("r1_0528", true, "<think>a</think>b" + calls(call("f", "{}")) + kEnd,
         {reasoning("a"), text("b"), call_name(0, "f"), call_arguments(0, "{}"), call_end(0)});
}

// vllm#42878, #52846, sglang PR #19662: string arguments arrived all at once, at the end.
TEST(ParserBugs, ArgumentsStreamAsTheyCome) {
  const auto dialect = dialect_named("r1_0528");
  const auto parser = dialect->parser(false);
  for (const auto id : canonical(pieces(kCalls + kCall + "function" + kSep + "write\n```json\n")))
    parser->push(id);
  std::string fed, got;
  std::string json = R"({"text":")";
  for (int i = 0; i < 200; ++i) json += "word" + std::to_string(i) + (i % 7 ? " " : " `x` ");
  json += R"("})";
  for (const auto id : tiny_tokenizer().encode_text(json)) {
    fed += tiny_tokenizer().bytes(id);
    for (const auto& delta : parser->push(id)) got += delta.text;
    // Only a tail that may be the closing fence is held back: here a space and one backtick.
    EXPECT_LE(fed.size() - got.size(), 2u);
  }
  EXPECT_EQ(got, json);
}

TEST(ParserBugs, CallEndsWithItsOwnMarkerNotWithTheBlock) {
  const auto dialect = dialect_named("r1_0528");
  const auto parser = dialect->parser(false);
  std::vector<ParsedDelta> last;
  for (const auto id : canonical(pieces(kCalls + call("f", R"({"a":1})")))) last = parser->push(id);
  EXPECT_EQ(last, std::vector<ParsedDelta>{call_end(0)});
}

// vllm#18255, #16182: JSON in the reasoning was constrained or parsed as if it were the answer.
TEST(ParserBugs, JsonInReasoningIsReasoning) {
  const std::string json = R"({"name":"f","arguments":{"a":1}})";
  expect("r1_0528", true,
         "<think>\n" + json + "\n```json\n" + json + "\n```\n</think>\n\n" + json + kEnd,
         {reasoning(json + "\n```json\n" + json + "\n```"), text(json)});
}

// tt-inference-server#3683: with tool_choice none the markers leaked into the text.
TEST(ParserBugs, MarkersOfACallNeverShowInTheText) {
  const auto dialect = dialect_named("r1_0528");
  for_each_tokenization(pieces("Hm. " + calls(call("f", "{}") + "\n" + call("g", "{}")) + kEnd),
                        [&](const Ids& ids, const std::string& how) {
                          for (const auto& delta : parse(*dialect, false, ids))
                            EXPECT_EQ(delta.text.find("<"), std::string::npos)
                                << how << ": " << delta.text;
                        });
}

// sglang: a greedy match over a whole buffer took two calls for one, and one bad call lost them
// all.
TEST(ParserBugs, OneBadCallLosesNoOther) {
  expect("r1_0528", false,
         calls(call("a", R"({"x":1})") + "\n" + call("b", "{\"x\":") + "\n" +
               call("c", R"({"x":3})")) +
             kEnd,
         {call_name(0, "a"), call_arguments(0, R"({"x":1})"), call_end(0), call_name(1, "b"),
          call_arguments(1, "{\"x\":"), call_end(1), call_name(2, "c"),
          call_arguments(2, R"({"x":3})"), call_end(2)});
}

// vllm#28219: the distills' calls stayed in the content.
TEST(ParserBugs, DistillsCallsAreCalls) {
  expect("r1", true, "Look it up.\n</think>\n\n" + calls(call("search", R"({"q":"x"})")) + kEnd,
         {reasoning("Look it up."), call_name(0, "search"), call_arguments(0, R"({"q":"x"})"),
          call_end(0)});
  // Their template teaches them that nothing closes a block of one call, and that later calls open
  // none.
  expect("r1", true, "Look.\n</think>\n\n" + kCalls + call("search", "{}") + kEnd,
         {reasoning("Look."), call_name(0, "search"), call_arguments(0, "{}"), call_end(0)});
  expect("r1", false, std::string("\n") + call("search", "{}") + kCallsEnd + kEnd,
         {text("\n"), call_name(0, "search"), call_arguments(0, "{}"), call_end(0)});
}

TEST(Parser, CallWithoutItsClosingMarkerIsWholeOnlyIfItsArgumentsAre) {
  const std::string open = kCalls + kCall + "function" + kSep + "f\n```json\n";
  expect("r1_0528", false, open + "{\"a\":1}\n```" + kCallsEnd + kEnd,
         {call_name(0, "f"), call_arguments(0, R"({"a":1})"), call_end(0)});
  expect("r1_0528", false,
         open + "{\"a\":1}" + kCall + "function" + kSep + "g\n```json\n{}\n```" + kCallEnd + kEnd,
         {call_name(0, "f"), call_arguments(0, R"({"a":1})"), call_end(0), call_name(1, "g"),
          call_arguments(1, "{}"), call_end(1)});
  expect("r1_0528", false, open + "{\"a\":" + kEnd,
         {call_name(0, "f"), call_arguments(0, "{\"a\":")});
  expect("r1_0528", false, open + "{\"a\":\"x\\",
         {call_name(0, "f"), call_arguments(0, "{\"a\":\"x\\")});
}

TEST(Parser, MalformedCallsStayVisible) {
  expect("r1_0528", false, "a" + kCalls + kEnd, {text("a" + kCalls)});
  expect("r1_0528", false, "a" + kCalls + kCallsEnd + kEnd, {text("a" + kCalls + kCallsEnd)});
  expect("r1_0528", false, kCalls + "\n" + kCall + "no separator" + kCallEnd + kCallsEnd + kEnd,
         {text(kCalls + "\n" + kCall + "no separator" + kCallEnd + kCallsEnd)});
  expect("r1_0528", false, kCalls + kCall + "function" + kSep + "\n```json\n{}" + kCallEnd + kEnd,
         {text(kCalls + kCall + "function" + kSep + "\n```json\n{}" + kCallEnd)});
  expect("r1_0528", false, kCalls + kCall + std::string(100, 'x') + kEnd,
         {text(kCalls + kCall + std::string(100, 'x'))});
  expect("r1_0528", false, kCall + "function" + kSep + std::string(300, 'x') + kEnd,
         {text(kCall + "function" + kSep + std::string(300, 'x'))});
  expect("r1_0528", false, "a" + kSep + "b" + kCallEnd + "c</think>d<｜User｜>e" + kEnd,
         {text("a" + kSep + "b" + kCallEnd + "c</think>d<｜User｜>e")});
  expect("r1_0528", true, "<think>a<think>b<｜Assistant｜>c</think>d" + kEnd,
         {reasoning("a<think>b<｜Assistant｜>c"), text("d")});
}

TEST(Parser, WhatMayBecomeACallIsNotHeldForLong) {
  const auto dialect = dialect_named("r1_0528");
  for (const std::string& head : {kCalls + kCall, kCall + "function" + kSep}) {
    const auto parser = dialect->parser(false);
    for (const auto id : canonical(pieces(head))) EXPECT_TRUE(parser->push(id).empty());
    std::string got;
    for (int byte = 0; byte < 300; ++byte)
      for (const auto id : tiny_tokenizer().encode_text("x"))
        for (const auto& delta : parser->push(id)) got += delta.text;
    EXPECT_EQ(got, head + std::string(300, 'x'));
  }
}

TEST(Parser, BlockInsideACallEndsTheCall) {
  expect("r1_0528", false,
         kCalls + kCall + "function" + kSep + "f\n```json\n{\"a\":1}\n```" +
             calls(call("g", "{}")) + kEnd,
         {call_name(0, "f"), call_arguments(0, R"({"a":1})"), call_end(0), call_name(1, "g"),
          call_arguments(1, "{}"), call_end(1)});
}

TEST(Parser, TextBetweenCallsStaysVisible) {
  expect("r1_0528", false,
         kCalls + call("f", "{}") + "\nand then\n" + call("g", "{}") + kCallsEnd + kEnd,
         {call_name(0, "f"), call_arguments(0, "{}"), call_end(0), text("\nand then\n"),
          call_name(1, "g"), call_arguments(1, "{}"), call_end(1)});
}

TEST(Parser, CutOutputGivesWhatCame) {
  expect("r1_0528", true, "<think>\nhalf a tho", {reasoning("half a tho")});
  expect("r1_0528", true, "<think>\nthought\n", {reasoning("thought")});
  expect("r1_0528", true, "<think>\nx\n</think>\n\nHalf an ans",
         {reasoning("x"), text("Half an ans")});
  const auto dialect = dialect_named("r1_0528");
  Ids ids = canonical(pieces("<think>\nx</think>"));
  const Ids bytes = canonical({literally("é")});  // the first byte alone
  for (const auto id : bytes) ids.push_back(id);
  EXPECT_EQ(parse(*dialect, true, ids), (std::vector<ParsedDelta>{reasoning("x"), text("é")}));
}

TEST(Parser, HalfACharacterBeforeAMarkerBecomesAReplacement) {
  const auto dialect = dialect_named("r1_0528");
  Ids half;
  for (engine::TokenId id = 0; id < static_cast<engine::TokenId>(tiny_tokenizer().size()); ++id)
    if (!tiny_tokenizer().is_control(id) && tiny_tokenizer().bytes(id) == "\xC3") half = {id};
  ASSERT_EQ(half.size(), 1u);
  Ids ids = canonical(pieces("<think>a"));
  ids.push_back(half[0]);
  for (const auto id : canonical(pieces("</think>b"))) ids.push_back(id);
  ids.push_back(half[0]);
  EXPECT_EQ(parse(*dialect, true, ids), (std::vector<ParsedDelta>{reasoning("a�"), text("b�")}));
}

/// Streams that no model should write: markers and words in any order.
TEST(Parser, NoStreamLosesAWordOrBreaksTheParser) {
  std::mt19937 random(20);
  const std::vector<std::string> markers = tiny_tokenizer().control_names();
  const std::vector<std::string> glue = {"\n", "```",         "json",  "function", "{", "}",
                                         " ",  "\n```json\n", "\n```", "\"",       "é"};
  const auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  for (int round = 0; round < 3000; ++round) {
    std::string marked;
    std::vector<std::string> words;
    for (int i = 0; i < 30; ++i) {
      switch (random() % 5) {
        case 0:
        case 1:
          marked += pick(markers);
          break;
        case 2:
          marked += pick(glue);
          break;
        case 3:
          marked += kCall + "function" + kSep;
          break;
        default:
          words.push_back(std::to_string(100 + i));
          marked += words.back();
      }
    }
    for (const char* name : {"r1_0528", "r1"}) {
      const auto dialect = dialect_named(name);
      std::string all;
      for (const auto& delta : parse(*dialect, true, canonical(pieces(marked))))
        all += delta.text + "|";
      // A call's type is the one text that a parser drops, so a word there may go.
      for (const auto& word : words) {
        const std::size_t at = marked.find(word), opened = marked.rfind(kCall, at);
        const bool in_type = opened != std::string::npos &&
                             marked.substr(opened, at - opened).find(kSep) == std::string::npos;
        if (in_type) continue;
        EXPECT_NE(all.find(word), std::string::npos)
            << word << " is lost from " << marked << "\ngot " << all;
      }
    }
  }
}

}  // namespace
}  // namespace praxis::agent::testing
