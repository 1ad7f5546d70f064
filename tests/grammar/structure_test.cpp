// Whole outputs: thinking, text, calls, answers, and every budget from the least on.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "structures.h"

namespace praxis::grammar::test {
namespace {

/// An output taken apart by the test's own reading of the format.
struct Output {
  bool well_formed = false;
  bool thought = false;
  std::string thinking, text;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
};

class Reader {
 public:
  Reader(const Vocabulary& vocabulary, std::vector<TokenId> tokens)
      : vocabulary_(vocabulary), tokens_(std::move(tokens)) {}

  Output read(bool opened_by_prompt) {
    Output out;
    if (opened_by_prompt || eat(kThink)) {
      out.thought = true;
      out.thinking = text();
      if (!eat(kEndThink)) return out;
    }
    out.text = text();
    if (eat(kCalls)) {
      do {
        if (!eat(kCall) || text() != "function" || !eat(kSep)) return out;
        std::string body = text();
        const auto fence = body.find("\n```json\n");
        if (fence == std::string::npos || !eat(kEndCall)) return out;
        const std::string tail = "\n```";
        if (body.size() < tail.size() || body.substr(body.size() - tail.size()) != tail) return out;
        body.resize(body.size() - tail.size());
        out.calls.emplace_back(body.substr(0, fence), body.substr(fence + 9));
      } while (separated());
      if (!eat(kEndCalls)) return out;
    }
    out.well_formed = eat(kEos) && at_ == tokens_.size();
    return out;
  }

 private:
  bool eat(TokenId id) {
    if (at_ >= tokens_.size() || tokens_[at_] != id) return false;
    ++at_;
    return true;
  }
  bool separated() {
    const auto from = at_;
    if (text() == "\n") return true;
    at_ = from;
    return false;
  }
  std::string text() {
    std::string out;
    while (at_ < tokens_.size() && !vocabulary_.bytes(tokens_[at_]).empty())
      out += vocabulary_.bytes(tokens_[at_++]);
    return out;
  }

