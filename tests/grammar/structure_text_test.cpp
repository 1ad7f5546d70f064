// Calls that text opens: the trigger is found wherever its bytes are, and binds from there on.

#include <gtest/gtest.h>

#include <algorithm>

#include "structures.h"

namespace praxis::grammar::test {
namespace {

const std::string kOpen = "<tool_call>";
const std::string kClose = "</tool_call>";

/// Tokens that hold the trigger, begin it, end it, and go on behind it, well or badly.
std::shared_ptr<const Vocabulary> tag_vocabulary() {
  static const auto vocabulary = byte_vocabulary_and({"<tool_call>",
                                                      "<tool",
                                                      "_call>",
                                                      "<<",
                                                      "<<tool_call>",
                                                      "call>\n",
                                                      "l>x",
                                                      "_call>\n{\"na",
                                                      "<tool_call>\n",
                                                      ">\n",
                                                      ">>",
                                                      "tool_call><tool_call>",
                                                      "ol_call>",
                                                      "</",
                                                      "tool_call>",
                                                      "</tool_call>",
                                                      "</tool_call>\n",
                                                      "</tool_call>\n<tool_call>\n",
                                                      "}\n</tool_call>",
                                                      "}}\n</tool_call><",
                                                      "\n</tool_call> so",
                                                      "\"name\": \"",
                                                      "name\": \"add\"",
                                                      "\", \"arguments\": {",
                                                      "\":",
                                                      "\",\"",
                                                      "1,\"y\":",
                                                      "the ",
                                                      " a"});
  return vocabulary;
}

struct HermesOutput {
  bool well_formed = false;
  std::vector<std::string> texts;  // around the calls, one more than those
  std::vector<std::pair<std::string, std::string>> calls;
};

/// The test's own reading: an open tag always begins a call; raw newlines end it, since JSON has
/// none inside strings and what is generated is compact.
HermesOutput read_hermes(std::string_view text) {
  HermesOutput out;
  for (;;) {
    const auto open = text.find(kOpen);
    out.texts.emplace_back(text.substr(0, open));
    if (open == std::string_view::npos) break;
    text.remove_prefix(open + kOpen.size());
    const auto close = text.find("\n" + kClose, 1);
    if (text.empty() || text[0] != '\n' || close == std::string_view::npos) return out;
    const std::string_view call = text.substr(1, close - 1);
    Value value;
    if (!parse(call, value)) return out;
    const Value* name = value.find("name");
    const std::string head = "{\"name\": \"" + (name ? name->text : "") + "\", \"arguments\": ";
    if (!name || call.substr(0, head.size()) != head || value.members.size() != 2) return out;
    out.calls.emplace_back(name->text, call.substr(head.size(), call.size() - head.size() - 1));
    text.remove_prefix(close + 1 + kClose.size());
  }
  out.well_formed = true;
  return out;
}

/// Often begins the trigger or goes on with it, and often ends what is open; else anything.
class EagerToCall {
 public:
  EagerToCall(const Vocabulary& vocabulary, std::mt19937& random)
      : vocabulary_(vocabulary), random_(random) {}

  TokenId operator()(const std::vector<TokenId>& allowed) {
    const auto wish = [&](char byte) {
      const TokenId id = kControls + static_cast<std::uint8_t>(byte);
      return std::binary_search(allowed.begin(), allowed.end(), id) ? id : kNone;
    };
    TokenId id = kNone;
    const auto dice = random_() % 12;
    if (matched_ > 0 ? dice > 0 : dice < 4) {
      id = wish(kOpen[matched_]);
    } else if (dice < 9) {
      for (const char byte : {'}', ',', '"'}) id = id == kNone ? wish(byte) : id;
    } else if (random_() % 12 == 0 && vocabulary_.bytes(allowed[0]).empty()) {
      id = allowed[0];  // a control token, but not each time one may be
    }
    if (id == kNone) id = allowed[random_() % allowed.size()];
    for (const char c : vocabulary_.bytes(id))
      matched_ = kOpen[matched_] == c ? (matched_ + 1) % kOpen.size() : 0;
    return id;
  }

