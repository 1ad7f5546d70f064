#include "agent/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace praxis::agent {

namespace {

using Kind = ParsedDelta::Kind;

/// Journal rows of a run, as they are told.
class Rows {
 public:
  Rows& step(std::uint32_t number, const std::string& type = "step.started") {
    return add(type, R"({"type":")" + type + R"(","step":)" + std::to_string(number) + "}");
  }
  Rows& think(const std::string& text) { return add("reasoning.delta", R"({"text":")" + text + "\"}"); }
  Rows& say(const std::string& text) { return add("text.delta", R"({"text":")" + text + "\"}"); }
  Rows& arguments(const std::string& id, const std::string& text) {
    return add("call.arguments.delta", R"({"name":"add","id":")" + id + R"(","text":")" + text + "\"}");
  }
  Replay of(std::uint32_t step) const { return Replay::of(rows_, step); }

 private:
  Rows& add(const std::string& type, const std::string& payload) {
    memory::JournalEvent row;
    row.seq = static_cast<std::int64_t>(rows_.size()) + 1;
    row.type = type;
    row.payload = payload;
    rows_.push_back(std::move(row));
    return *this;
  }
  std::vector<memory::JournalEvent> rows_;
};

ParsedDelta delta(Kind kind, std::string text, std::uint32_t call = 0) {
  ParsedDelta out;
  out.kind = kind;
  out.text = std::move(text);
  out.call = call;
  return out;
}

}  // namespace

TEST(Replay, PassesOverWhatWasToldHoweverItIsCut) {
  const std::string thoughts = "two and two", said = "is four";
  for (std::size_t told = 0; told <= said.size(); ++told)
    for (std::size_t piece = 1; piece < 5; ++piece) {
      Replay replay = Rows().step(1).think(thoughts).say(said.substr(0, told)).of(1);
      std::string fresh;
      for (std::size_t at = 0; at < thoughts.size(); at += piece) {
        const auto text = replay.fresh(delta(Kind::reasoning, thoughts.substr(at, piece)));
        ASSERT_TRUE(text);
        EXPECT_EQ(*text, "");
      }
      for (std::size_t at = 0; at < said.size(); at += piece) fresh += replay.fresh(delta(Kind::text, said.substr(at, piece))).value();
      EXPECT_EQ(fresh, said.substr(told));
      EXPECT_TRUE(replay.exhausted());
    }
}

TEST(Replay, AnotherCourseHasNoValue) {
  const Rows rows = Rows().step(1).think("two").say("is four");
  EXPECT_FALSE(rows.of(1).fresh(delta(Kind::reasoning, "one")));
  EXPECT_FALSE(rows.of(1).fresh(delta(Kind::text, "is")));       // it had thought before
  EXPECT_FALSE(rows.of(1).fresh(delta(Kind::call_name, "add")));
  Replay longer = rows.of(1);
  EXPECT_EQ(longer.fresh(delta(Kind::reasoning, "two")), "");
  EXPECT_FALSE(longer.fresh(delta(Kind::reasoning, " more")));   // it had gone on to the answer
  Replay shorter = rows.of(1);
  EXPECT_EQ(shorter.fresh(delta(Kind::reasoning, "two")), "");
  EXPECT_FALSE(shorter.exhausted());
}

TEST(Replay, CallsKeepTheIdsUnderWhichTheyWereTold) {
  Replay replay = Rows().step(1).arguments("call_a", "{").of(1);
  EXPECT_EQ(replay.call_id(0), "call_a");
  EXPECT_FALSE(replay.call_id(1));
  EXPECT_EQ(replay.fresh(delta(Kind::call_name, "add")), "");
  EXPECT_EQ(replay.fresh(delta(Kind::call_arguments, "{}")), "}");
  EXPECT_EQ(replay.fresh(delta(Kind::call_end, "")), "");
  EXPECT_EQ(replay.fresh(delta(Kind::call_name, "sub", 1)), "");
  EXPECT_EQ(replay.fresh(delta(Kind::call_arguments, "{}", 1)), "{}");
  EXPECT_TRUE(replay.exhausted());
  EXPECT_FALSE(Rows().step(1).arguments("call_a", "{").of(1).fresh(delta(Kind::call_name, "sub")));
}

TEST(Replay, KnowsOneStepAndWhatWasVoidIsForgotten) {
  const Rows rows = Rows().step(1).say("first").step(2).say("old").step(2, "step.restarted").say("new");
  Replay replay = rows.of(2);
  EXPECT_TRUE(replay.begun());
  EXPECT_EQ(replay.fresh(delta(Kind::text, "new and more")), " and more");
  EXPECT_FALSE(rows.of(3).begun());
  EXPECT_TRUE(rows.of(3).exhausted());
  EXPECT_TRUE(Replay().exhausted());
}

}  // namespace praxis::agent
