// The real engine, grammar and dialect behind the model's face: what random weights may say, what
// budgets do, and what is found in the cache.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <thread>

#include "agent/loop.h"
#include "agent/model/model.h"
#include "tests/engine/tiny_folder.h"
#include "tests/grammar/support.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path kTinyModel = fs::path(PRAXIS_SOURCE_DIR) / "examples/tiny_r1/model";

#ifdef PRAXIS_SLOW_BUILD
constexpr std::size_t kCalls = 200, kStopStride = 5;
#else
constexpr std::size_t kCalls = 5000, kStopStride = 1;  // characters from one stop text's begin to the next
#endif

/// Random weights under the shipped model's tokenizer: a mind of pure noise.
class NoiseModel {
 public:
  NoiseModel()
      : folder_([](nlohmann::json& config) {
          config["vocab_size"] = 1024;
          config["max_position_embeddings"] = 8192;
        }) {
    fs::copy_file(kTinyModel / "tokenizer.json", folder_.path() / "tokenizer.json", fs::copy_options::overwrite_existing);
    LocalOptions options;
    options.model = folder_.path();
    options.threads = 1;
    auto loaded = LocalModel::load(options);
    if (!loaded) throw std::runtime_error(loaded.error().where + ": " + loaded.error().what);
    model = std::move(*loaded);
  }
  std::unique_ptr<LocalModel> model;

 private:
  engine::tests::TinyFolder folder_;
};

struct Said {
  Result<StepOutput> output = StepOutput();
  std::string reasoning, text;
  std::vector<TokenLogprob> of_reasoning, of_text;
  std::vector<ToolCall> calls;
  std::size_t closed = 0;
};

void append(std::vector<TokenLogprob>& to, const std::vector<TokenLogprob>& more) { to.insert(to.end(), more.begin(), more.end()); }

/// One step, to its end.
Said step(Model& model, const StepInput& input) {
  Said said;
  std::mutex mutex;
  std::condition_variable over;
  bool done = false;
  auto started = model.start(
      input,
      [&](ParsedDelta delta) {
        switch (delta.kind) {
          case ParsedDelta::Kind::reasoning:
            said.reasoning += delta.text;
            append(said.of_reasoning, delta.logprobs);
            break;
          case ParsedDelta::Kind::text:
            said.text += delta.text;
            append(said.of_text, delta.logprobs);
            break;
          case ParsedDelta::Kind::call_name: said.calls.push_back({"", delta.text, ""}); break;
          case ParsedDelta::Kind::call_arguments: said.calls.at(delta.call).arguments += delta.text; break;
          case ParsedDelta::Kind::call_end: ++said.closed; break;
        }
      },
      [&](Result<StepOutput> output) {
        std::lock_guard lock(mutex);
        said.output = std::move(output);
        done = true;
        over.notify_all();
      });
  if (!started) {
    said.output = tl::unexpected(started.error());
    return said;
  }
  std::unique_lock lock(mutex);
  over.wait(lock, [&] { return done; });
  return said;
}

/// A schema of bounded size from what the grammar covers.
Json random_schema(std::mt19937& random, int depth) {
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  switch (pick(depth > 0 ? 9 : 6)) {
    case 0: return {{"type", "string"}, {"maxLength", 1 + pick(12)}};
    case 1: return {{"type", "string"}, {"minLength", 2}, {"maxLength", 6}};
    case 2: return {{"type", "integer"}, {"minimum", pick(50)}, {"maximum", 50 + pick(1000)}};
    case 3: return {{"type", "boolean"}};
    case 4: return {{"enum", {"red", "green", 3, nullptr, "naïve \"quoted\""}}};
    case 5: return {{"type", "number"}, {"minimum", -1}, {"maximum", 1}};
    case 6: return {{"type", "array"}, {"items", random_schema(random, depth - 1)}, {"maxItems", 3}};
    case 7: return {{"anyOf", {random_schema(random, depth - 1), {{"type", "null"}}}}};
    default: {
      Json properties = Json::object(), required = Json::array();
      for (int i = pick(3) + 1; i > 0; --i) {
        std::string key{static_cast<char>('a' + pick(26)), static_cast<char>('0' + i)};
        properties[key] = random_schema(random, depth - 1);
        if (pick(2)) required.push_back(key);
      }
      return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
    }
  }
}

