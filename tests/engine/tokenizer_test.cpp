#include "engine/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "engine/normalize.h"
#include "engine/utf8.h"
#include "tests/engine/texts.h"

namespace praxis::engine {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

/// The file's character for a byte: GPT-2's choice, written down a second time.
std::string mapped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const int byte = static_cast<unsigned char>(c);
    int scalar = byte;
    if (byte <= 0x20) scalar = 0x100 + byte;
    if (byte >= 0x7F && byte <= 0xA0) scalar = 0x121 + byte - 0x7F;
    if (byte == 0xAD) scalar = 0x143;
    utf8::append(out, static_cast<char32_t>(scalar));
  }
  return out;
}

/// A tokenizer.json of the 256 bytes (id = byte), then the given merges' results from id 256 on.
json small(const std::vector<std::pair<std::string, std::string>>& merges = {}) {
  json vocab = json::object(), merge_lines = json::array();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[mapped(std::string(1, static_cast<char>(byte)))] = byte;
  }
  int next = 256;
  for (const auto& [left, right] : merges) {
    if (vocab.emplace(mapped(left + right), next).second) ++next;
    merge_lines.push_back(mapped(left) + " " + mapped(right));
  }
  const json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  return {{"version", "1.0"},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merge_lines}}}};
}

json added(int id, const std::string& content) {
  return {{"id", id}, {"content", content}, {"special", false}};
}

Tokenizer parsed(const json& file) {
  auto tokenizer = Tokenizer::parse(file.dump(), "tokenizer.json");
  EXPECT_TRUE(tokenizer) << tokenizer.error().what;
  return std::move(*tokenizer);
}

std::string refusal(const std::string& file) {
  const auto tokenizer = Tokenizer::parse(file, "tokenizer.json");
  if (tokenizer) return "";
  EXPECT_EQ(tokenizer.error().where, "tokenizer.json");
  return tokenizer.error().what;
}

std::size_t controls_in(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  return static_cast<std::size_t>(
      std::count_if(ids.begin(), ids.end(), [&](TokenId id) { return tokenizer.is_control(id); }));
}

// ---- every tokenizer at hand

class RealTokenizers : public testing::TestWithParam<test::RealTokenizer> {
 protected:
  void SetUp() override {
    const auto file = test::file_of(GetParam());
    if (!file) GTEST_SKIP() << "the oracles are not installed: run `make oracles`";
    auto loaded = Tokenizer::load(*file);
    ASSERT_TRUE(loaded) << loaded.error().where << ": " << loaded.error().what;
    tokenizer_.emplace(std::move(*loaded));
    normalizes_ = tokenizer_->decode(tokenizer_->encode_text("e\u0301")) == "é";
  }
  /// Encodes text that could be taken for control tokens and checks what came of it.
  void expect_plain(const std::string& text) {
    const auto ids = tokenizer_->encode_text(text);
    ASSERT_EQ(controls_in(*tokenizer_, ids), 0u) << text;
    ASSERT_EQ(tokenizer_->decode(ids), normalizes_ ? nfc(text) : text);
  }

  std::optional<Tokenizer> tokenizer_;
  bool normalizes_ = false;
};

TEST_P(RealTokenizers, GiveTextBack) {
  EXPECT_EQ(normalizes_, std::string(GetParam().name) == "Qwen3");
  for (const std::string& text : test::varied_texts(4000 / test::kLess, 3, false)) {
    ASSERT_NO_FATAL_FAILURE(expect_plain(text));
  }
}

