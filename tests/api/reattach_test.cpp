// What a client dropped or rearranged comes back to the model as it was said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/api/decoding.h"
#include "tests/memory/fixture.h"

namespace praxis::agent::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kModel = "this model";

class Reattach : public testing::Test {
 protected:
  Reattach() {
    Said said;
    said.reasoning = "two cities";
    said.content = "I look.";
    said.calls = {{"a", "weather", R"({"city": "Paris"})"}, {"b", "weather", R"({"city":"Rome"})"}};
    StepOutput output;
    output.ids = {7, 8, 9};
    keep("reply-1", said, output);
  }

  void keep(const std::string& id, const Said& said, const StepOutput& output) {
    const auto kept = store_->write([&](memory::Tx& tx) { return tx.keep_reply(reply_row(id, said, output, kModel), call_ids(said)); });
    ASSERT_TRUE(kept) << kept.error().what;
  }

  static Message user(std::string text) { return {SenderRole::user, std::move(text), {}, {}, {}, {}}; }
  static Message result(std::string call) { return {SenderRole::tool, "r" + call, {}, {}, call, {}}; }
  static Message calling(std::vector<ToolCall> calls, std::string content = "") {
    return {SenderRole::assistant, std::move(content), {}, std::move(calls), {}, {}};
  }
  static ToolCall paris() { return {"a", "weather", R"({"city":"Paris"})"}; }
  static ToolCall rome() { return {"b", "weather", R"({ "city" : "Rome" })"}; }

  std::vector<Message> back(std::vector<Message> messages, const char* model = kModel) {
    reattach(*store_, model, messages);
    return messages;
  }

  /// The roles in order: u, a, t.
  static std::string shape(const std::vector<Message>& messages) {
    std::string out;
    for (const Message& message : messages) out += "suat"[static_cast<int>(message.role)];
    return out;
  }

  memory::Folder folder_{memory::Folder::fast};
  std::unique_ptr<memory::Store> store_ = std::move(*memory::Store::open(folder_ / "replies.db"));
};

TEST_F(Reattach, AReplyComesBackOnceHoweverOftenItsCallsAreNamed) {
  std::vector<Message> many = {user("q")};
  for (int i = 0; i < 100; ++i) {
    many.push_back(calling({i % 2 ? paris() : rome()}));
    many.push_back(user("and?"));
  }
  std::size_t attached = 0;
  for (const Message& message : back(std::move(many))) attached += !message.reasoning.empty();
  EXPECT_EQ(attached, 1u);
}

TEST_F(Reattach, ArgumentsOfAnyDepthAreComparedOrToldApart) {
  std::string deep = R"({"city":)";
  for (int i = 0; i < 200'000; ++i) deep += '[';
  for (int i = 0; i < 200'000; ++i) deep += ']';
  deep += '}';
  Said said;
  said.reasoning = "deep";
  said.calls = {{"d", "weather", deep}};
  StepOutput output;
  output.ids = {1};
  keep("reply-2", said, output);
  const auto messages = back({user("q"), calling({{"d", "weather", deep + " "}}), result("d")});
  EXPECT_EQ(messages[1].reasoning, "deep");
  EXPECT_THAT(messages[1].ids, IsEmpty());
}

TEST_F(Reattach, WhatWasDroppedComesBackWithItsTokens) {
  const auto messages = back({user("q"), calling({paris(), rome()}), result("b"), result("a")});
  EXPECT_EQ(shape(messages), "uatt");
  EXPECT_EQ(messages[1].reasoning, "two cities");
  EXPECT_EQ(messages[1].content, "I look.");
  EXPECT_THAT(messages[1].ids, ElementsAre(7, 8, 9));
}

TEST_F(Reattach, AnotherModelsTokensStayAway) {
  const auto messages = back({user("q"), calling({paris(), rome()})}, "another model");
  EXPECT_EQ(messages[1].reasoning, "two cities");
  EXPECT_THAT(messages[1].ids, IsEmpty());
}

TEST_F(Reattach, WhatTheClientChangedStandsWithoutTokens) {
  auto reworded = back({calling({paris(), rome()}, "I look it up.")});
  EXPECT_EQ(reworded[0].content, "I look it up.");
  EXPECT_THAT(reworded[0].ids, IsEmpty());
  ToolCall other = rome();
  other.arguments = R"({"city":"Oslo"})";
  EXPECT_THAT(back({calling({paris(), other})})[0].ids, IsEmpty());
  EXPECT_THAT(back({calling({paris()})})[0].ids, IsEmpty());
  Message thought = calling({paris(), rome()});
  thought.reasoning = "something else";
  EXPECT_THAT(back({thought})[0].reasoning, "something else");
  EXPECT_THAT(back({thought})[0].ids, IsEmpty());
}

TEST_F(Reattach, CallsOfNobodyAreLeftAlone) {
  const auto messages = back({calling({{"x", "weather", "{}"}}), user("q"), calling({{"", "weather", "{}"}})});
  EXPECT_EQ(shape(messages), "aua");
  EXPECT_EQ(messages[0].reasoning + messages[2].reasoning, "");
}

TEST_F(Reattach, CutRepliesHaveNoTokens) {
  Said said;
  said.reasoning = "long";
  said.calls = {{"c", "f", "{"}};
  StepOutput output;
  output.finish = engine::Finish::length;
  output.ids = {1};
  keep("reply-2", said, output);
  const auto messages = back({calling({{"c", "f", "{"}})});
  EXPECT_EQ(messages[0].reasoning, "long");
  EXPECT_THAT(messages[0].ids, IsEmpty());
}

TEST_F(Reattach, ParallelCallsSentOneByOneAreOneMessageAgain) {
  const auto messages = back({user("q"), calling({paris()}, "I look."), result("a"), calling({rome()}), result("b"), user("and?")});
  EXPECT_EQ(shape(messages), "uattu");
  EXPECT_THAT(messages[1].calls, ElementsAre(paris(), rome()));
  EXPECT_THAT(messages[1].ids, ElementsAre(7, 8, 9));
  EXPECT_EQ(messages[2].call_id + messages[3].call_id, "ab");
}

TEST_F(Reattach, CallsOfDifferentStepsStayApart) {
  Said said;
  said.calls = {{"c", "weather", R"({"city":"Oslo"})"}};
  keep("reply-2", said, {});
  const auto two = back({calling({paris(), rome()}), result("a"), result("b"), calling(said.calls), result("c")});
  EXPECT_EQ(shape(two), "attat");
  // A user has spoken in between, or the client says something of its own: not what the model did.
  EXPECT_EQ(shape(back({calling({paris()}), user("wait"), calling({rome()})})), "aua");
  EXPECT_EQ(shape(back({calling({paris()}), result("a"), calling({rome()}, "And now Rome.")})), "ata");
}

}  // namespace
}  // namespace praxis::agent::api