std::vector<ToolText> random_tools(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<ToolText> tools;
  unsigned count = 1 + random() % 6;
  for (unsigned i = 0; i < count; ++i) {
    Json properties = Json::object(), required = Json::array();
    for (unsigned p = 0; p <= random() % 3; ++p) {
      std::string key(1, static_cast<char>('p' + p));
      properties[key] = random_schema(random, 2);
      if (random() % 3) required.push_back(key);
    }
    Json schema = {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
    // Some names begin with others.
    std::string name = "tool";
    name.append(std::to_string(seed)).append("_").append(std::to_string(i));
    if (i % 2) name = tools.back().name + "_more";
    tools.push_back({name, std::string("does ").append(name), schema.dump()});
  }
  return tools;
}

/// No control id between <think> and </think>.
void expect_quiet_thinking(const LocalModel& model, const std::vector<engine::TokenId>& ids, const engine::Tokenizer& tokenizer) {
  (void)model;
  auto open = tokenizer.control("<think>"), close = tokenizer.control("</think>");
  auto end = std::find(ids.begin(), ids.end(), *close);
  ASSERT_NE(end, ids.end()) << "the thinking never closes";
  ASSERT_EQ(ids.front(), *open);
  for (auto it = ids.begin() + 1; it != end; ++it) EXPECT_FALSE(tokenizer.is_control(*it)) << "id " << *it << " in the thinking";
}

TEST(Noise, EveryCallOfRandomWeightsIsValidForAnAllowedTool) {
  NoiseModel noise;
  const engine::Tokenizer& tokenizer = noise.model->engine().tokenizer();
  std::size_t calls = 0, steps = 0;
  for (unsigned round = 0; calls < kCalls; ++round) {
    std::vector<ToolText> tools = random_tools(round % 50);
    StepInput input;
    input.tools = tools;
    for (const auto& tool : tools) ASSERT_EQ(noise.model->refuse_tool(tool), "") << tool.schema;
    input.messages = {{SenderRole::user, "go"}};
    input.settings.temperature = 2.0f;
    input.settings.top_p = 1.0f;
    input.settings.seed = round;
    input.settings.tool_choice = "required";
    input.settings.budgets.think_tokens_max = 6;
    input.settings.budgets.output_tokens_max = 400;
    input.settings.budgets.calls_max = 6;
    Said said = step(*noise.model, input);
    ASSERT_TRUE(said.output) << said.output.error().where << ": " << said.output.error().what;
    ASSERT_EQ(said.output->finish, engine::Finish::stop);
    expect_quiet_thinking(*noise.model, said.output->ids, tokenizer);
    ASSERT_FALSE(said.calls.empty());
    ASSERT_EQ(said.closed, said.calls.size());
    for (const auto& call : said.calls) {
      auto tool = std::find_if(tools.begin(), tools.end(), [&](const ToolText& t) { return t.name == call.name; });
      ASSERT_NE(tool, tools.end()) << call.name;
      ASSERT_TRUE(grammar::test::conforms(tool->schema, call.arguments)) << tool->schema << "\n" << call.arguments;
      ++calls;
    }
    ++steps;
  }
  RecordProperty("calls", static_cast<int>(calls));
  std::printf("%zu calls in %zu steps, all valid\n", calls, steps);
}

TEST(Noise, AToolThatTheGrammarRefusesIsLeftOutAlone) {
  NoiseModel noise;
  const ToolText good{"good", "does good", R"({"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]})"};
  const ToolText bad{"bad", "does bad", R"({"type":"object","properties":{"b":{"pattern":"(x)\\1"}}})"};
  const ToolText loose{"loose", "requires what it does not describe", R"({"type":"object","required":["c"]})"};
  EXPECT_NE(noise.model->refuse_tool(bad).find("$.properties.b.pattern"), std::string::npos);
  EXPECT_EQ(noise.model->refuse_tool(loose), "");

  StepInput input;
  input.tools = {bad, good, loose};
  input.messages = {{SenderRole::user, "go"}};
  input.settings.temperature = 2.0f;
  input.settings.tool_choice = "required";
  input.settings.budgets.think_tokens_max = 6;
  input.settings.budgets.output_tokens_max = 400;
  std::set<std::string> called;
  for (unsigned seed = 0; seed < 20; ++seed) {
    input.settings.seed = seed;
    const Said said = step(*noise.model, input);
    ASSERT_TRUE(said.output) << said.output.error().where << ": " << said.output.error().what;
    for (const auto& call : said.calls) called.insert(call.name);
  }
  EXPECT_EQ(called, (std::set<std::string>{"good", "loose"}));

  // Nor does the prompt speak of it.
  StepInput without = input;
  without.tools = {good, loose};
  const auto texts = [&](const StepInput& of) {
    std::vector<std::string> out;
    for (const auto& segment : noise.model->segments(of)) out.push_back(segment.text);
    return out;
  };
  EXPECT_EQ(texts(input), texts(without));

  input.settings.tool_choice = "bad";
  const Said named = step(*noise.model, input);
  ASSERT_FALSE(named.output);
  EXPECT_EQ(named.output.error().code, ErrorCode::bad_request);
  EXPECT_EQ(named.output.error().where, "tool choice bad");
  EXPECT_NE(named.output.error().what.find("$.properties.b.pattern"), std::string::npos);
}