 private:
  static constexpr TokenId kNone = -1;
  const Vocabulary& vocabulary_;
  std::mt19937& random_;
  std::size_t matched_ = 0;
};

TEST(TextTrigger, EveryChoiceAndEveryBudgetEndsValid) {
  std::mt19937 random(21);
  std::size_t outputs = 0, calls = 0, several = 0, text_behind = 0, cut = 0;
  for (const auto& vocabulary : {tag_vocabulary(), bpe_vocabulary()}) {
    for (const bool thinking : {false, true}) {
      for (const bool answer : {false, true}) {
        for (const auto choice : {ToolChoice::none, ToolChoice::automatic, ToolChoice::required}) {
          StructureSpec spec = spec_for(vocabulary, thinking, choice, answer, hermes_format());
          const std::uint32_t least = least_of(spec, vocabulary);
          for (std::uint32_t more = 0; more <= 600 / kCasesDivisor; more += 1 + more / 15) {
            spec.tokens_max = least + more;
            if (spec.thinking) spec.thinking->tokens_max = more % 3 == 0 ? 10 : 0;
            auto structure = Structure::create(spec, vocabulary);
            ASSERT_TRUE(structure) << structure.error().what;
            const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                                   EagerToCall(*vocabulary, random), more % 2 == 0);
            const std::string whole = text_of(*vocabulary, run.tokens);
            ASSERT_EQ(run.problem, "") << whole;
            ASSERT_EQ(run.tokens.back(), kEos);
            const auto think = std::find(run.tokens.begin(), run.tokens.end(), kEndThink);
            auto from = thinking ? think + 1 : run.tokens.begin();
            std::string text = text_of(*vocabulary, std::vector<TokenId>(from, run.tokens.end()));
            if (thinking) {
              ASSERT_EQ(text.substr(0, 2), "\n\n");
              text.erase(0, 2);
            }
            ++outputs;
            cut += run.cut;
            if (answer && choice != ToolChoice::required && conforms(kAnswer, text)) continue;
            const HermesOutput out = read_hermes(text);
            ASSERT_TRUE(out.well_formed) << text;
            ASSERT_LE(out.calls.size(), spec.calls_max);
            for (const auto& [name, arguments] : out.calls)
              ASSERT_TRUE(conforms(schema_of(name), arguments)) << name << " " << arguments;
            ASSERT_TRUE(choice != ToolChoice::none || out.calls.empty()) << text;
            if (choice == ToolChoice::required || (answer && choice == ToolChoice::automatic)) {
              ASSERT_FALSE(out.calls.empty());
              for (std::size_t i = 0; i < out.texts.size(); ++i)
                ASSERT_EQ(out.texts[i], i == 0 || i == out.calls.size() ? "" : "\n") << text;
            }
            ASSERT_TRUE(choice != ToolChoice::none || !answer) << text;
            calls += out.calls.size();
            several += out.calls.size() > 1;
            text_behind += !out.calls.empty() && !out.texts.back().empty();
          }
        }
      }
    }
  }
  RecordProperty("calls", static_cast<int>(calls));
  std::printf("%zu outputs, %zu calls; %zu with several, %zu with text behind, %zu cut\n", outputs,
              calls, several, text_behind, cut);
  EXPECT_GT(calls, 600u / kCasesDivisor);
  EXPECT_GT(several, 100u / kCasesDivisor);
  EXPECT_GT(text_behind, 20u / kCasesDivisor);
  EXPECT_GT(cut, 20u / kCasesDivisor);
}

TEST(TextTrigger, FiveThousandCallsAreValid) {
  std::mt19937 random(24);
  const auto vocabulary = tag_vocabulary();
  const std::size_t calls_wanted = 5'000 / kCasesDivisor;
  std::size_t calls = 0, outputs = 0;
  for (; calls < calls_wanted; ++outputs) {
    const auto choice = outputs % 2 ? ToolChoice::required : ToolChoice::automatic;
    StructureSpec spec = spec_for(vocabulary, false, choice, false, hermes_format());
    if (outputs % 8 > 0) spec.tools.pop_back();  // search takes any keys: random ones never end
    spec.calls_max = 1 + random() % 40;
    spec.tokens_max = least_of(spec, vocabulary) + 200 + random() % 400;
    auto structure = Structure::create(spec, vocabulary);
    const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                           EagerToCall(*vocabulary, random), outputs % 3 == 0);
    const std::string text = text_of(*vocabulary, run.tokens);
    ASSERT_EQ(run.problem, "") << text;
    const HermesOutput out = read_hermes(text);
    ASSERT_TRUE(out.well_formed) << text;
    ASSERT_LE(out.calls.size(), spec.calls_max);
    for (const auto& [name, arguments] : out.calls)
      ASSERT_TRUE(conforms(schema_of(name), arguments)) << name << " " << arguments;
    calls += out.calls.size();
  }
  std::printf("%zu calls in %zu outputs, all valid\n", calls, outputs);
}