TEST_P(RealTokenizers, NeverMakeAControlTokenOfText) {
  const auto names = tokenizer_->control_names();
  ASSERT_FALSE(names.empty());
  std::mt19937_64 random(17);
  for (std::size_t n = 0; n < names.size(); n += test::kLess) {
    const std::string& name = names[n];
    const std::string& other = names[random() % names.size()];
    std::vector<std::string> texts = {
        name,         name + name + name,          " " + name,
        name + "\n",  "say " + name + " now",      name + other,
        other + name, "\"" + name + "\":" + other,
    };
    for (std::size_t i = 0; i < name.size();
         i += utf8::front(std::string_view(name).substr(i)).bytes) {
      const std::string head = name.substr(0, i), tail = name.substr(i);
      texts.push_back(head);
      texts.push_back(tail);
      texts.push_back(head + " " + tail);
      texts.push_back(head + name + tail);  // nested: taking the inner one out makes another
      texts.push_back(head + other + tail);
      texts.push_back(tail + head);
    }
    for (const std::string& text : texts) ASSERT_NO_FATAL_FAILURE(expect_plain(text));
    // The two halves given one after the other, as streamed text comes.
    const std::size_t cut = name.size() / 2;
    for (const std::string& part : {name.substr(0, cut), name.substr(cut)}) {
      ASSERT_EQ(controls_in(*tokenizer_, tokenizer_->encode_text(part)), 0u);
    }
  }
}

TEST_P(RealTokenizers, ControlIsTheDoorToEveryAddedToken) {
  TokenId last = -1;
  for (const std::string& name : tokenizer_->control_names()) {
    const auto id = tokenizer_->control(name);
    ASSERT_TRUE(id) << name;
    EXPECT_GT(*id, last) << "names come in id order";
    last = *id;
    EXPECT_TRUE(tokenizer_->is_control(*id));
    EXPECT_EQ(tokenizer_->bytes(*id), name);
    EXPECT_EQ(tokenizer_->decode({*id}), name);
    EXPECT_FALSE(tokenizer_->control(name + " "));
  }
  EXPECT_FALSE(tokenizer_->control(""));
  EXPECT_FALSE(tokenizer_->control("a"));
  EXPECT_FALSE(tokenizer_->is_control(-1));
  EXPECT_FALSE(tokenizer_->is_control(static_cast<TokenId>(tokenizer_->size())));
  EXPECT_EQ(tokenizer_->bytes(-1), "");
  EXPECT_EQ(tokenizer_->bytes(static_cast<TokenId>(tokenizer_->size())), "");
}

TEST_P(RealTokenizers, StreamedTokensDecodeToTheSameText) {
  for (const std::string& text : test::varied_texts(400 / test::kLess, 23, false)) {
    const auto ids = tokenizer_->encode_text(text);
    Utf8Stream stream;
    std::string out;
    for (const TokenId id : ids) {
      const std::string piece = stream.push(tokenizer_->bytes(id));
      ASSERT_EQ(utf8::valid_prefix(piece), piece.size());
      out += piece;
    }
    ASSERT_EQ(out + stream.finish(), tokenizer_->decode(ids));
  }
}

TEST_P(RealTokenizers, ServeManyThreadsAtOnce) {
  const auto texts = test::varied_texts(120, 29, true);
  std::vector<std::vector<TokenId>> expected;
  for (const std::string& text : texts) expected.push_back(tokenizer_->encode_text(text));
  std::vector<std::thread> threads;
  std::array<std::size_t, 4> wrong{};
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::size_t at = (i * 7 + t * 31) % texts.size();
        if (tokenizer_->encode_text(texts[at]) != expected[at]) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0u));
}

// Quadratic work would take hours here.
TEST_P(RealTokenizers, EncodeAMegabyteWithoutSpaces) {
  std::mt19937_64 random(31);
  std::string letters;
  constexpr std::size_t kBytes = (1 << 20) / test::kLess;
  while (letters.size() < kBytes) letters += static_cast<char>('a' + random() % 26);
  for (const std::string& text : {std::string(kBytes, ' '), std::string(kBytes, 'a'), letters}) {
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode_text(text)), text);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RealTokenizers, testing::ValuesIn(test::kRealTokenizers),
                         [](const auto& info) { return info.param.name; });

// ---- byte-pair encoding