TEST(Noise, EveryBudgetEndsInAFinishedOutput) {
  NoiseModel noise;
  const engine::Tokenizer& tokenizer = noise.model->engine().tokenizer();
  std::vector<ToolText> tools = random_tools(3);
  std::string schema = R"({"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer"}},"required":["name","n"]})";
  const std::vector<std::string> choices = {"yes", "no", "as the manual says"};
  unsigned refused = 0, valid = 0, cut = 0;
  for (std::uint32_t budget = 1; budget <= 240; budget += 3) {
    for (int kind = 0; kind < 5; ++kind) {  // free text, a call, a schema, a pattern, a choice
      StepInput input;
      input.messages = {{SenderRole::user, "go"}};
      if (kind == 1) input.tools = tools;
      input.settings.tool_choice = kind == 1 ? "required" : "auto";
      if (kind == 2) input.settings.answer_schema = schema;
      if (kind == 3) input.settings.answer_regex = "[a-c]{2,9}(, [a-c]{2,9})*";
      if (kind == 4) input.settings.answer_choices = choices;
      input.settings.temperature = 2.0f;
      input.settings.top_p = 1.0f;
      input.settings.seed = budget;
      input.settings.budgets.output_tokens_max = budget;
      input.settings.budgets.think_tokens_max = 20;
      Said said = step(*noise.model, input);
      if (!said.output) {
        ASSERT_EQ(said.output.error().code, ErrorCode::limit);
        ASSERT_LT(budget, 200u) << "refused with room to spare: " << said.output.error().what;
        ++refused;
        continue;
      }
      ASSERT_EQ(said.output->finish, engine::Finish::stop) << "kind " << kind << " budget " << budget;
      ASSERT_LE(said.output->ids.size(), budget);
      expect_quiet_thinking(*noise.model, said.output->ids, tokenizer);
      if (kind == 1) {
        ASSERT_GE(said.closed, 1u);
      }
      if (kind == 2) {
        ASSERT_TRUE(grammar::test::conforms(schema, said.text)) << said.text;
      }
      if (kind == 3) {
        ASSERT_TRUE(std::regex_match(said.text, std::regex("[a-c]{2,9}(, [a-c]{2,9})*"))) << said.text;
      }
      if (kind == 4) {
        ASSERT_EQ(std::count(choices.begin(), choices.end(), said.text), 1) << said.text;
      }
      if (said.output->cut) {
        ASSERT_EQ(kind, 0) << "only free text may be cut";
        ++cut;
      }
      ++valid;
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(cut, 0u);
  EXPECT_GT(valid, 150u);
}

TEST(Noise, TheLoopGuardClosesThinkingThatRepeatsItself) {
  NoiseModel noise;
  StepInput input;
  input.messages = {{SenderRole::user, "go"}};
  input.settings.temperature = 0.0f;  // greedy noise runs into a cycle
  input.settings.budgets.think_tokens_max = 3000;
  input.settings.budgets.output_tokens_max = 4000;
  Said guarded = step(*noise.model, input);
  ASSERT_TRUE(guarded.output);
  EXPECT_LT(guarded.output->usage.reasoning_tokens, 3000u);
}

// --- what is asked of the sampling -----------------------------------------------------------------

std::unique_ptr<LocalModel> tiny_model() {
  LocalOptions options;
  options.model = kTinyModel;
  auto loaded = LocalModel::load(options);
  if (!loaded) throw std::runtime_error(loaded.error().where + ": " + loaded.error().what);
  return std::move(*loaded);
}

StepInput question(const std::string& text) {
  StepInput input;
  input.messages = {{SenderRole::user, text}};
  input.settings.temperature = 0.0f;
  input.settings.budgets.output_tokens_max = 300;
  return input;
}

ToolText calculator() {
  return {"calculator", "Evaluate an arithmetic expression exactly.",
          R"({"type":"object","properties":{"expression":{"type":"string"}},"required":["expression"]})"};
}

/// Ends the text at its first `stop`, wherever the tokens part, and says so.
void expect_stopped(Model& model, StepInput input, const Said& free, const std::string& stop) {
  input.settings.stop = {stop};
  const Said said = step(model, input);
  ASSERT_TRUE(said.output) << said.output.error().what;
  EXPECT_EQ(said.text, free.text.substr(0, free.text.find(stop))) << stop;
  EXPECT_EQ(said.reasoning, free.reasoning) << stop;
  EXPECT_EQ(said.output->finish, engine::Finish::stop);
  EXPECT_EQ(said.output->stopped_by, stop);
}

TEST(Stop, EndsTheAnswerBeforeEveryTextThatItSays) {
  const auto model = tiny_model();
  const StepInput input = question("What is 127 times 49?");
  const Said free = step(*model, input);
  ASSERT_GT(free.text.size(), 20u);
  EXPECT_EQ(free.output->stopped_by, std::nullopt);
  for (std::size_t begin = 0; begin < free.text.size(); begin += kStopStride)
    for (const std::size_t length : {1, 2, 7, 40})
      if (begin + length <= free.text.size()) expect_stopped(*model, input, free, free.text.substr(begin, length));
}

TEST(Stop, EndsForcedTextAndTextBesideAsciiAtEveryCharacter) {
  const auto model = tiny_model();
  StepInput input = question("Say it.");
  input.settings.answer_choices = {"naïve — ☃☃ über 𝄞 ende"};  // no choice: one batch of forced tokens
  const Said free = step(*model, input);
  ASSERT_EQ(free.text, input.settings.answer_choices[0]);
  const auto starts = [&](std::size_t at) { return at == free.text.size() || (free.text[at] & 0xC0) != 0x80; };
  for (std::size_t begin = 0; begin < free.text.size(); begin += kStopStride)
    for (std::size_t end = begin + 1; starts(begin) && end <= free.text.size(); ++end)
      if (starts(end)) expect_stopped(*model, input, free, free.text.substr(begin, end - begin));
}

TEST(Stop, IsNotLookedForInReasoningAndArguments) {
  const auto model = tiny_model();
  StepInput input = question("What is 127 times 49?");
  input.tools = {calculator()};
  const Said free = step(*model, input);
  ASSERT_EQ(free.calls.size(), 1u);
  ASSERT_NE(free.reasoning.find("127"), std::string::npos);
  ASSERT_NE(free.calls[0].arguments.find("127"), std::string::npos);
  input.settings.stop = {"127", "expression"};
  const Said said = step(*model, input);
  EXPECT_EQ(said.calls, free.calls);
  EXPECT_EQ(said.reasoning, free.reasoning);
  EXPECT_EQ(said.output->stopped_by, std::nullopt);
}

TEST(Stop, EndsABoundAnswerToo) {
  const auto model = tiny_model();
  StepInput input = question("Text: This is Ines Weber. Age: 87.");
  input.settings.answer_schema = R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},)"
                                 R"("required":["name","age"],"additionalProperties":false})";
  const Said free = step(*model, input);
  ASSERT_NE(free.text.find("\"age\""), std::string::npos) << free.text;
  expect_stopped(*model, input, free, "\"age\"");
}

