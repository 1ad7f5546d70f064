// Our own collection of schemas with verdicts, tests/corpus/grammar/*.json: what the mask lets
// through byte by byte, what validate() says and what the corpus says are one.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "grammar/json.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

namespace fs = std::filesystem;

struct Instance {
  std::string text;  // canonical, but for those that are no JSON
  bool valid = false;
};

struct Group {
  std::string description, schema;
  bool judgeable = true;  // by a validator that reads numbers as doubles
  std::vector<Instance> instances;
};

/// Read by the room's own reader: it keeps numbers as written.
std::vector<Group> groups_of(const std::string& name) {
  std::ifstream in(PRAXIS_SOURCE_DIR "/tests/corpus/grammar/" + name + ".json");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  Fuel fuel(10'000'000);
  const auto document = read_json(text, 64, fuel);
  EXPECT_TRUE(document) << name << ": " << document.error().what;
  std::vector<Group> groups;
  if (!document) return groups;
  const JsonDocument& json = *document;
  for (JsonId at = json[0].child; at != kNoJson; at = json[at].next) {
    Group group;
    group.description = json[json.member(at, "description")].text;
    group.schema = spell(json, json.member(at, "schema"));
    group.judgeable = json.member(at, "beyond_judge") == kNoJson;
    for (JsonId test = json[json.member(at, "tests")].child; test != kNoJson;
         test = json[test].next) {
      const JsonId data = json.member(test, "data");
      group.instances.push_back(
          Instance{data == kNoJson ? json[json.member(test, "text")].text : spell(json, data),
                   json[json.member(test, "valid")].truth});
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// Null, and a failure, if the schema is refused.
std::shared_ptr<const Grammar> compiled(const std::string& schema) {
  CompileOptions options;
  options.order = KeyOrder::any;
  const auto grammar = compile(schema, bpe_vocabulary(), options);
  EXPECT_TRUE(grammar) << grammar.error().where << ": " << grammar.error().what;
  return grammar ? *grammar : nullptr;
}

/// Drives a matcher over texts and asks at every place, once, whether the mask and accept() agree
/// on every token, and whether the budget that tokens_to_finish() asks for is enough.
class Driver {
 public:
  explicit Driver(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {}

  bool admits(const std::string& text) {
    Matcher matcher(grammar_);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (asked_.insert(text.substr(0, i)).second) compare(matcher, text.substr(0, i));
      if (i < text.size() && !matcher.accept_bytes(text.substr(i, 1))) return false;
    }
    return matcher.complete();
  }

 private:
  void compare(Matcher& matcher, const std::string& read) {
    const Vocabulary& vocabulary = *bpe_vocabulary();
    const auto bits = mask_of(matcher, vocabulary);
    for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id) {
      const bool accepted = matcher.accept(id);
      if (accepted) matcher.rollback(1);
      EXPECT_EQ(accepted, allowed(bits, id)) << vocabulary.bytes(id) << " after " << read;
    }
    const std::uint32_t needed = matcher.tokens_to_finish();
    EXPECT_EQ(needed == 0, matcher.complete()) << read;
    if (needed > 0) {
      EXPECT_FALSE(allowed_tokens(vocabulary, mask_of(matcher, vocabulary, needed - 1)).empty())
          << needed << " bytes are not enough after " << read;
    }
  }

  std::shared_ptr<const Grammar> grammar_;
  std::set<std::string> asked_;
};

class Corpus : public testing::TestWithParam<const char*> {};

TEST_P(Corpus, MaskAndValidateSayWhatTheCorpusSays) {
  const auto groups = groups_of(GetParam());
  EXPECT_FALSE(groups.empty());
  for (const Group& group : groups) {
    SCOPED_TRACE(group.description + ": " + group.schema);
    const auto grammar = compiled(group.schema);
    if (!grammar) continue;
    Driver driver(grammar);
    for (const Instance& instance : group.instances) {
      EXPECT_EQ(driver.admits(instance.text), instance.valid) << instance.text;
      const auto verdict = validate(*grammar, instance.text);
      EXPECT_TRUE(verdict && *verdict == instance.valid) << instance.text;
    }
  }
}

constexpr int kWalks = 12;
constexpr std::uint32_t kTokensBeyondShortest = 40;

std::vector<std::string> walks_of(const std::shared_ptr<const Grammar>& grammar,
                                  std::mt19937& random) {
  const Vocabulary& vocabulary = *bpe_vocabulary();
  std::vector<std::string> texts;
  for (int i = 0; i < kWalks; ++i) {
    const std::uint32_t tokens_max =
        Matcher(grammar).tokens_to_finish() + random() % kTokensBeyondShortest;
    const Walk walk = random_walk(grammar, vocabulary, tokens_max, random);
    EXPECT_FALSE(walk.dead) << "nothing may follow " << walk.text;
    texts.push_back(walk.text);
  }
  return texts;
}

TEST_P(Corpus, WhatTheMaskLetsThroughIsValid) {
  std::mt19937 random(41);
  for (const Group& group : groups_of(GetParam())) {
    SCOPED_TRACE(group.description + ": " + group.schema);
    const auto grammar = compiled(group.schema);
    if (!grammar) continue;
    for (const std::string& text : walks_of(grammar, random)) {
      const auto verdict = validate(*grammar, text);
      EXPECT_TRUE(verdict && *verdict) << text;
    }
  }
}

constexpr const char* kFiles[] = {"arrays",   "combined", "duplicate_keys", "keys",
                                  "numbers",  "objects",  "older_drafts",   "references",
                                  "required", "strings",  "unevaluated",    "unique_items",
                                  "values"};

INSTANTIATE_TEST_SUITE_P(Files, Corpus, testing::ValuesIn(kFiles),
                         [](const auto& info) { return std::string(info.param); });

// ---- judged by others

/// Left to us: numbers with more digits than a double keeps, and leap seconds, which others allow
/// only where one was.
bool is_beyond_judge(std::string_view text) {
  std::size_t digits = 0;
  bool exponent = false;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    digits = digit || (c == '.' && digits > 0) ? digits + 1 : 0;
    if (digits > (exponent ? 1u : 15u)) return true;
    if (!digit) exponent = c == 'e' || c == 'E' || (exponent && (c == '+' || c == '-'));
  }
  return text.find(":60") != text.npos;
}

fs::path oracles_folder() {
  for (const char* folder : {PRAXIS_BINARY_DIR "/../oracles", PRAXIS_SOURCE_DIR "/build/oracles"}) {
    if (fs::exists(fs::path(folder) / "node_modules/@hyperjump/json-schema")) return folder;
  }
  return {};
}

TEST(CorpusOracle, AnotherValidatorAgreesWithTheCorpusAndTheMask) {
  const fs::path oracles = oracles_folder();
  if (oracles.empty()) GTEST_SKIP() << "the oracles are not installed: run `make oracles`";
  if (std::system("node --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "node is not installed";
  const fs::path walks =
      fs::path(testing::TempDir()) / ("praxis_walks_" + std::to_string(::getpid()) + ".json");
  std::string files;
  std::mt19937 random(42);
  std::ofstream out(walks);
  const char* separator = "[";
  for (const char* name : kFiles) {
    files += " '" PRAXIS_SOURCE_DIR "/tests/corpus/grammar/" + std::string(name) + ".json'";
    for (const Group& group : groups_of(name)) {
      const auto grammar = group.judgeable ? compiled(group.schema) : nullptr;
      if (!grammar) continue;
      out << separator << "{\"description\":\"a walk\",\"schema\":" << group.schema
          << ",\"tests\":[";
      separator = ",\n";
      const char* comma = "";
      for (const std::string& text : walks_of(grammar, random)) {
        if (is_beyond_judge(text)) continue;
        out << comma << "{\"data\":" << text << ",\"valid\":true}";
        comma = ",";
      }
      out << "]}";
    }
  }
  out << "]";
  out.close();
  const std::string command = "node '" PRAXIS_SOURCE_DIR "/tests/oracles/judge.mjs' '" +
                              oracles.string() + "'" + files + " '" + walks.string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  fs::remove(walks);
}

}  // namespace
}  // namespace praxis::grammar::test