TEST(Tokenizer, TheLowestRankMergesFirstThenTheLeftmost) {
  const auto tokenizer = parsed(small({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "a"}}));
  const TokenId bc = 256, ab = 257, aa = 258, aaa = 259;
  EXPECT_THAT(tokenizer.encode_text("abc"), ElementsAre('a', bc));
  EXPECT_THAT(tokenizer.encode_text("abab"), ElementsAre(ab, ab));
  EXPECT_THAT(tokenizer.encode_text("aaaaa"), ElementsAre(aa, aaa));
  EXPECT_THAT(tokenizer.encode_text(""), ElementsAre());
}

/// Byte-pair encoding as its definition says it: look at every pair, merge one, begin again.
std::vector<std::string> merged_by_definition(
    const std::string& word, const std::vector<std::pair<std::string, std::string>>& merges) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(1, c);
  while (true) {
    std::size_t best = merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = std::find(merges.begin(), merges.end(), std::pair(parts[i], parts[i + 1]));
      const auto rank = static_cast<std::size_t>(found - merges.begin());
      if (rank < best) best = rank, at = i;
    }
    if (best == merges.size()) return parts;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(Tokenizer, MergesAsTheDefinitionSays) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> known = {"a", "b", "c"};
    std::vector<std::pair<std::string, std::string>> merges;
    while (merges.size() < 25) {
      const std::pair<std::string, std::string> merge = {known[random() % known.size()],
                                                         known[random() % known.size()]};
      if (std::find(merges.begin(), merges.end(), merge) != merges.end()) continue;
      merges.push_back(merge);
      known.push_back(merge.first + merge.second);
    }
    const auto tokenizer = parsed(small(merges));
    for (int w = 0; w < 60; ++w) {
      std::string word;
      for (std::size_t n = random() % 40; n > 0; --n) word += static_cast<char>('a' + random() % 3);
      std::vector<std::string> parts;
      for (const TokenId id : tokenizer.encode_text(word)) parts.emplace_back(tokenizer.bytes(id));
      ASSERT_EQ(parts, merged_by_definition(word, merges)) << word;
    }
  }
}

TEST(Tokenizer, MergesMayBeWrittenAsPairs) {
  json file = small({{"a", "b"}, {"ab", " "}});
  const auto lines = parsed(file).encode_text("abab c");
  file["model"]["merges"] = json::array({json::array({"a", "b"}), json::array({"ab", "Ġ"})});
  EXPECT_EQ(parsed(file).encode_text("abab c"), lines);
  EXPECT_THAT(lines, ElementsAre(256, 257, 'c'));
}

TEST(Tokenizer, MergesMayStandBeforeTheVocabulary) {
  json file = small({{"a", "b"}});
  const std::string model = "\"model\":{\"merges\":" + file["model"]["merges"].dump() +
                            ",\"vocab\":" + file["model"]["vocab"].dump() + "}";
  file.erase("model");
  std::string text = file.dump();
  text.insert(1, model + ",");
  const auto tokenizer = Tokenizer::parse(text, "t");
  ASSERT_TRUE(tokenizer) << tokenizer.error().what;
  EXPECT_THAT(tokenizer->encode_text("ab"), ElementsAre(256));
}

TEST(Tokenizer, IgnoreMergesTakesAWholeWordFirst) {
  json file = small({{"a", "b"}, {"c", "d"}});
  file["model"]["vocab"]["abc"] = 300;
  EXPECT_THAT(parsed(file).encode_text("abc"), ElementsAre(256, 'c'));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(parsed(file).encode_text("abc"), ElementsAre(300));
  EXPECT_THAT(parsed(file).encode_text("abcd"), ElementsAre(256, 257));
}