TEST(Stop, SavesTheTokensThatWouldHaveFollowed) {
  NoiseModel noise;
  StepInput input = question("go");
  input.settings.temperature = 2.0f;
  input.settings.budgets.think_tokens_max = 6;
  input.settings.budgets.output_tokens_max = 2000;
  const Said free = step(*noise.model, input);
  ASSERT_GT(free.text.size(), 200u);
  const std::string stop = free.text.substr(100, 1);
  expect_stopped(*noise.model, input, free, stop);
  input.settings.stop = {stop};
  EXPECT_LT(step(*noise.model, input).output->ids.size(), free.output->ids.size() / 2);
}

TEST(Logprobs, SpellTheReasoningAndTheTextWithoutMarkers) {
  const auto model = tiny_model();
  for (const bool tools : {false, true}) {
    StepInput input = question("What is 127 times 49?");
    if (tools) input.tools = {calculator()};
    const Said off = step(*model, input);
    EXPECT_TRUE(off.of_reasoning.empty() && off.of_text.empty());
    input.settings.logprobs = 3;
    const Said said = step(*model, input);
    EXPECT_EQ(said.output->ids, off.output->ids);
    const auto expect_spelled = [](const std::string& text, const std::vector<TokenLogprob>& tokens) {
      std::string spelled;
      for (const auto& token : tokens) {
        spelled += token.bytes;
        ASSERT_EQ(token.top.size(), 3u);
        EXPECT_LE(token.logprob, token.top[0].second);
        EXPECT_LE(token.top[0].second, 0);
        EXPECT_GE(token.top[0].second, token.top[1].second);
      }
      EXPECT_EQ(spelled, text);
    };
    expect_spelled(said.reasoning, said.of_reasoning);
    expect_spelled(said.text, said.of_text);
    EXPECT_FALSE(said.of_reasoning.empty());
    EXPECT_EQ(said.of_text.empty(), tools);
  }
}

