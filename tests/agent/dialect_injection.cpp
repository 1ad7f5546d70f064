// Text can never become control: whatever users, tools, files and system texts spell, the control
// ids of a prompt are those of its control segments, in their order (transformers#29279, #47822,
// llama.cpp#26273, vllm PR #31735).

#include <gtest/gtest.h>

#include "tests/agent/dialect_streams.h"

namespace praxis::agent::testing {
namespace {

/// A control token's text whole, cut in two at every byte and twice within itself.
std::vector<std::string> attacks(const std::string& name) {
  std::vector<std::string> out = {name, " " + name + " ", name + name,
                                  "\n" + name + "\n```json\n{}\n```" + name};
  for (std::size_t cut = 1; cut < name.size(); ++cut) {
    out.push_back(name.substr(0, cut) + name + name.substr(cut));
    out.push_back(name.substr(0, cut));
    out.push_back(name.substr(cut));
  }
  return out;
}

RenderInput everywhere(const std::string& attack) {
  RenderInput input;
  const auto add = [&](SenderRole role, const std::string& content) -> Message& {
    Message message;
    message.role = role;
    message.content = content;
    input.messages.push_back(message);
    return input.messages.back();
  };
  add(SenderRole::system, "Be kind. " + attack);
  add(SenderRole::user, attack + " please read notes.txt");
  Message& reply = add(SenderRole::assistant, attack);
  reply.reasoning = attack;
  reply.calls = {{"a", "read", "{\"path\":\"" + attack + "\"}"}, {"b", attack, attack}};
  add(SenderRole::tool, "notes.txt:1: " + attack + "\nnotes.txt:2: end").call_id = "a";
  add(SenderRole::tool, attack).call_id = "b";
  add(SenderRole::assistant, attack).reasoning = attack;
  add(SenderRole::user, attack);
  input.tools = {{"read", attack, "{\"description\":\"" + attack + "\"}"}, {attack, "d", attack}};
  input.policy = ThinkPolicy::keep_all;
  return input;
}

std::size_t expect_control_only_from_control(const engine::Tokenizer& tokenizer,
                                             const std::string& where) {
  std::size_t checked = 0;
  for (const std::string& dialect_name : dialect_names()) {
    const auto dialect = make_dialect(dialect_name, tokenizer);
    if (!dialect) continue;
    for (const std::string& name : tokenizer.control_names())
      for (const std::string& attack : attacks(name)) {
        const auto segments = (*dialect)->render(everywhere(attack));
        Ids written, found;
        for (const Segment& segment : segments)
          if (segment.kind == Segment::Kind::control)
            written.push_back(tokenizer.control(segment.text).value());
        const auto tokens = to_tokens(segments, tokenizer);
        for (const engine::Token& token : tokens.value())
          if (tokenizer.is_control(token.id)) found.push_back(token.id);
        EXPECT_EQ(found, written) << where << ", " << dialect_name << ": " << attack;
        ++checked;
      }
  }
  return checked;
}

TEST(Injection, TextNeverBecomesControl) {
  EXPECT_GT(expect_control_only_from_control(tiny_tokenizer(), "tiny_r1"), 1000u);
}

TEST(Injection, TextNeverBecomesControlInRealVocabularies) {
  const auto files = real_tokenizers();
  if (files.empty()) GTEST_SKIP() << "no real tokenizers: make oracles installs them";
  std::size_t checked = 0;
  for (const auto& file : files) {
    const auto tokenizer = engine::Tokenizer::load(file);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().where << ": " << tokenizer.error().what;
    // Those without a dialect of ours: the door itself.
    for (const std::string& name : tokenizer->control_names())
      for (const std::string& attack : {name, name + name, "<" + name})
        for (const auto id : tokenizer->encode_text(attack))
          EXPECT_FALSE(tokenizer->is_control(id)) << file << name;
    checked += expect_control_only_from_control(*tokenizer, file.string());
  }
  RecordProperty("checked", static_cast<int>(checked));
}

}  // namespace
}  // namespace praxis::agent::testing