TEST(Tokenizer, ByteLevelMayPrefixASpaceAndSplitAsGpt2) {
  json file = small({{" ", "a"}, {"a", " "}});
  file["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_THAT(parsed(file).encode_text("ab"), ElementsAre(256, 'b'));
  EXPECT_THAT(parsed(file).encode_text(" ab"), ElementsAre(256, 'b'));
  EXPECT_THAT(parsed(file).encode_text(""), ElementsAre());
  file["pre_tokenizer"]["add_prefix_space"] = false;
  EXPECT_THAT(parsed(file).encode_text("ba b"), ElementsAre('b', 257, 'b'));
  file["pre_tokenizer"]["use_regex"] = true;
  EXPECT_THAT(parsed(file).encode_text("ba b"), ElementsAre('b', 'a', ' ', 'b'));
  file["pre_tokenizer"].erase("use_regex");  // which is on where it is not said
  EXPECT_THAT(parsed(file).encode_text("ba b"), ElementsAre('b', 'a', ' ', 'b'));
}

TEST(Tokenizer, SplitsMayBePatternsOrStrings) {
  json file = small({{"a", "b"}, {"b", "a"}});
  const json byte_level = file["pre_tokenizer"];
  const auto with = [&](const json& pattern) {
    file["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", pattern}, {"behavior", "Isolated"}, {"invert", false}},
          byte_level}}};
    return parsed(file).encode_text("abab");
  };
  EXPECT_THAT(with({{"String", "ba"}}), ElementsAre('a', 257, 'b'));
  EXPECT_THAT(with({{"Regex", "a|b"}}), ElementsAre('a', 'b', 'a', 'b'));
}

TEST(Tokenizer, BrokenTextIsEncodedAsItsReplacement) {
  const auto tokenizer = parsed(small());
  EXPECT_EQ(tokenizer.encode_text("a\xE2\x82"), tokenizer.encode_text("a\uFFFD"));
  EXPECT_EQ(tokenizer.encode_text("\xFF\xFE"), tokenizer.encode_text("\uFFFD\uFFFD"));
  EXPECT_EQ(tokenizer.decode({'a', 0xE2, 0x82, 'b'}), "a\uFFFDb");
}

// ---- text never becomes control, however the file is made

TEST(Tokenizer, NeitherMergesNorWholeWordsReachAControlToken) {
  json file = small({{"<", "x"}, {"<x", ">"}, {"<x>", "!"}});
  file["model"]["ignore_merges"] = true;
  file["added_tokens"] = {added(257, "<x>"), added(400, "hello")};
  file["model"]["vocab"]["hello"] = 400;
  const auto whole_words = parsed(file);
  EXPECT_THAT(whole_words.encode_text("<x>"), ElementsAre(256, '>'));
  EXPECT_THAT(whole_words.encode_text("hello"), ElementsAre('h', 'e', 'l', 'l', 'o'));
  EXPECT_EQ(whole_words.control("<x>"), 257);
  EXPECT_EQ(whole_words.control("hello"), 400);
  file["model"]["ignore_merges"] = false;
  EXPECT_THAT(parsed(file).encode_text("<x>!"), ElementsAre(256, '>', '!'));
}

TEST(Tokenizer, AControlTokensBytesAreItsText) {
  json file = small();
  file["added_tokens"] = {added(300, "Ġ<｜x｜>")};  // here no Ġ stands for a space
  const auto tokenizer = parsed(file);
  EXPECT_EQ(tokenizer.decode({300}), "Ġ<｜x｜>");
  EXPECT_EQ(tokenizer.size(), 301u);
  EXPECT_EQ(tokenizer.bytes(290), "");
  EXPECT_FALSE(tokenizer.is_control(290));
}

// ---- the strict reader