/// The text alone decides: free without the trigger; behind it, what a required call would take.
class ByTextAlone {
 public:
  ByTextAlone(StructureSpec spec, const std::shared_ptr<const Vocabulary>& vocabulary) {
    spec.choice = ToolChoice::required;
    spec.calls_max = 1;
    spec.tokens_max = 100'000;
    auto made = Structure::create(std::move(spec), vocabulary);
    call_.emplace(std::move(*made));
    for (const char c : kOpen) EXPECT_TRUE(call_->accept(kControls + static_cast<std::uint8_t>(c)));
  }
  bool may_be(std::string_view text) const {
    const auto open = text.find(kOpen);
    if (open == std::string_view::npos) return true;
    Structure call = call_->fork();
    for (const char c : text.substr(open + kOpen.size()))
      if (!call.accept(kControls + static_cast<std::uint8_t>(c))) return false;
    return true;
  }

 private:
  std::optional<Structure> call_;
};

TEST(TextTrigger, TheMaskIsWhatTheTextAloneDecides) {
  std::mt19937 random(22);
  const auto vocabulary = tag_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format());
  spec.calls_max = 1;
  spec.format.text_after = false;
  const ByTextAlone oracle(spec, vocabulary);
  std::size_t inside = 0, refused = 0;
  for (int i = 0; i < 60; ++i) {
    auto structure = Structure::create(spec, vocabulary);
    ASSERT_TRUE(structure);
    std::string text;
    EagerToCall choose(*vocabulary, random);
    while (text.find(kOpen) == std::string::npos && text.size() < 60) {
      const auto bits = mask_of(*structure, *vocabulary);
      std::vector<TokenId> may;
      for (TokenId id = kControls; id < static_cast<TokenId>(vocabulary->size()); ++id) {
        const std::string longer = text + std::string(vocabulary->bytes(id));
        ASSERT_EQ(allowed(bits, id), oracle.may_be(longer))
            << text << " | " << vocabulary->bytes(id);
        if (allowed(bits, id)) may.push_back(id);
        else ++refused;
      }
      ASSERT_TRUE(allowed(bits, kEos));
      const TokenId id = choose(may);
      ASSERT_TRUE(structure->accept(id));
      text += vocabulary->bytes(id);
    }
    inside += text.find(kOpen) != std::string::npos;
  }
  EXPECT_GT(inside, 20u);
  EXPECT_GT(refused, 100u);
}