  const Vocabulary& vocabulary_;
  std::vector<TokenId> tokens_;
  std::size_t at_ = 0;
};

void expect_good(const StructureSpec& spec, const Vocabulary& vocabulary, const Drawn& run) {
  ASSERT_EQ(run.problem, "") << text_of(vocabulary, run.tokens);
  const bool opened = spec.thinking && spec.thinking->opened_by_prompt;
  const Output out = Reader(vocabulary, run.tokens).read(opened);
  ASSERT_TRUE(out.well_formed) << text_of(vocabulary, run.tokens);
  std::string text = out.text;
  if (out.thought) {
    ASSERT_EQ(text.substr(0, 2), "\n\n");
    text.erase(0, 2);
  }
  ASSERT_LE(out.calls.size(), spec.calls_max);
  for (const auto& [name, arguments] : out.calls) {
    ASSERT_TRUE(std::any_of(spec.tools.begin(), spec.tools.end(), [&](const ToolGrammar& t) {
      return t.name == name;
    })) << name;
    ASSERT_TRUE(conforms(schema_of(name), arguments)) << name << " " << arguments;
  }
  if (spec.choice == ToolChoice::required) {
    ASSERT_FALSE(out.calls.empty());
    ASSERT_EQ(text, "");
  }
  ASSERT_TRUE(spec.choice != ToolChoice::none || out.calls.empty());
  ASSERT_TRUE(!spec.answer || (out.calls.empty() ? conforms(kAnswer, text) : text.empty())) << text;
  ASSERT_TRUE(!run.cut || (out.calls.empty() && !spec.answer));
}

TEST(Structure, EveryChoiceAndEveryBudgetEndsValid) {
  std::mt19937 random(11);
  int outputs = 0, called = 0, cut = 0;
  for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
    for (const bool thinking : {false, true}) {
      for (const bool answer : {false, true}) {
        for (const auto choice : {ToolChoice::none, ToolChoice::automatic, ToolChoice::required}) {
          StructureSpec spec = spec_for(vocabulary, thinking, choice, answer);
          const std::uint32_t least = least_of(spec, vocabulary);
          for (std::uint32_t more = 0; more <= 200; more += 1 + more / 40) {
            spec.tokens_max = least + more;
            if (spec.thinking) {
              spec.thinking->tokens_max = more % 3 == 0 ? 10 : 0;
              spec.thinking->opened_by_prompt = more % 5 == 1;
              spec.thinking->force_open = more % 7 != 2;
            }
            auto structure = Structure::create(spec, vocabulary);
            ASSERT_TRUE(structure) << structure.error().what;
            const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                                   some_controls(*vocabulary, random), more % 2 == 0);
            expect_good(spec, *vocabulary, run);
            if (HasFatalFailure()) return;
            ++outputs;
            called += std::count(run.tokens.begin(), run.tokens.end(), kCalls) > 0;
            cut += run.cut;
          }
        }
      }
    }
  }
  EXPECT_GT(outputs, 1'500);
  EXPECT_GT(called, 500);
  EXPECT_GT(cut, 20);
}

TEST(Structure, MaskIsWhatAcceptTakes) {
  std::mt19937 random(12);
  const auto vocabulary = bpe_vocabulary();
  for (const auto& format : {r1_format(), text_format()}) {
    for (const std::uint32_t budget : {90u, 140u, 1'000u}) {
      for (int i = 0; i < 6; ++i) {
        StructureSpec spec =
            spec_for(vocabulary, true, i % 2 ? ToolChoice::required : ToolChoice::automatic,
                     i % 3 == 0, format);
        spec.tokens_max = budget;
        spec.thinking->tokens_max = 5;
        auto structure = Structure::create(spec, vocabulary);
        ASSERT_TRUE(structure);
        for (int step = 0; step < 40 && !structure->finished(); ++step) {
          const auto bits = mask_of(*structure, *vocabulary);
          const auto may = allowed_tokens(*vocabulary, bits);
          ASSERT_FALSE(may.empty());
          Structure probe = structure->fork();
          int refused = 0;
          for (TokenId id = 0; id < static_cast<TokenId>(vocabulary->size()); ++id) {
            if (allowed(bits, id)) continue;
            ASSERT_FALSE(probe.accept(id)) << id << " " << vocabulary->bytes(id);
            ++refused;
          }
          ASSERT_GT(refused, 0);
          for (const TokenId id : may) ASSERT_EQ(probe.validate(std::span(&id, 1)), 1u);
          ASSERT_TRUE(structure->accept(may[random() % may.size()]));
        }
      }
    }
  }
}

TEST(Structure, ThinkingMasksEveryControlButItsClose) {
  const auto vocabulary = bpe_vocabulary();
  StructureSpec spec = spec_for(vocabulary, true, ToolChoice::automatic, false);
  spec.free_controls = {kOther};
  auto structure = Structure::create(spec, vocabulary);
  EXPECT_EQ(structure->phase(), Phase::thinking);
  auto forced = structure->forced();
  ASSERT_EQ(forced.size(), 2u);
  EXPECT_EQ(forced[0], kThink);
  EXPECT_EQ(vocabulary->bytes(forced[1]), "\n");
  std::vector<std::uint32_t> bits(vocabulary->mask_words());
  const auto controls = [&] {
    structure->mask(bits);
    std::vector<TokenId> ids;
    for (TokenId id = 0; id < kControls; ++id) {
      if (allowed(bits, id)) ids.push_back(id);
    }
    return ids;
  };
  EXPECT_EQ(controls(), std::vector<TokenId>{kEndThink});
  for (const TokenId id : vocabulary->encode("<call> {\"name\""))
    ASSERT_TRUE(structure->accept(id));  // text that spells a marker is text
  EXPECT_EQ(controls(), std::vector<TokenId>{kEndThink});
  ASSERT_TRUE(structure->accept(kEndThink));
  EXPECT_EQ(structure->phase(), Phase::text);
  EXPECT_EQ(text_of(*vocabulary, structure->forced()), "\n\n");
  EXPECT_EQ(controls(), (std::vector<TokenId>{kCalls, kEos, kOther}));
  for (const TokenId id : vocabulary->encode("the ")) ASSERT_TRUE(structure->accept(id));
  EXPECT_EQ(controls(), (std::vector<TokenId>{kCalls, kEos, kOther}));
  ASSERT_TRUE(structure->accept(kCalls));
  EXPECT_EQ(structure->phase(), Phase::calls);
}

TEST(Structure, SpentThinkingIsClosedAsOneBatch) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, true, ToolChoice::none, false);
  spec.thinking->tokens_max = 4;
  auto structure = Structure::create(spec, vocabulary);
  structure->forced();
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(structure->forced().empty());
    ASSERT_TRUE(structure->accept(kControls + 'a'));
  }
  EXPECT_EQ(structure->forced(), (std::vector<TokenId>{kControls + '\n', kEndThink,
                                                       kControls + '\n', kControls + '\n'}));
  EXPECT_EQ(structure->phase(), Phase::text);
}