TEST(Tokenizer, WhatIsNotSupportedIsRefusedByNameAndPlace) {
  struct Case {
    const char* pointer;
    json value;
    const char* expected;
  };
  const Case cases[] = {
      {"/normalizer", {{"type", "NFKC"}}, "normalizer {\"type\":\"NFKC\"} is not supported"},
      {"/normalizer",
       {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}},
       "normalizer.normalizers[0] {\"type\":\"Lowercase\"} is not supported"},
      {"/pre_tokenizer", {{"type", "Metaspace"}}, "pre_tokenizer {\"type\":\"Metaspace\"}"},
      {"/pre_tokenizer", nullptr, "pre_tokenizer null is not supported"},
      {"/pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", json::array()}},
       "pre_tokenizer.pretokenizers has 0 entries"},
      {"/pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}}}}},
       "pre_tokenizer.pretokenizers[0] {\"type\":\"Digits\"} is not supported"},
      {"/pre_tokenizer", {{"type", "ByteLevel"}}, "add_prefix_space must be true or false"},
      {"/decoder", {{"type", "WordPiece"}}, "decoder {\"type\":\"WordPiece\"} is not supported"},
      {"/model/type", "Unigram", "model.type \"Unigram\" is not supported"},
      {"/model/dropout", "0.1", "model.dropout \"0.1\" is not supported"},
      {"/model/byte_fallback", true, "model.byte_fallback is not supported"},
      {"/model/ignore_merges", 1, "model.ignore_merges must be true or false"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix \"</w>\" is not supported"},
      {"/model", json::array(), "model must be an object"},
      {"/model/vocab", json::array(), "model.vocab must be an object"},
      {"/model/merges", json::object(), "model.merges must be an array"},
      {"/model/vocab/zz", -1, "model.vocab: an id must be a whole number, not the number -1"},
      {"/model/vocab/zz", 1.5, "not the number 1.5"},
      {"/model/vocab/zz", "7", "not a string"},
      {"/model/vocab/zz", 4194304, "token zz has id 4194304; the limit is 4194303"},
      {"/model/vocab/zz", 5, "which is taken"},
      {"/model/merges/0", "a", "is not two tokens and one space"},
      {"/model/merges/0", "a b c", "is not two tokens and one space"},
      {"/model/merges/0", " a", "must have 1 to 4096 bytes together"},
      {"/model/merges/0", 7, "a merge must be \"a b\" or [a, b], not a number"},
      {"/model/merges/0", json::array({"a"}), "a pair must hold two strings"},
      {"/model/merges/0", json::array({"a", "b", "c"}), "a pair must hold two strings"},
      {"/model/merges/0", json::array({"a", 1}), "a pair must hold two strings, not a number"},
      {"/model/merges/0", "a z", "model.merges[0]: az is not in model.vocab"},
      {"/model/merges/0", "é z", "model.merges[0]: "},
      {"/model/merges/1", "a b", "the pair of ids 97 and 98 stands twice"},
      {"/added_tokens", json::object(), "added_tokens must be an array"},
      {"/added_tokens/0", {{"id", 1}}, "added_tokens[0].content must be a string"},
      {"/added_tokens/0", "x", "added_tokens[0].content must be a string"},
      {"/added_tokens/0", {{"content", "x"}}, "added_tokens[0].id must be a whole number"},
      {"/added_tokens/0", {{"content", "x"}, {"id", -3}}, "added_tokens[0].id must be"},
      {"/added_tokens/0", {{"content", ""}, {"id", 300}}, "added_tokens[0].content must have 1 to"},
      {"/added_tokens", {added(300, "x"), added(300, "y")}, "added_tokens[1].id 300 stands twice"},
      {"/added_tokens",
       {added(300, "x"), added(301, "x")},
       "added_tokens[1].content x stands twice"},
      {"/added_tokens", {added(300, "ab")}, "token ab has id 256, but 300 in added_tokens"},
      {"/added_tokens", {added(256, "zz")}, "token ab has id 256, which is taken"},
      {"/added_tokens", {added('a', "a")}, "byte 97 has no ordinary token"},
  };
  for (const Case& c : cases) {
    json file = small({{"a", "b"}});
    file[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THAT(refusal(file.dump()), HasSubstr(c.expected)) << c.pointer << " " << c.value;
  }
}