TEST(TextTrigger, TheMaskIsWhatAcceptTakes) {
  std::mt19937 random(23);
  const auto vocabulary = tag_vocabulary();
  std::size_t beyond_a_call = 0;
  for (int i = 0; i < 40; ++i) {
    const auto choice = i % 2 ? ToolChoice::required : ToolChoice::automatic;
    StructureSpec spec = spec_for(vocabulary, false, choice, false, hermes_format());
    spec.format.text_after = i % 4 < 2;
    spec.tokens_max = least_of(spec, vocabulary) + 100 + random() % 60;
    auto structure = Structure::create(spec, vocabulary);
    ASSERT_TRUE(structure);
    const auto compare = [&](Structure& at) {
      const auto bits = mask_of(at, *vocabulary);
      for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
        ASSERT_EQ(at.validate(std::span(&id, 1)), allowed(bits, id) ? 1u : 0u)
            << vocabulary->bytes(id);
      }
      beyond_a_call += at.phase() == Phase::calls &&
                       allowed(bits, token_of(*vocabulary, "</tool_call>\n<tool_call>\n"));
    };
    const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                           EagerToCall(*vocabulary, random), i % 3 == 0, compare);
    if (HasFatalFailure()) return;
    ASSERT_EQ(run.problem, "");
  }
  EXPECT_GT(beyond_a_call, 5u);
}

TEST(TextTrigger, BindsWithItsLastByteHoweverItWasWritten) {
  const auto vocabulary = tag_vocabulary();
  const StructureSpec spec =
      spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format());
  for (const std::vector<std::string>& written :
       std::vector<std::vector<std::string>>{{"<tool_call>"},
                                             {"the ", "<<", "tool_call>"},
                                             {"<<tool_call>"},
                                             {"<tool", "<tool", "_call>"},
                                             {"<", "<tool", "_", "c", "a", "l", "l", ">"},
                                             {"<to", "ol_call>"}}) {
    auto structure = Structure::create(spec, vocabulary);
    std::string all;
    for (const std::string& token : written) {
      EXPECT_EQ(structure->phase(), Phase::text) << all;
      EXPECT_TRUE(allowed(mask_of(*structure, *vocabulary), kEos)) << all;
      all += token;
      if (token == "<to") {
        for (const char c : token) ASSERT_TRUE(structure->accept(kControls + c));
      } else {
        ASSERT_TRUE(structure->accept(token_of(*vocabulary, token))) << all;
      }
    }
    EXPECT_EQ(structure->phase(), Phase::calls) << all;
    EXPECT_EQ(text_of(*vocabulary, structure->forced()), "\n{\"") << all;
  }
}

TEST(TextTrigger, ATokenThatCompletesItGoesOnInsideTheFormat) {
  const auto vocabulary = tag_vocabulary();
  auto structure = Structure::create(
      spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format()), vocabulary);
  const auto may = [&](std::string_view token) {
    return allowed(mask_of(*structure, *vocabulary), token_of(*vocabulary, token));
  };
  EXPECT_TRUE(may("_call>\n{\"na"));
  EXPECT_TRUE(may("l>x"));
  EXPECT_TRUE(may("tool_call><tool_call>"));
  ASSERT_TRUE(structure->accept(kControls + '<'));
  EXPECT_FALSE(may("tool_call><tool_call>"));  // begins a call with what is none
  for (const char c : std::string("tool")) ASSERT_TRUE(structure->accept(kControls + c));
  EXPECT_TRUE(may("_call>\n{\"na"));
  EXPECT_TRUE(may("l>x"));
  for (const char c : std::string("_cal")) ASSERT_TRUE(structure->accept(kControls + c));
  EXPECT_FALSE(may("l>x"));
  EXPECT_TRUE(may(">>"));  // "<tool_cal>>" opens nothing
  ASSERT_TRUE(structure->accept(kControls + 'l'));
  EXPECT_FALSE(may(">>"));
  EXPECT_TRUE(may(">\n"));
}