TEST(Logprobs, OfNoiseSpellItTooThoughTokensPartCharacters) {
  NoiseModel noise;
  for (unsigned seed = 0; seed < 20; ++seed) {
    StepInput input = question("go");
    input.settings.temperature = 2.0f;
    input.settings.seed = seed;
    input.settings.budgets.think_tokens_max = 60;
    input.settings.budgets.output_tokens_max = 200;
    input.settings.logprobs = 0;
    if (seed % 2) input.settings.stop = {"e", "a1"};
    const Said said = step(*noise.model, input);
    ASSERT_TRUE(said.output);
    const auto spelled = [](const std::vector<TokenLogprob>& tokens) {
      std::string bytes;
      for (const auto& token : tokens) bytes += token.bytes;
      engine::Utf8Stream utf8;
      const std::string text = utf8.push(bytes);
      return text + utf8.finish();
    };
    const auto trimmed = [](std::string text) {
      text.erase(text.find_last_not_of('\n') + 1);
      return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
    };
    // A token may begin before the text does and end behind it.
    EXPECT_EQ(trimmed(spelled(said.of_reasoning)), said.reasoning);
    if (said.output->stopped_by) {
      EXPECT_TRUE(spelled(said.of_text).find(said.text) != std::string::npos) << said.text;
    } else {
      EXPECT_TRUE(spelled(said.of_text).ends_with(said.text)) << said.text;
    }
  }
}

TEST(Sampling, SettingsReachTheEngine) {
  const auto model = tiny_model();
  StepInput input = question("Hello!");
  const Said free = step(*model, input);
  // Whatever it begins its answer with is as good as banned.
  const auto first = model->engine().tokenizer().encode_text(free.text).front();
  input.settings.logit_bias = {{first, -100}};
  const Said biased = step(*model, input);
  ASSERT_TRUE(biased.output);
  EXPECT_EQ(std::count(biased.output->ids.begin(), biased.output->ids.end(), first), 0);

  NoiseModel noise;
  input = question("go");
  input.settings.budgets.think_tokens_max = 300;
  input.settings.budgets.output_tokens_max = 320;
  input.settings.loop_guard.repeats = 1000;
  const auto distinct = [&] {
    const Said said = step(*noise.model, input);
    return std::set<engine::TokenId>(said.output->ids.begin(), said.output->ids.end()).size();
  };
  const auto looping = distinct();
  input.settings.frequency_penalty = 2;
  EXPECT_GT(distinct(), 2 * looping);
}

