// Conversations as prompts. The goldens under golden/ hold one conversation each (NAME.json) and,
// per dialect, its segments one a line (NAME.DIALECT.txt). With the policy strip_always and without
// tools these are what the models' own templates give. PRAXIS_WRITE_GOLDEN=1 writes them anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/dialect/prompt.h"
#include "tests/agent/dialect_streams.h"

namespace praxis::agent::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const fs::path kGolden = fs::path(PRAXIS_SOURCE_DIR) / "tests/agent/golden";

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// OpenAI's message shape, plus our `policy`, `thinking` and `generation_prompt`.
RenderInput read_conversation(const Json& json) {
  RenderInput input;
  for (const auto& m : json.at("messages")) {
    Message message;
    const std::string role = m.at("role");
    message.role = role == "system" ? SenderRole::system
                   : role == "user" ? SenderRole::user
                   : role == "tool" ? SenderRole::tool
                                    : SenderRole::assistant;
    message.content = m.value("content", "");
    message.reasoning = m.value("reasoning_content", "");
    message.call_id = m.value("tool_call_id", "");
    if (m.contains("tool_calls"))
      for (const auto& c : m["tool_calls"])
        message.calls.push_back(
            {c.at("id"), c.at("function").at("name"), c.at("function").at("arguments")});
    if (m.contains("ids")) message.ids = m["ids"].get<Ids>();
    input.messages.push_back(std::move(message));
  }
  if (json.contains("tools"))
    for (const auto& t : json["tools"])
      input.tools.push_back({t.at("name"), t.at("description"), t.at("parameters").dump(1)});
  input.policy = json.value("policy", "strip_always") == "strip_always" ? ThinkPolicy::strip_always
                 : json.value("policy", "") == "keep_in_loop"           ? ThinkPolicy::keep_in_loop
                 : json.value("policy", "") == "keep_if_tools"          ? ThinkPolicy::keep_if_tools
                                                                        : ThinkPolicy::keep_all;
  input.thinking = json.value("thinking", true);
  input.generation_prompt = json.value("generation_prompt", true);
  return input;
}

std::string print(const std::vector<Segment>& segments) {
  std::ostringstream out;
  for (const Segment& segment : segments) {
    switch (segment.kind) {
      case Segment::Kind::control:
        out << "control " << segment.text;
        break;
      case Segment::Kind::text:
        out << "text    " << nlohmann::json(segment.text).dump();
        break;
      case Segment::Kind::ids:
        out << (segment.decoded ? "decoded" : "ids    ");
        for (const auto id : segment.ids) out << ' ' << id;
        break;
    }
    out << '\n';
  }
  return out.str();
}

std::vector<fs::path> conversations() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kGolden))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Render, ConversationsMatchTheirGoldens) {
  ASSERT_GE(conversations().size(), 10u);
  for (const fs::path& file : conversations()) {
    const RenderInput input = read_conversation(Json::parse(slurp(file)));
    for (const std::string& name : dialect_names()) {
      const std::string got = print(dialect_named(name)->render(input));
      const fs::path golden = fs::path(file).replace_extension(name + ".txt");
      if (std::getenv("PRAXIS_WRITE_GOLDEN")) std::ofstream(golden, std::ios::binary) << got;
      EXPECT_EQ(got, slurp(golden)) << golden.filename();
    }
  }
}

Message said(SenderRole role, std::string content) {
  Message message;
  message.role = role;
  message.content = std::move(content);
  return message;
}
Message user(std::string content) { return said(SenderRole::user, std::move(content)); }
Message result(std::string call_id, std::string content) {
  Message message = said(SenderRole::tool, std::move(content));
  message.call_id = std::move(call_id);
  return message;
}
Message reply(std::string reasoning, std::string content, std::vector<ToolCall> calls = {}) {
  Message message = said(SenderRole::assistant, std::move(content));
  message.reasoning = std::move(reasoning);
  message.calls = std::move(calls);
  return message;
}