TEST(TextTrigger, StaysTextOrStopsShortWhereNoCallCanFollow) {
  const auto vocabulary = byte_vocabulary();
  const auto write = [&](Structure& structure, std::string_view text) {
    for (const char c : text)
      if (!structure.accept(kControls + static_cast<std::uint8_t>(c))) return false;
    return true;
  };
  // Without calls, or once they are used up, text must not read as one.
  for (const ToolChoice choice : {ToolChoice::none, ToolChoice::automatic}) {
    StructureSpec spec = spec_for(vocabulary, false, choice, false, hermes_format());
    spec.calls_max = 0;
    auto structure = Structure::create(spec, vocabulary);
    EXPECT_TRUE(write(*structure, "see <tool_call"));
    EXPECT_FALSE(structure->accept(kControls + '>'));
    EXPECT_TRUE(write(*structure, " and <tool call>"));
    EXPECT_TRUE(structure->accept(kEos));
  }
  // A budget too small for a call lets the text end, not begin one.
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format());
  spec.tokens_max = 30;
  auto structure = Structure::create(spec, vocabulary);
  EXPECT_TRUE(write(*structure, "<tool_call"));
  EXPECT_FALSE(structure->accept(kControls + '>'));
  EXPECT_TRUE(structure->accept(kEos));
  // In the thinking it is text.
  StructureSpec thinks = spec_for(vocabulary, true, ToolChoice::automatic, false, hermes_format());
  thinks.thinking->opened_by_prompt = true;
  auto thinking = Structure::create(thinks, vocabulary);
  EXPECT_TRUE(write(*thinking, "<tool_call>{]"));
  EXPECT_EQ(thinking->phase(), Phase::thinking);
}

TEST(TextTrigger, AControlTokenBreaksItOff) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format());
  spec.free_controls = {kOther};
  auto structure = Structure::create(spec, vocabulary);
  for (const char c : std::string("<tool_call"))
    ASSERT_TRUE(structure->accept(kControls + static_cast<std::uint8_t>(c)));
  ASSERT_TRUE(structure->accept(kOther));
  ASSERT_TRUE(structure->accept(kControls + '>'));
  EXPECT_EQ(structure->phase(), Phase::text);
}

TEST(TextTrigger, FreeTextGoesOnBehindBlocksThatControlTokensOpen) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false);
  spec.format.text_after = true;
  spec.calls_max = 2;
  auto structure = Structure::create(spec, vocabulary);
  const auto write = [&](std::string_view text) {
    for (const char c : text)
      if (!structure->accept(kControls + static_cast<std::uint8_t>(c))) return false;
    return true;
  };
  for (int call = 0; call < 2; ++call) {
    ASSERT_TRUE(write(call == 0 ? "" : " so "));
    ASSERT_TRUE(structure->accept(kCalls));
    EXPECT_EQ(structure->phase(), Phase::calls);
    structure->forced();
    ASSERT_TRUE(write("search\n```json\n{\"query\":\"x\"}\n```"));
    ASSERT_TRUE(structure->accept(kEndCall));
    ASSERT_TRUE(structure->accept(kEndCalls));
    EXPECT_EQ(structure->phase(), Phase::text);
  }
  ASSERT_TRUE(write("done"));
  EXPECT_FALSE(structure->accept(kCalls));  // calls_max, over all blocks
  ASSERT_TRUE(structure->accept(kEos));
  EXPECT_TRUE(structure->finished());
}

TEST(TextTrigger, CallsNeedNoSeparatorAndNoClose) {
  const auto vocabulary = byte_vocabulary();
  CallFormat format;  // text<f>add{...}add{...}
  format.open = {std::string("<f>")};
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false, format);
  auto structure = Structure::create(spec, vocabulary);
  const std::string call = "add{\"x\":1,\"y\":2}";
  for (const char c : "hi <<f>" + call + call + call)
    ASSERT_TRUE(structure->accept(kControls + static_cast<std::uint8_t>(c))) << c;
  EXPECT_EQ(structure->forced(), std::vector<TokenId>{kEos});  // calls_max
}

}  // namespace
}  // namespace praxis::grammar::test