TEST(Sampling, WhatIsOutsideItsRangeDoesNotStart) {
  const auto model = tiny_model();
  StepInput input = question("Hello!");
  input.settings.presence_penalty = 3;
  Said said = step(*model, input);
  ASSERT_FALSE(said.output);
  EXPECT_EQ(said.output.error().where, "presence_penalty");
  input.settings.presence_penalty = 0;
  input.settings.logit_bias = {{1'000'000, 1}};
  said = step(*model, input);
  ASSERT_FALSE(said.output);
  EXPECT_EQ(said.output.error().code, ErrorCode::bad_request);
  EXPECT_EQ(said.output.error().where, "logit_bias of token 1000000");
  EXPECT_NE(said.output.error().what.find(std::to_string(model->engine().info().vocab_size)), std::string::npos);
}

TEST(Sampling, SeveralAnswersToOnePromptShareItsPrefill) {
  const auto model = tiny_model();
  StepInput input = question("Tell me something about the red pump and the blue valve.");
  input.settings.temperature = 1.5f;
  std::vector<Said> said(4);
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t done = 0;
  std::vector<std::unique_ptr<Step>> steps;
  for (std::size_t i = 0; i < said.size(); ++i) {
    input.settings.seed = i;
    auto started = model->start(
        input, [](ParsedDelta) {},
        [&, i](Result<StepOutput> output) {
          std::lock_guard lock(mutex);
          said[i].output = std::move(output);
          ++done;
          changed.notify_all();
        });
    ASSERT_TRUE(started);
    steps.push_back(std::move(*started));
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done == said.size(); });
  std::set<std::vector<engine::TokenId>> answers;
  for (std::size_t i = 0; i < said.size(); ++i) {
    ASSERT_TRUE(said[i].output);
    const Usage& usage = said[i].output->usage;
    EXPECT_EQ(usage.cached_tokens, i == 0 ? 0 : usage.prompt_tokens - 1) << i;
    answers.insert(said[i].output->ids);
  }
  EXPECT_EQ(answers.size(), said.size());
}

TEST(Steps, ThatAreDestroyedHaveCalledBackOnceAndNeverAgain) {
  const auto model = tiny_model();
  StepInput input = question("What is 127 times 49?");
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> done{0}, late{0};
    std::atomic<bool> destroyed{false};
    auto started = model->start(
        input, [&](ParsedDelta) { late += destroyed; }, [&](Result<StepOutput>) { ++done, late += destroyed; });
    ASSERT_TRUE(started);
    if (round % 3 == 0) (*started)->cancel();
    if (round % 2 == 0) std::thread([step = std::move(*started)]() mutable { step.reset(); }).join();
    started->reset();
    destroyed = true;
    EXPECT_EQ(done, 1);
    EXPECT_EQ(late, 0);
  }
}

// --- the cache ------------------------------------------------------------------------------------

/// Passes steps on and remembers, for each, its prompt and what it decoded.
class Recorded final : public Model {
 public:
  explicit Recorded(LocalModel& model) : model_(model) {}
  struct Passed {
    std::vector<engine::Token> prompt, all;
    std::uint64_t cached = 0, prompt_tokens = 0;
  };
  std::vector<Passed> steps;

  std::string_view fingerprint() const override { return model_.fingerprint(); }
  Recommended recommended() const override { return model_.recommended(); }
  std::string refuse_tool(const ToolText& tool) override { return model_.refuse_tool(tool); }
  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    auto prompt = model_.prompt(input);
    if (!prompt) return tl::unexpected(prompt.error());
    steps.push_back({*prompt, *prompt, 0, 0});
    return model_.start(input, std::move(delta), [this, done](Result<StepOutput> output) {
      if (output) {
        Passed& passed = steps.back();
        for (auto id : output->ids) passed.all.push_back({id, engine::Role::decoded});
        passed.cached = output->usage.cached_tokens;
        passed.prompt_tokens = output->usage.prompt_tokens;
      }
      done(std::move(output));
    });
  }

  /// What a cache that forgets nothing would hold of step i's prompt; its last token is always run.
  std::size_t expected(std::size_t i) const {
    std::size_t best = 0;
    for (std::size_t j = 0; j < i; ++j) {
      const auto& have = steps[j].all;
      const auto& want = steps[i].prompt;
      auto [a, b] = std::mismatch(want.begin(), want.end(), have.begin(), have.end());
      (void)b;
      best = std::max<std::size_t>(best, static_cast<std::size_t>(a - want.begin()));
    }
    return std::min(best, steps[i].prompt.size() - 1);
  }

 private:
  LocalModel& model_;
};