TEST(Structure, ALoopIsClosedAsABudgetWould) {
  const auto vocabulary = byte_vocabulary();
  for (const bool early : {false, true}) {
    StructureSpec spec = spec_for(vocabulary, true, ToolChoice::required, false);
    spec.tools.resize(1);
    auto structure = Structure::create(spec, vocabulary);
    if (early) structure->close_thinking();  // before the thinking has begun: as soon as it has
    const auto forced = structure->forced();
    std::vector<TokenId> all = forced;
    if (!early) {
      ASSERT_TRUE(structure->accept(kControls + 'a'));
      structure->close_thinking();
      all = structure->forced();
    }
    const auto close = std::find(all.begin(), all.end(), static_cast<TokenId>(kEndThink));
    ASSERT_NE(close, all.end());
    // One tool, so everything up to its arguments is certain.
    EXPECT_EQ(
        text_of(*vocabulary, std::span(all).subspan(static_cast<std::size_t>(close - all.begin()))),
        "\n\nfunctionadd\n```json\n{\"x\":");
    EXPECT_EQ(structure->phase(), Phase::calls);
  }
}

TEST(Structure, ThinkingLeavesRoomForWhatMustFollow) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, true, ToolChoice::required, false);
  spec.tokens_max = least_of(spec, vocabulary) + 20;
  auto structure = Structure::create(spec, vocabulary);
  structure->forced();
  int thought = 0;
  while (structure->phase() == Phase::thinking && structure->forced().empty()) {
    ASSERT_TRUE(structure->accept(kControls + 'a'));
    ++thought;
  }
  EXPECT_EQ(thought, 20);
  EXPECT_EQ(structure->phase(), Phase::calls);
}

TEST(Structure, FreeTextIsCutByTheEndToken) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::automatic, false);
  spec.tokens_max = 5;
  auto structure = Structure::create(spec, vocabulary);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(structure->forced().empty());
    ASSERT_TRUE(structure->accept(kControls + 'a'));
  }
  std::vector<std::uint32_t> bits(vocabulary->mask_words());
  structure->mask(bits);
  EXPECT_EQ(allowed_tokens(*vocabulary, bits), std::vector<TokenId>{kEos});
  EXPECT_EQ(structure->forced(), std::vector<TokenId>{kEos});
  EXPECT_TRUE(structure->finished());
  EXPECT_TRUE(structure->cut());
  structure->mask(bits);
  EXPECT_TRUE(allowed_tokens(*vocabulary, bits).empty());

  auto whole = Structure::create(spec, vocabulary);
  ASSERT_TRUE(whole->accept(kControls + 'a'));
  ASSERT_TRUE(whole->accept(kEos));
  EXPECT_TRUE(whole->finished());
  EXPECT_FALSE(whole->cut());
}

TEST(Structure, NamesMayBeginAlike) {
  const auto vocabulary = bpe_vocabulary();
  for (const auto& format : {r1_format(), text_format()}) {
    for (const std::string name : {"add", "add_all", "search"}) {
      StructureSpec spec = spec_for(vocabulary, false, ToolChoice::required, false, format);
      auto structure = Structure::create(spec, vocabulary);
      structure->forced();
      const std::string text =
          name + (format.close.size() == 1 && std::holds_alternative<TokenId>(format.close[0])
                      ? "\n```json\n"
                      : "\",\"arguments\":");
      for (const TokenId id : vocabulary->encode(text + "{")) {
        // forced() may have been offered more than the test's own tokens take; they agree on the
        // text.
        ASSERT_TRUE(structure->accept(id)) << name << " " << vocabulary->bytes(id);
      }
    }
    auto structure = Structure::create(
        spec_for(vocabulary, false, ToolChoice::required, false, format), vocabulary);
    structure->forced();
    for (const char* wrong : {"ad\n", "addx", "b", "search_"}) {
      auto fresh = Structure::create(
          spec_for(vocabulary, false, ToolChoice::required, false, format), vocabulary);
      fresh->forced();
      bool taken = true;
      for (const char c : std::string(wrong))
        taken = taken && fresh->accept(kControls + static_cast<std::uint8_t>(c));
      EXPECT_FALSE(taken) << wrong;
    }
  }
}

