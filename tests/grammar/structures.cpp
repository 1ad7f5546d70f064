#include "tests/grammar/structures.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace praxis::grammar::test {

std::shared_ptr<const Vocabulary> byte_vocabulary_and(std::vector<std::string> texts) {
  std::vector<std::string> bytes(kControls);
  for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
  bytes.insert(bytes.end(), texts.begin(), texts.end());
  return std::make_shared<const Vocabulary>(std::move(bytes), [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(kControls + static_cast<std::uint8_t>(c));
    return ids;
  });
}

TokenId token_of(const Vocabulary& vocabulary, std::string_view text) {
  for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.bytes(static_cast<TokenId>(id)) == text) return static_cast<TokenId>(id);
  }
  ADD_FAILURE() << "no token is " << text;
  return 0;
}

const char* const kAdd =
    R"({"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},"required":["x","y"],"additionalProperties":false})";
const char* const kSearch =
    R"({"type":"object","properties":{"query":{"type":"string","maxLength":30}},"required":["query"]})";
const char* const kAnswer =
    R"({"type":"object","properties":{"answer":{"type":"number"}},"required":["answer"],"additionalProperties":false})";

CallFormat r1_format() {
  CallFormat format;
  format.open = {kCalls};
  format.before_name = {kCall, std::string("function"), kSep};
  format.before_arguments = {std::string("\n```json\n")};
  format.after_arguments = {std::string("\n```"), kEndCall};
  format.separator = {std::string("\n")};
  format.close = {kEndCalls};
  return format;
}

CallFormat text_format() {
  CallFormat format;
  format.open = {kCalls};
  format.before_name = {std::string("{\"name\":\"")};
  format.before_arguments = {std::string("\",\"arguments\":")};
  format.after_arguments = {std::string("}")};
  format.separator = {std::string(";")};
  format.close = {std::string("\n")};
  return format;
}

CallFormat hermes_format() {
  CallFormat format;
  format.open = {std::string("<tool_call>"), std::string("\n")};
  format.before_name = {std::string("{\"name\": \"")};
  format.before_arguments = {std::string("\", \"arguments\": ")};
  format.after_arguments = {std::string("}\n")};
  format.separator = {std::string("\n")};
  format.close = {std::string("</tool_call>")};
  format.block_per_call = true;
  format.text_after = true;
  return format;
}

StructureSpec spec_for(const std::shared_ptr<const Vocabulary>& vocabulary, bool thinking,
                       ToolChoice choice, bool answer, CallFormat format) {
  StructureSpec spec;
  if (thinking) {
    spec.thinking = ThinkingFormat{};
    spec.thinking->open = kThink;
    spec.thinking->close = kEndThink;
  }
  spec.format = std::move(format);
  spec.tools = {ToolGrammar{"add", must_compile(kAdd, {}, vocabulary)},
                ToolGrammar{"add_all", must_compile(kAdd, {}, vocabulary)},
                ToolGrammar{"search", must_compile(kSearch, {}, vocabulary)}};
  spec.choice = choice;
  spec.calls_max = 3;
  if (answer) spec.answer = must_compile(kAnswer, {}, vocabulary);
  spec.end = kEos;
  return spec;
}

const char* schema_of(std::string_view tool) { return tool == "search" ? kSearch : kAdd; }

Choose some_controls(const Vocabulary& vocabulary, std::mt19937& random) {
  return [&](const std::vector<TokenId>& allowed) {
    std::vector<TokenId> controls;
    std::copy_if(allowed.begin(), allowed.end(), std::back_inserter(controls),
                 [&](TokenId id) { return vocabulary.bytes(id).empty(); });
    const auto& among = !controls.empty() && random() % 6 == 0 ? controls : allowed;
    return among[random() % among.size()];
  };
}

Drawn draw(Structure& structure, const Vocabulary& vocabulary, std::uint32_t tokens_max,
           const Choose& choose, bool use_forced, const std::function<void(Structure&)>& at_each) {
  Drawn run;
  std::vector<std::uint32_t> bits(vocabulary.mask_words());
  while (!structure.finished()) {
    if (at_each) at_each(structure);
    if (use_forced) {
      const auto forced = structure.forced();
      run.tokens.insert(run.tokens.end(), forced.begin(), forced.end());
      if (structure.finished()) break;
    }
    if (structure.tokens_to_finish() > tokens_max - run.tokens.size())
      run.problem = "more to finish than is left";
    std::fill(bits.begin(), bits.end(), ~0u);
    structure.mask(bits);
    const auto tokens = allowed_tokens(vocabulary, bits);
    if (tokens.empty()) {
      run.problem = "dead end";
      break;
    }
    const TokenId id = choose(tokens);
    if (!structure.accept(id)) {
      run.problem = "accept refuses what mask allows";
      break;
    }
    run.tokens.push_back(id);
  }
  run.cut = structure.cut();
  if (run.tokens.size() > tokens_max) run.problem = "over budget";
  return run;
}

std::uint32_t least_of(const StructureSpec& spec,
                       const std::shared_ptr<const Vocabulary>& vocabulary) {
  StructureSpec tiny = spec;
  tiny.tokens_max = 0;
  const auto refused = Structure::create(tiny, vocabulary);
  EXPECT_FALSE(refused);
  if (refused) return 0;
  EXPECT_EQ(refused.error().code, ErrorCode::budget);
  const auto at = refused.error().what.find("raise the limit to ");
  EXPECT_NE(at, std::string::npos) << refused.error().what;
  return static_cast<std::uint32_t>(std::stoul(refused.error().what.substr(at + 19)));
}

std::vector<std::uint32_t> mask_of(const Structure& structure, const Vocabulary& vocabulary) {
  std::vector<std::uint32_t> bits(vocabulary.mask_words());
  structure.mask(bits);
  return bits;
}

}  // namespace praxis::grammar::test