class Chat : public ::testing::TestWithParam<ThinkPolicy> {
 protected:
  void SetUp() override {
    LocalOptions options;
    options.model = kTinyModel;
    auto loaded = LocalModel::load(options);
    ASSERT_TRUE(loaded) << loaded.error().what;
    model_ = std::move(*loaded);
    auto store = memory::Store::open(dir_.path() / "chat.db");
    ASSERT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
  }

  /// Turns of one conversation; a fresh model each time `restart` says so.
  void ask(Recorded& model, const std::string& question) {
    NewTurn turn;
    turn.conversation_id = conversation_;
    turn.question = question;
    turn.settings.policy = GetParam();
    turn.settings.budgets.steps_max = 4;
    turn.settings.budgets.output_tokens_max = 300;
    auto handle = begin_run(*store_, model, turn, claim_);
    ASSERT_TRUE(handle) << handle.error().what;
    conversation_ = handle->conversation_id;
    Workplace work{model, dispatcher_, store_.get(), {}, {}};
    run_blocking(work, *handle, Interrupt());
  }

  static tools::Toolbox toolbox() {
    class Sum final : public tools::Backend {
     public:
      tools::ToolResult call(const tools::Call&, const tools::CallContext&) override { return {tools::Status::ok, "42"}; }
      std::optional<Settled> status(std::string_view, std::string_view) override { return std::nullopt; }
    };
    tools::Toolbox box;
    tools::ToolSpec spec;
    spec.name = "calculator";
    spec.description = "Evaluate an arithmetic expression exactly.";
    spec.schema = R"({"type":"object","properties":{"expression":{"type":"string"}},"required":["expression"]})";
    spec.effect = tools::Effect::pure;
    if (!box.add(spec, std::make_shared<Sum>())) throw std::runtime_error("toolbox");
    return box;
  }

  engine::tests::TempDir dir_;
  std::unique_ptr<LocalModel> model_;
  std::unique_ptr<memory::Store> store_;
  tools::Dispatcher dispatcher_{toolbox()};
  std::string conversation_;
  std::optional<memory::Claim> claim_;
};

TEST_P(Chat, CachedTokensAreTheLongestPrefixThatWasComputed) {
  Recorded recorded(*model_);
  for (const char* question : {"What is 20 plus 22?", "Now add 5.", "Thank you!", "What is 8 times 8?"}) ask(recorded, question);
  ASSERT_GE(recorded.steps.size(), 4u);
  for (std::size_t i = 0; i < recorded.steps.size(); ++i) {
    EXPECT_EQ(recorded.steps[i].prompt_tokens, recorded.steps[i].prompt.size());
    EXPECT_EQ(recorded.steps[i].cached, recorded.expected(i)) << "step " << i;
  }
  // With all reasoning kept a turn's prompt goes on from everything before it; with stripping it
  // parts at the first <think> that was taken out.
  const auto& last = recorded.steps.back();
  auto think = model_->engine().tokenizer().control("<think>");
  std::size_t shared = recorded.expected(recorded.steps.size() - 1);
  if (GetParam() == ThinkPolicy::keep_all) {
    EXPECT_GE(shared, recorded.steps[recorded.steps.size() - 2].all.size());
  } else if (GetParam() == ThinkPolicy::strip_always) {
    const auto& before = recorded.steps[recorded.steps.size() - 2].all;
    ASSERT_LT(shared, before.size());
    EXPECT_EQ(before[shared].id, *think);
  }
  EXPECT_GT(last.cached, 0u);
}

TEST_P(Chat, ANewProcessReportsTheFullPrefillHonestly) {
  Recorded before(*model_);
  ask(before, "What is 20 plus 22?");
  LocalOptions options;
  options.model = kTinyModel;
  auto fresh = LocalModel::load(options);
  ASSERT_TRUE(fresh);
  Recorded after(**fresh);
  ask(after, "Now add 5.");
  ASSERT_FALSE(after.steps.empty());
  EXPECT_EQ(after.steps.front().cached, 0u);
  EXPECT_EQ(after.steps.front().prompt_tokens, after.steps.front().prompt.size());
}

INSTANTIATE_TEST_SUITE_P(Policies, Chat,
                         ::testing::Values(ThinkPolicy::strip_always, ThinkPolicy::keep_in_loop, ThinkPolicy::keep_if_tools,
                                           ThinkPolicy::keep_all),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace praxis::agent