TEST(Structure, TokensMayStraddleArgumentsAndFormat) {
  // One token for the last brace and the fence: the same text, so it is allowed.
  const auto vocabulary = byte_vocabulary_and(
      {"}\n", "\n{\"", "2}\n```", "}\n`x", "add\n", "}\n```\n", ":1,\"y\":2}\n```"});
  const auto id_of = [&](const std::string& text) { return token_of(*vocabulary, text); };
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::required, false);
  auto structure = Structure::create(spec, vocabulary);
  structure->forced();
  std::vector<std::uint32_t> bits(vocabulary->mask_words());
  const auto give = [&](const std::string& text) {
    for (const char c : text)
      ASSERT_TRUE(structure->accept(kControls + static_cast<std::uint8_t>(c))) << text;
  };
  structure->mask(bits);
  EXPECT_TRUE(allowed(bits, id_of("add\n")));
  give("add");
  structure->mask(bits);
  EXPECT_FALSE(allowed(bits, id_of("\n{\"")));
  give("\n```json");
  structure->mask(bits);
  EXPECT_TRUE(allowed(bits, id_of("\n{\"")));
  ASSERT_TRUE(structure->accept(id_of("\n{\"")));
  give("x\"");
  structure->mask(bits);
  EXPECT_TRUE(allowed(bits, id_of(":1,\"y\":2}\n```")));
  give(":1,\"y\":2");
  structure->mask(bits);
  EXPECT_TRUE(allowed(bits, id_of("}\n")));
  EXPECT_TRUE(allowed(bits, id_of("2}\n```")));
  EXPECT_FALSE(allowed(bits, id_of("}\n`x")));
  EXPECT_FALSE(allowed(bits, id_of("}\n```\n")));  // a control token must come first
  ASSERT_TRUE(structure->accept(id_of("}\n")));
  EXPECT_EQ(structure->forced(),
            (std::vector<TokenId>{kControls + '`', kControls + '`', kControls + '`', kEndCall}));
}

TEST(Structure, CallsEndAtTheirNumber) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::required, false);
  spec.tools = {ToolGrammar{"f", must_compile(R"({"const":{}})", {}, vocabulary)}};
  spec.calls_max = 2;
  auto structure = Structure::create(spec, vocabulary);
  const std::string call = "functionf\n```json\n{}\n```";
  EXPECT_EQ(text_of(*vocabulary, structure->forced()), call);
  ASSERT_TRUE(structure->accept(kControls + '\n'));
  const auto rest = structure->forced();  // the second call, the close and the end
  EXPECT_EQ(text_of(*vocabulary, rest), call);
  EXPECT_EQ(rest.back(), kEos);
  EXPECT_EQ(rest[rest.size() - 2], kEndCalls);
  EXPECT_TRUE(structure->finished());
}

TEST(Structure, ForcedTokensAreThoseOfTheWholeText) {
  const auto vocabulary = bpe_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::required, false);
  spec.tools.resize(1);
  auto structure = Structure::create(spec, vocabulary);
  std::vector<TokenId> forced = structure->forced();
  ASSERT_GE(forced.size(), 4u);
  EXPECT_EQ(forced[0], kCalls);
  EXPECT_EQ(forced[1], kCall);
  const auto sep = std::find(forced.begin(), forced.end(), static_cast<TokenId>(kSep));
  ASSERT_NE(sep, forced.end());
  const auto whole = vocabulary->encode("add\n```json\n{\"x\":7,\"y\":1}\n```");
  const std::vector<TokenId> head(sep + 1, forced.end());
  ASSERT_LE(head.size(), whole.size());
  EXPECT_TRUE(std::equal(head.begin(), head.end(), whole.begin()));
}

TEST(Structure, AnAnswerIsAllThereIs) {
  const auto vocabulary = byte_vocabulary();
  StructureSpec spec = spec_for(vocabulary, false, ToolChoice::none, true);
  auto structure = Structure::create(spec, vocabulary);
  EXPECT_EQ(structure->phase(), Phase::answer);
  EXPECT_EQ(text_of(*vocabulary, structure->forced()), "{\"answer\":");
  ASSERT_TRUE(structure->accept(kControls + '4'));
  EXPECT_FALSE(structure->accept(kEos));
  ASSERT_TRUE(structure->accept(kControls + '}'));
  EXPECT_EQ(structure->forced(), std::vector<TokenId>{kEos});
  EXPECT_TRUE(structure->finished());
  EXPECT_FALSE(structure->cut());
}