std::string whole(const std::vector<Segment>& segments) {
  std::string text;
  for (const Segment& segment : segments) text += segment.text;
  return text;
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// KohakuTerrarium#322: results that arrived in another order than the calls.
TEST(Render, ResultsStandInTheOrderOfTheirCalls) {
  RenderInput input;
  input.messages = {user("q"),
                    reply("", "", {{"a", "f", "{}"}, {"b", "f", "{}"}, {"c", "f", "{}"}}),
                    result("c", "R3"),
                    result("unknown", "R4"),
                    result("a", "R1"),
                    result("b", "R2"),
                    reply("", "", {{"e", "f", "{}"}, {"d", "f", "{}"}}),
                    result("d", "R6"),
                    result("e", "R5")};
  for (const std::string& name : dialect_names()) {
    const std::string text = whole(dialect_named(name)->render(input));
    std::size_t at = 0;
    for (const char* part : {"R1", "R2", "R3", "R4", "R5", "R6"}) {
      const std::size_t next = text.find(part);
      EXPECT_TRUE(next != std::string::npos && next > at) << name << " " << part << " in " << text;
      at = next;
    }
  }
}

TEST(Render, PolicyDecidesWhichReasoningIsSeen) {
  RenderInput input;
  input.messages = {user("1"),        reply("plain-turn", "x"),
                    user("2"),        reply("tool-turn", "", {{"a", "f", "{}"}}),
                    result("a", "r"), reply("tool-answer", "x"),
                    user("3"),        reply("now", "", {{"b", "f", "{}"}}),
                    result("b", "r")};
  const std::vector<std::string> all = {"plain-turn", "tool-turn", "tool-answer", "now"};
  const std::vector<std::pair<ThinkPolicy, std::vector<bool>>> expected = {
      {ThinkPolicy::strip_always, {false, false, false, false}},
      {ThinkPolicy::keep_in_loop, {false, false, false, true}},
      {ThinkPolicy::keep_if_tools, {false, true, true, true}},
      {ThinkPolicy::keep_all, {true, true, true, true}}};
  for (const std::string& name : dialect_names())
    for (const auto& [policy, seen] : expected) {
      input.policy = policy;
      const std::string text = whole(dialect_named(name)->render(input));
      for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_EQ(contains(text, all[i]), seen[i])
            << name << ", policy " << int(policy) << ", " << all[i];
    }
}

/// Prompt, what was decoded after it, and the prompt that follows: the second begins with the first
/// and the decoded ids, so all of it can be taken from the cache.
TEST(Render, KeptRepliesContinueTheirOwnPrompt) {
  const std::string end(marker::kEnd),
      call =
          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n"
          "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
  const std::vector<std::pair<std::string, std::string>> thoughts = {
      {"r1_0528", "<think>\nhm\n</think>\n\n"},
      {"r1", "hm\n</think>\n\n"},
      {"r1_fixed", "hm\n</think>\n\n"}};
  for (const auto& [name, thought] : thoughts)
    for (const bool thinking : {true, false}) {
      const auto dialect = dialect_named(name);
      RenderInput input;
      input.policy = ThinkPolicy::keep_all;
      input.thinking = thinking;
      input.messages = {said(SenderRole::system, "sys"), user("q")};
      for (int step = 0; step < 3; ++step) {
        auto before = to_tokens(dialect->render(input), tiny_tokenizer()).value();
        const std::string answer = step < 2 ? call : "done";
        Message m = reply(dialect->thinks(input) ? "hm" : "", step < 2 ? "" : "done");
        if (step < 2) m.calls = {{"a", "f", "{}"}};
        m.ids = canonical(pieces((dialect->thinks(input) ? thought : "") + answer + end));
        for (const auto id : m.ids) before.push_back({id, engine::Role::decoded});
        input.messages.push_back(m);
        if (step < 2) input.messages.push_back(result("a", "r"));
        else input.messages.push_back(user("next"));
        const auto after = to_tokens(dialect->render(input), tiny_tokenizer()).value();
        ASSERT_GE(after.size(), before.size());
        EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()))
            << name << ", thinking " << thinking << ", step " << step << "\n"
            << print(dialect->render(input));
      }
    }
}

TEST(Render, ReplyCutBeforeItsEndIsClosed) {
  RenderInput input;
  input.policy = ThinkPolicy::keep_all;
  Message cut = reply("hm", "hal");
  cut.ids = canonical(pieces("<think>\nhm\n</think>\n\nhal"));
  input.messages = {user("q"), cut, user("go on")};
  const auto segments = dialect_named("r1_0528")->render(input);
  const auto at =
      std::find_if(segments.begin(), segments.end(), [](const Segment& s) { return s.decoded; });
  ASSERT_NE(at, segments.end());
  EXPECT_EQ((at + 1)->text, marker::kEnd);
}