TEST(Tokenizer, OddSplitsAreRefusedByNameAndPlace) {
  const json byte_level = small()["pre_tokenizer"];
  const json good = {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Isolated"}};
  struct Case {
    const char* member;
    json value;
    const char* expected;
  };
  const Case cases[] = {
      {"behavior", "Removed", "pretokenizers[0].behavior \"Removed\" is not supported"},
      {"invert", "no", "pretokenizers[0].invert must be true or false"},
      {"pattern", "a", "pretokenizers[0].pattern \"a\" is not supported"},
      {"pattern", {{"Regex", 1}}, "pretokenizers[0].pattern {\"Regex\":1} is not supported"},
      {"pattern", {{"String", ""}}, "pretokenizers[0].pattern {\"String\":\"\"}"},
      {"pattern", {{"Regex", "\\w"}}, "pretokenizers[0].pattern.Regex: the pattern has \\w"},
      {"pattern", {{"Regex", "("}}, "pretokenizers[0].pattern.Regex: the pattern is refused"},
      {"type", "ByteLevel", "Splits, then one ByteLevel, are"},
  };
  for (const Case& c : cases) {
    json file = small(), split = good;
    split[c.member] = c.value;
    file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}};
    EXPECT_THAT(refusal(file.dump()), HasSubstr(c.expected)) << split;
  }
  json file = small();
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {good}}};
  EXPECT_THAT(refusal(file.dump()), HasSubstr("Splits, then one ByteLevel, are"));
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json(17, good)}};
  EXPECT_THAT(refusal(file.dump()), HasSubstr("1 to 16 are possible"));
}

TEST(Tokenizer, MembersThatStandTwiceAreRefused) {
  const std::string file = small({{"a", "b"}}).dump();
  const auto with = [&](const std::string& where, const std::string& extra) {
    std::string out = file;
    out.insert(out.find(where) + where.size(), extra);
    return refusal(out);
  };
  EXPECT_THAT(with("{", R"("version":1,)"), HasSubstr("the member version stands twice"));
  EXPECT_THAT(with(R"("vocab":{)", R"("a":5000,)"), HasSubstr("token a stands twice"));
  EXPECT_THAT(with(R"("vocab":{)", R"("日":5000,"日":5001,)"), HasSubstr("token 日 stands twice"));
  EXPECT_THAT(with(R"("model":{)", R"("vocab":{},)"), HasSubstr("stands twice"));
  EXPECT_THAT(with(R"("model":{)", R"("merges":[],)"), HasSubstr("stands twice"));
}

TEST(Tokenizer, LimitsAreNamed) {
  json file = small();
  file["model"]["vocab"][std::string(4097, 'a')] = 300;
  EXPECT_THAT(refusal(file.dump()), HasSubstr("1 to 4096 are possible"));
  std::string deep = "{\"x\":";
  deep += std::string(1'000'000, '[');
  EXPECT_THAT(refusal(deep), HasSubstr("nests 33 deep; the limit is 32"));
  std::string wide = "{\"x\":[0";
  for (int i = 0; i < (1 << 20); ++i) wide += ",0";
  EXPECT_THAT(refusal(wide + "]}"), HasSubstr("more than 1048576 values"));
  EXPECT_THAT(refusal(std::string((128u << 20) + 1, ' ')), HasSubstr("the limit is 134217728"));
  EXPECT_THAT(refusal("[]"), HasSubstr("the document must be an object"));
  EXPECT_THAT(refusal(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("7"), HasSubstr("the document must be an object"));
}

TEST(Tokenizer, MissingFilesAreNamed) {
  const auto missing = Tokenizer::load("/nonexistent/tokenizer.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().where, "/nonexistent/tokenizer.json");
  EXPECT_FALSE(Tokenizer::load(PRAXIS_SOURCE_DIR));
}

TEST(Tokenizer, NoDamagedFileCrashes) {
  std::ifstream in(*test::file_of({"TinyR1", nullptr}));
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string file = whole.str();
  ASSERT_EQ(refusal(file), "");
  for (std::size_t size = 0; size < file.size(); size += 1 + size / 64) {
    ASSERT_NE(refusal(file.substr(0, size)), "") << size;
  }
  std::mt19937_64 random(41);
  for (int round = 0; round < 400 / static_cast<int>(test::kLess); ++round) {
    std::string damaged = file;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto tokenizer = Tokenizer::parse(damaged, "t");
    if (!tokenizer) continue;
    const auto ids = tokenizer->encode_text("What is 7? <think>\n");
    ASSERT_EQ(controls_in(*tokenizer, ids), 0u);
  }
}

}  // namespace
}  // namespace praxis::engine
