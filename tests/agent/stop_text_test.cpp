// Texts that end an answer: found however the answer is cut, and nothing of them is passed on.

#include "agent/model/stop_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace praxis::agent {
namespace {

using Kind = ParsedDelta::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

struct Passed {
  std::string text;
  std::optional<std::string> found;
  bool operator==(const Passed&) const = default;
};
void PrintTo(const Passed& p, std::ostream* out) { *out << p.text << " | " << p.found.value_or("(none)"); }

ParsedDelta text(std::string said, std::vector<TokenLogprob> logprobs = {}) {
  return {Kind::text, std::move(said), 0, std::move(logprobs)};
}

Passed passed(StopText& stop, const std::vector<std::string>& pieces) {
  Passed out;
  const auto take = [&](const std::vector<ParsedDelta>& deltas) {
    for (const auto& delta : deltas) {
      EXPECT_FALSE(delta.text.empty());
      out.text += delta.text;
    }
  };
  for (const auto& piece : pieces) take(stop.push(text(piece)));
  take(stop.finish());
  out.found = stop.found();
  return out;
}

/// The long way: the first end of any stop, and there the longest.
Passed expected(const std::string& whole, const std::vector<std::string>& stops) {
  for (std::size_t end = 0; end <= whole.size(); ++end) {
    std::optional<std::string> found;
    for (const auto& stop : stops)
      if (!stop.empty() && std::string_view(whole).substr(0, end).ends_with(stop) && (!found || stop.size() > found->size()))
        found = stop;
    if (found) return {whole.substr(0, end - found->size()), found};
  }
  return {whole, std::nullopt};
}

std::vector<std::string> characters(const std::string& whole) {
  std::vector<std::string> out;
  for (char c : whole) {
    if ((c & 0xC0) != 0x80) out.emplace_back();
    out.back() += c;
  }
  return out;
}

TEST(StopText, IsFoundAtEverySplit) {
  const std::string whole = "naïve: ab☃aab☃\n\nUser: 𝄞 end";
  const auto all = characters(whole);
  for (const std::vector<std::string>& stops : std::vector<std::vector<std::string>>{
           {"☃a"}, {"ab☃\n"}, {"\n\nUser:"}, {"aab", "b☃"}, {"b☃a", "☃aab"}, {"𝄞 end"}, {"d"}, {"n"}, {"Ende"}, {"☃☃", ""}, {}}) {
    for (std::size_t first = 0; first <= all.size(); ++first) {
      for (std::size_t second = first; second <= all.size(); ++second) {
        std::vector<std::string> pieces(3);
        for (std::size_t i = 0; i < all.size(); ++i) pieces[(i >= first) + (i >= second)] += all[i];
        std::erase(pieces, "");
        StopText stop(stops);
        ASSERT_EQ(passed(stop, pieces), expected(whole, stops)) << first << ", " << second;
      }
    }
    StopText stop(stops);
    ASSERT_EQ(passed(stop, all), expected(whole, stops));
  }
}

TEST(StopText, IsWhatTheLongWayFinds) {
  std::mt19937 random(5);
  const auto word = [&](std::size_t most) {
    std::string out;
    for (std::size_t n = random() % most + 1; n > 0; --n) out += random() % 3 ? "a" : "b";
    return out;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops, pieces;
    for (unsigned n = random() % 4; n > 0; --n) stops.push_back(word(7));
    std::string whole;
    for (unsigned n = random() % 9; n > 0; --n) whole += pieces.emplace_back(word(4));
    StopText stop(stops);
    ASSERT_EQ(passed(stop, pieces), expected(whole, stops)) << whole;
  }
}

TEST(StopText, HoldsBackOnlyWhatMayBeItsBeginning) {
  StopText stop({"END"});
  EXPECT_THAT(stop.push(text("the E")), ElementsAre(text("the ")));
  EXPECT_THAT(stop.push(text("N")), IsEmpty());
  EXPECT_THAT(stop.push(text("EN")), ElementsAre(text("EN")));
  EXPECT_THAT(stop.push(text("d")), ElementsAre(text("ENd")));
  EXPECT_THAT(stop.push(text("E")), IsEmpty());
  EXPECT_THAT(stop.finish(), ElementsAre(text("E")));
  EXPECT_EQ(stop.found(), std::nullopt);
}

TEST(StopText, NothingPassesBehindIt) {
  StopText stop({"."});
  EXPECT_THAT(stop.push(text("yes. no")), ElementsAre(text("yes")));
  EXPECT_THAT(stop.push(text("more")), IsEmpty());
  EXPECT_THAT(stop.push({Kind::call_name, "add"}), IsEmpty());
  EXPECT_THAT(stop.finish(), IsEmpty());
  EXPECT_EQ(stop.found(), ".");
}

TEST(StopText, ReasoningAndCallsPassUntouchedAndPartTheText) {
  StopText stop({"ab"});
  const ParsedDelta thought{Kind::reasoning, "xaby"}, call{Kind::call_arguments, "{\"ab\":1}"};
  EXPECT_THAT(stop.push(thought), ElementsAre(thought));
  EXPECT_THAT(stop.push(text("1a")), ElementsAre(text("1")));
  EXPECT_THAT(stop.push(call), ElementsAre(text("a"), call));
  EXPECT_THAT(stop.push(text("b2")), ElementsAre(text("b2")));
  EXPECT_EQ(stop.found(), std::nullopt);
}

TEST(StopText, LogProbabilitiesGoWithTheFirstByteOfTheirToken) {
  const TokenLogprob he{"he", -1}, ll{"ll", -2}, o{"o w", -3}, orld{"orld", -4};
  StopText stop({"lo!", " wo"});
  EXPECT_THAT(stop.push(text("he", {he})), ElementsAre(text("he", {he})));
  EXPECT_THAT(stop.push(text("ll", {ll})), ElementsAre(text("l", {ll})));
  EXPECT_THAT(stop.push(text("o w", {o})), ElementsAre(text("lo", {o})));
  EXPECT_THAT(stop.push(text("orld", {orld})), IsEmpty());
  EXPECT_EQ(stop.found(), " wo");
}

}  // namespace
}  // namespace praxis::agent