TEST(Render, StrippedRepliesAreWrittenFromTheirText) {
  RenderInput input;
  input.policy = ThinkPolicy::strip_always;
  Message m = reply("secret", "answer");
  m.ids = canonical(pieces("<think>\nsecret\n</think>\n\nanswer"));
  input.messages = {user("q"), m, user("next")};
  for (const std::string& name : dialect_names()) {
    const auto segments = dialect_named(name)->render(input);
    EXPECT_TRUE(std::none_of(segments.begin(), segments.end(), [](const Segment& s) {
      return s.decoded;
    })) << name;
    EXPECT_FALSE(contains(whole(segments), "secret")) << name;
  }
}

TEST(Render, AnswersThatQuoteThinkingMarkersAreWhole) {
  RenderInput input;
  input.messages = {user("q"), reply("", "It writes </think> after the reasoning."), user("next")};
  for (const std::string& name : dialect_names())
    EXPECT_TRUE(contains(whole(dialect_named(name)->render(input)),
                         "It writes </think> after the reasoning."))
        << name;
}

TEST(Render, NothingFollowsWithoutAGenerationPrompt) {
  RenderInput input;
  input.generation_prompt = false;
  input.messages = {user("q"), reply("", "a")};
  for (const std::string& name : dialect_names())
    for (const bool thinking : {true, false}) {
      input.thinking = thinking;
      EXPECT_EQ(dialect_named(name)->render(input).back().text, marker::kEnd) << name;
    }
}

TEST(ToolList, SchemasKeepTheirKeyOrderNumbersAndCharacters) {
  EXPECT_EQ(compact_json("{ \"b\" : [ 1 , 2.50, 1e5, -0 ],\n \"a\":{ } , \"ä\": "
                         "\"\\u00e9\\n\\u0001\\/\", \"c\":[[],null,true]}"),
            "{\"b\":[1,2.50,1e5,0],\"a\":{},\"ä\":\"é\\n\\u0001/\",\"c\":[[],null,true]}");
  EXPECT_EQ(compact_json("not json"), "not json");
}

TEST(Detect, VocabularyWithAllMarkersIsR1_0528) {
  EXPECT_EQ(detect_dialect(tiny_tokenizer()), "r1_0528");
}

TEST(Detect, VocabularyWithoutToolMarkersIsADistill) {
  const auto distill =
      tiny_tokenizer_with([](const std::string& name) { return !contains(name, "tool"); });
  EXPECT_EQ(detect_dialect(distill), "r1");
  const auto dialect = dialect_named("r1", distill);
  RenderInput input;
  input.messages = {user("q")};
  EXPECT_TRUE(to_tokens(dialect->render(input), distill).has_value());
  input.tools = {{"f", "d", "{}"}};
  const auto refused = to_tokens(dialect->render(input), distill);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what, "the tokenizer has no control token <｜tool▁calls▁begin｜>");
}

TEST(Detect, NoFittingDialectNamesThemAllAndWhatTheyLack) {
  const auto other =
      tiny_tokenizer_with([](const std::string& name) { return name == marker::kEnd; });
  const auto refused = detect_dialect(other);
  ASSERT_FALSE(refused.has_value());
  for (const std::string& name : dialect_names())
    EXPECT_TRUE(contains(refused.error().what, name + ": ")) << refused.error().what;
  EXPECT_TRUE(
      contains(refused.error().what, "lacks the control tokens <｜begin▁of▁sentence｜> <｜User｜>"))
      << refused.error().what;
  EXPECT_FALSE(make_dialect("r1_0528", other).has_value());
}

TEST(Detect, UnknownNameListsTheKnownOnes) {
  const auto refused = make_dialect("r2", tiny_tokenizer());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what, "no dialect has this name; there are r1_0528, r1, r1_fixed");
  EXPECT_EQ(refused.error().where, "dialect r2");
}

}  // namespace
}  // namespace praxis::agent::testing