TEST(Structure, ABudgetTooSmallNamesTheLeast) {
  const auto vocabulary = byte_vocabulary();
  for (const auto choice : {ToolChoice::none, ToolChoice::automatic, ToolChoice::required}) {
    StructureSpec spec = spec_for(vocabulary, true, choice, choice == ToolChoice::none);
    const std::uint32_t least = least_of(spec, vocabulary);
    spec.tokens_max = least - 1;
    EXPECT_FALSE(Structure::create(spec, vocabulary));
    spec.tokens_max = least;
    auto structure = Structure::create(spec, vocabulary);
    ASSERT_TRUE(structure);
    EXPECT_EQ(structure->tokens_to_finish(), least);
  }
}

TEST(Structure, TextAroundCallsNeedsNoControls) {
  // llama-like: separators and ends are text; a token may end a call and begin the next.
  std::mt19937 random(13);
  const auto vocabulary = bpe_vocabulary();
  for (int i = 0; i < 120; ++i) {
    StructureSpec spec = spec_for(vocabulary, false, ToolChoice::required, false, text_format());
    spec.tokens_max = least_of(spec, vocabulary) + static_cast<std::uint32_t>(i);
    auto structure = Structure::create(spec, vocabulary);
    const Drawn run =
        draw(*structure, *vocabulary, spec.tokens_max, some_controls(*vocabulary, random), i % 2);
    ASSERT_EQ(run.problem, "");
    ASSERT_EQ(run.tokens.back(), kEos);
    std::string text = text_of(*vocabulary, run.tokens);
    ASSERT_EQ(text.back(), '\n');
    text.pop_back();
    // Calls are JSON objects joined by ';'; split where both sides parse.
    int calls = 0;
    for (std::size_t from = 0; from < text.size(); ++calls) {
      Value call;
      std::size_t end = from;
      do {
        end = std::min(text.find(';', end + 1), text.size());
      } while (end < text.size() && !parse(text.substr(from, end - from), call));
      ASSERT_TRUE(parse(text.substr(from, end - from), call)) << text;
      const std::string name = call.find("name")->text;
      Value schema;
      ASSERT_TRUE(parse(schema_of(name), schema));
      ASSERT_TRUE(conforms(schema, *call.find("arguments"), schema)) << text;
      from = end + 1;
    }
    ASSERT_LE(calls, 3);
  }
}

TEST(Structure, SpecsThatCannotWorkAreRefused) {
  const auto vocabulary = byte_vocabulary();
  const auto refused = [&](const char* where, const std::function<void(StructureSpec&)>& change) {
    StructureSpec spec = spec_for(vocabulary, true, ToolChoice::automatic, false);
    change(spec);
    const auto structure = Structure::create(spec, vocabulary);
    ASSERT_FALSE(structure) << where;
    EXPECT_EQ(structure.error().code, ErrorCode::bad_schema);
    EXPECT_EQ(structure.error().where, where) << structure.error().what;
  };
  refused("end", [](StructureSpec& s) { s.end = 99'999; });
  refused("end", [](StructureSpec& s) { s.end = kControls + 'a'; });
  refused("thinking.close", [](StructureSpec& s) { s.thinking->close = -1; });
  refused("format.open", [](StructureSpec& s) { s.format.open.clear(); });
  refused("format.open", [](StructureSpec& s) { s.format.open = {std::string()}; });
  refused("format.open", [](StructureSpec& s) { s.format.open = {std::string(300, '<')}; });
  refused("format.close", [](StructureSpec& s) { s.format.close = {TokenId{99'999}}; });
  refused("tools.add", [](StructureSpec& s) { s.tools[1].name = "add"; });
  refused("tools", [](StructureSpec& s) { s.tools[0].name = ""; });
  refused("tools.add", [](StructureSpec& s) { s.tools[0].arguments = nullptr; });
  refused("tools.add", [](StructureSpec& s) {
    s.tools[0].arguments = must_compile("{}", {}, bpe_vocabulary());
  });
  refused("answer", [](StructureSpec& s) { s.answer = must_compile("{}", {}, bpe_vocabulary()); });
  refused("choice", [](StructureSpec& s) {
    s.choice = ToolChoice::required;
    s.tools.clear();
  });
  refused("free_controls", [](StructureSpec& s) { s.free_controls = {kControls + 'x'}; });
}

}  // namespace
}  // namespace praxis::grammar::test
