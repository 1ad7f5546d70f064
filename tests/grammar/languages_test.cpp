#include "grammar/languages.h"

#include <gtest/gtest.h>

#include <bitset>
#include <map>
#include <random>
#include <set>

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kNoBound = ~0u;

std::string encoded(char32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

// ---- the oracle: languages as plain sets of all texts up to four characters out of three

constexpr std::size_t kTexts = 1 + 3 + 9 + 27 + 81;
using Sample = std::bitset<kTexts>;

struct Universe {
  std::vector<std::string> texts;  // as UTF-8, short ones first
  std::vector<std::vector<int>> letters;
  std::map<std::vector<int>, std::size_t> ids;

  Universe() {
    const std::array<std::string, 3> alphabet = {"a", "b", "\u00e9"};
    std::vector<std::vector<int>> level = {{}};
    for (int length = 0; length <= 4; ++length) {
      std::vector<std::vector<int>> longer;
      for (const auto& word : level) {
        std::string text;
        for (const int letter : word) text += alphabet[letter];
        ids[word] = texts.size();
        texts.push_back(text);
        letters.push_back(word);
        for (int letter = 0; letter < 3; ++letter) {
          longer.push_back(word);
          longer.back().push_back(letter);
        }
      }
      level = longer;
    }
  }

  Sample joined(const Sample& a, const Sample& b) const {
    Sample out;
    for (std::size_t i = 0; i < kTexts; ++i) {
      if (!a[i]) continue;
      for (std::size_t j = 0; j < kTexts; ++j) {
        if (!b[j] || letters[i].size() + letters[j].size() > 4) continue;
        std::vector<int> both = letters[i];
        both.insert(both.end(), letters[j].begin(), letters[j].end());
        out.set(ids.at(both));
      }
    }
    return out;
  }
  Sample repeated(const Sample& of, std::uint32_t min, std::uint32_t max) const {
    Sample power;  // of to the power of the turn
    power.set(0);
    Sample out;
    // Past so many turns nothing new fits into four characters.
    for (std::uint32_t turn = 0; turn <= std::min(max, min + 5); ++turn) {
      if (turn >= min) out |= power;
      power = joined(power, of);
    }
    return out;
  }
};

const Universe& universe() {
  static const Universe made;
  return made;
}

struct Pair {
  LanguageId id;
  Sample texts;
};

/// Random expressions beside what they must hold.
class Pairs {
 public:
  explicit Pairs(std::uint32_t seed) : random_(seed) {}

  Pair make(int depth) {
    const Universe& all = universe();
    if (depth == 0) return leaf();
    const Pair a = make(depth - 1 - below(2) % depth), b = make(depth - 1);
    switch (below(7)) {
      case 0:
        return {languages.sequence(a.id, b.id), all.joined(a.texts, b.texts)};
      case 1:
        return {languages.any_of(std::array{a.id, b.id}), a.texts | b.texts};
      case 2:
        return {languages.all_of(std::array{a.id, b.id}), a.texts & b.texts};
      case 3:
        return {languages.without(a.id, b.id), a.texts & ~b.texts};
      case 4: {
        const std::uint32_t min = below(3), max = below(2) == 0 ? kNoBound : min + below(3);
        return {languages.repeat(b.id, min, max), all.repeated(b.texts, min, max)};
      }
      case 5: {
        const Pair c = make(depth - 1);
        return {languages.any_of(std::array{a.id, languages.sequence(b.id, c.id), c.id}),
                a.texts | all.joined(b.texts, c.texts) | c.texts};
      }
      default: {
        const std::uint32_t max = below(4);
        Sample texts;
        for (std::size_t i = 0; i < kTexts; ++i)
          texts[i] = b.texts[i] && all.letters[i].size() <= max;
        return {languages.all_of(std::array{b.id, languages.length(0, max)}), texts};
      }
    }
  }

  Languages languages;

 private:
  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }

  Pair leaf() {
    const Universe& all = universe();
    Sample texts;
    switch (below(5)) {
      case 0:
        texts.set(0);
        return {kEmptyText, texts};
      case 1: {
        texts.set();
        return {kAnyText, texts};
      }
      case 2: {
        texts.set(1), texts.set(3);
        return {languages.set(std::array{CodePoints{'a', 'a'}, CodePoints{0xE0, 0x200}}), texts};
      }
      case 3: {
        std::vector<std::string> chosen;
        for (int i = 0; i < 4; ++i) {
          const std::size_t at = below(kTexts);
          texts.set(at);
          chosen.push_back(all.texts[at]);
        }
        return {languages.texts(chosen), texts};
      }
      default: {
        const std::size_t at = below(13);
        texts.set(at);
        return {languages.text(all.texts[at]), texts};
      }
    }
  }

  std::mt19937 random_;
};

TEST(Languages, HoldWhatTheirSetsHold) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    Pairs pairs(seed);
    const Pair pair = pairs.make(1 + seed % 4);
    for (std::size_t i = 0; i < kTexts; ++i) {
      ASSERT_EQ(pairs.languages.matches(pair.id, universe().texts[i]), pair.texts[i])
          << "seed " << seed << ", text " << universe().texts[i];
    }
    ASSERT_FALSE(pairs.languages.exhausted()) << "seed " << seed;
  }
}

TEST(Languages, ShortestTextIsTheShortestOfAll) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    Pairs pairs(seed);
    Languages& languages = pairs.languages;
    const Pair pair = pairs.make(1 + seed % 4);
    std::size_t shortest = ~std::size_t{0};
    for (std::size_t i = 0; i < kTexts; ++i)
      if (pair.texts[i]) shortest = std::min(shortest, universe().texts[i].size());
    const std::uint64_t claimed = languages.shortest(pair.id);
    // Texts of more than four characters, or of others, are beyond the oracle.
    EXPECT_LE(claimed, shortest) << "seed " << seed;
    EXPECT_EQ(languages.empty(pair.id), claimed == Languages::kEndless) << "seed " << seed;
    const std::vector<std::string> samples = languages.samples(pair.id, 12);
    if (claimed == Languages::kEndless) {
      EXPECT_TRUE(samples.empty()) << "seed " << seed;
      continue;
    }
    ASSERT_FALSE(samples.empty()) << "seed " << seed;
    EXPECT_EQ(samples[0].size(), claimed) << "seed " << seed;
    EXPECT_EQ(std::set<std::string>(samples.begin(), samples.end()).size(), samples.size());
    for (const std::string& sample : samples) {
      EXPECT_TRUE(languages.matches(pair.id, sample)) << "seed " << seed << ", " << sample;
      EXPECT_TRUE(languages.matches(kAnyText, sample)) << "seed " << seed << ", " << sample;
    }
    for (std::size_t i = 1; i < samples.size(); ++i)
      EXPECT_LE(samples[i - 1].size(), samples[i].size());
  }
}

TEST(Languages, ShortestFallsByAtMostOneAByte) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    Pairs pairs(seed);
    Languages& languages = pairs.languages;
    LanguageId id = pairs.make(3).id;
    for (std::uint64_t left = languages.shortest(id); left != Languages::kEndless && left > 0;) {
      std::uint64_t best = Languages::kEndless;
      LanguageId next = kNothing;
      for (int byte = 0; byte < 256; ++byte) {
        const LanguageId after = languages.step(id, static_cast<std::uint8_t>(byte));
        if (languages.shortest(after) < best) best = languages.shortest(after), next = after;
      }
      ASSERT_EQ(best + 1, left) << "seed " << seed;
      id = next, left = best;
    }
  }
}

TEST(Languages, SubsetAndDisjointHaveWitnesses) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Pairs pairs(seed);
    Languages& languages = pairs.languages;
    const Pair a = pairs.make(2), b = pairs.make(2);
    if (languages.subset(a.id, b.id)) {
      EXPECT_TRUE((a.texts & ~b.texts).none()) << "seed " << seed;
    } else {
      const auto witness = languages.samples(languages.without(a.id, b.id), 1);
      ASSERT_EQ(witness.size(), 1u) << "seed " << seed;
      EXPECT_TRUE(languages.matches(a.id, witness[0]) && !languages.matches(b.id, witness[0]));
    }
    EXPECT_TRUE(!languages.disjoint(a.id, b.id) || (a.texts & b.texts).none()) << "seed " << seed;
    EXPECT_EQ(languages.disjoint(a.id, b.id),
              languages.samples(languages.all_of(std::array{a.id, b.id}), 1).empty());
  }
}

TEST(Languages, WithoutLimitsHoldTheSameShortTexts) {
  const Universe& all = universe();
  int widened = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    Pairs pairs(seed);
    const Pair pair = pairs.make(3);
    const std::uint32_t characters_min = 1 + seed % 3;
    const Languages::Unlimited wide = pairs.languages.unlimited(pair.id, characters_min);
    ASSERT_GE(wide.alike, characters_min);
    widened += wide.language != pair.id;
    for (std::size_t text = 0; text < kTexts; ++text) {
      const bool held = pairs.languages.matches(wide.language, all.texts[text]);
      const bool is_short = all.letters[text].size() <= wide.alike;
      ASSERT_TRUE(is_short ? held == pair.texts[text] : held || !pair.texts[text])
          << "seed " << seed << ", " << all.texts[text];
    }
  }
  EXPECT_GT(widened, 300);
}

TEST(Languages, WhatIsVisiblyHeldIsHeld) {
  int held = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    Pairs pairs(seed);
    const Pair a = pairs.make(3), b = pairs.make(2);
    const LanguageId either = pairs.languages.any_of(std::array{a.id, b.id});
    const LanguageId behind = pairs.languages.step(a.id, 'a');
    for (const auto& [id, part] : {std::pair{a.id, b.id}, {either, a.id}, {behind, a.id}, {a.id, behind}}) {
      if (id == part || !pairs.languages.visibly_holds(id, part)) continue;
      ++held;
      ASSERT_TRUE(pairs.languages.subset(part, id)) << "seed " << seed;
    }
  }
  EXPECT_GT(held, 1000);
}

TEST(Languages, VisiblyEndlessOnesHaveAnyNumberOfTexts) {
  int endless = 0;
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    Pairs pairs(seed);
    const Pair pair = pairs.make(3);
    if (!pairs.languages.visibly_endless(pair.id)) continue;
    ++endless;
    ASSERT_EQ(pairs.languages.samples(pair.id, 150).size(), 150u) << "seed " << seed;
  }
  EXPECT_GT(endless, 200);
}

TEST(Languages, AreTheUnionOfTheirParts) {
  int apart = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    Pairs pairs(seed);
    const Pair pair = pairs.make(3);
    const std::vector<LanguageId> parts = pairs.languages.parts(pair.id, 8);
    apart += parts.size() > 1;
    const LanguageId all = pairs.languages.any_of(parts);
    ASSERT_TRUE(pairs.languages.subset(all, pair.id) && pairs.languages.subset(pair.id, all)) << "seed " << seed;
  }
  EXPECT_GT(apart, 300);
}

TEST(Languages, OnlyByteIsTheByteAllTextsBeginWith) {
  Languages languages;
  const LanguageId ab = languages.texts({"abc", "abd"});
  EXPECT_EQ(languages.only_byte(ab), 'a');
  EXPECT_EQ(languages.only_byte(languages.step(ab, 'a')), 'b');
  EXPECT_EQ(languages.only_byte(languages.step(languages.step(ab, 'a'), 'b')), -1);
  EXPECT_EQ(languages.only_byte(languages.repeat(ab, 0, 1)), -1);
  EXPECT_EQ(languages.only_byte(kNothing), -1);
  // The other way in is dead, though not visibly so.
  const LanguageId dead = languages.all_of(std::array{
      languages.sequence(languages.text("x"), languages.repeat(languages.text("aa"), 1, kNoBound)),
      languages.sequence(languages.text("x"),
                         languages.sequence(languages.text("a"),
                                            languages.repeat(languages.text("aa"), 0, kNoBound)))});
  EXPECT_TRUE(languages.empty(dead));
  EXPECT_EQ(languages.only_byte(languages.any_of(std::array{ab, dead})), 'a');
  EXPECT_EQ(languages.only_byte(languages.set(std::array{CodePoints{0xE0, 0xE8}})), 0xC3);
}

// ---- UTF-8

/// Table 3-7 of the Unicode standard, which is RFC 3629's grammar.
bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> int {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : -1;
    };
    const auto within = [&](std::size_t at, int low, int high) {
      return byte(at) >= low && byte(at) <= high;
    };
    const int lead = byte(i);
    std::size_t size = 1;
    if (lead >= 0xC2 && lead <= 0xDF) size = 2;
    else if (lead >= 0xE0 && lead <= 0xEF) size = 3;
    else if (lead >= 0xF0 && lead <= 0xF4) size = 4;
    else if (lead >= 0x80) return false;
    const int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (size > 1 && !within(i + 1, low, high)) return false;
    for (std::size_t k = 2; k < size; ++k)
      if (!within(i + k, 0x80, 0xBF)) return false;
    i += size;
  }
  return true;
}

TEST(Languages, AnyTextIsValidUtf8AndNothingElse) {
  Languages languages;
  std::mt19937 random(1);
  const std::array<unsigned char, 19> edges = {0x00, 'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                               0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                               0xED, 0xEF, 0xF0, 0xF4, 0xF5};
  int valid = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (std::uint32_t size = random() % 6; size > 0; --size)
      text += static_cast<char>(edges[random() % edges.size()]);
    const bool expected = valid_utf8(text);
    valid += expected;
    ASSERT_EQ(languages.matches(kAnyText, text), expected);
  }
  EXPECT_GT(valid, 1'000);
}

TEST(Languages, SetsHoldTheirCodePointsToTheEdge) {
  std::mt19937 random(2);
  const std::array<char32_t, 14> edges = {0,      'a',     0x7F,    0x80,    0x7FF,
                                          0x800,  0xD7FF,  0xD800,  0xDFFF,  0xE000,
                                          0xFFFF, 0x10000, 0x1F600, 0x10FFFF};
  const auto any = [&] {
    const auto near = static_cast<std::int64_t>(edges[random() % edges.size()]) + random() % 5 - 2;
    return static_cast<char32_t>(std::clamp<std::int64_t>(near, 0, 0x10FFFF));
  };
  for (int turn = 0; turn < 300; ++turn) {
    Languages languages;
    std::vector<CodePoints> ranges;
    for (std::uint32_t i = random() % 4; i > 0; --i) ranges.push_back(CodePoints{any(), any()});
    const LanguageId set = languages.set(ranges);
    for (int i = 0; i < 60; ++i) {
      const char32_t c = any();
      const bool scalar = c < 0xD800 || c > 0xDFFF;
      const bool inside = std::any_of(ranges.begin(), ranges.end(), [&](const CodePoints& range) {
        return range.first <= c && c <= range.last;
      });
      ASSERT_EQ(languages.matches(set, encoded(c)), scalar && inside) << std::uint32_t{c};
    }
  }
}

// ---- one id for what is equal

TEST(Languages, AreOneIdWhenEqualByASimpleLaw) {
  Languages languages;
  const LanguageId digit = languages.set(std::array{CodePoints{'0', '9'}});
  const LanguageId low = languages.set(std::array{CodePoints{'0', '4'}});
  const LanguageId high = languages.set(std::array{CodePoints{'5', '9'}});
  const LanguageId word = languages.repeat(digit, 1, kNoBound);
  const LanguageId x = languages.sequence(word, languages.text("x"));
  EXPECT_EQ(languages.any_of(std::array{low, high}), digit);
  EXPECT_EQ(languages.without(digit, low), high);
  EXPECT_EQ(languages.all_of(std::array{digit, low}), low);
  EXPECT_EQ(languages.all_of(std::array{kAnyText, x}), x);
  EXPECT_EQ(languages.any_of(std::array{kAnyText, x}), kAnyText);
  EXPECT_EQ(languages.without(kAnyText, languages.without(kAnyText, x)), x);
  EXPECT_EQ(languages.without(x, kAnyText), kNothing);
  EXPECT_EQ(languages.without(x, x), kNothing);
  EXPECT_EQ(languages.without(x, kNothing), x);
  EXPECT_EQ(languages.sequence(kAnyText, kAnyText), kAnyText);
  EXPECT_EQ(languages.length(0, kNoBound), kAnyText);
  EXPECT_EQ(languages.sequence(digit, digit), languages.repeat(digit, 2, 2));
  EXPECT_EQ(languages.sequence(languages.repeat(digit, 0, kNoBound), digit), word);
  EXPECT_EQ(languages.repeat(word, 0, kNoBound), languages.repeat(digit, 0, kNoBound));
  EXPECT_EQ(languages.any_of(std::array{kEmptyText, word}), languages.repeat(digit, 0, kNoBound));
  EXPECT_EQ(languages.all_of(std::array{languages.length(2, 5), word}),
            languages.repeat(digit, 2, 5));
  EXPECT_EQ(
      languages.any_of(std::array{x, languages.all_of(std::array{x, languages.length(3, 9)})}), x);
  EXPECT_EQ(languages.texts({"b", "a", "b"}), languages.texts({"a", "b"}));
  EXPECT_EQ(languages.texts({"one"}), languages.text("one"));
  EXPECT_EQ(languages.sequence(languages.text("on"), languages.text("e")), languages.text("one"));
  EXPECT_EQ(languages.texts({}), kNothing);
}

TEST(Languages, CountsAreNotUnrolled) {
  Languages languages;
  const LanguageId digit = languages.set(std::array{CodePoints{'0', '9'}});
  const std::uint32_t before = languages.size();
  LanguageId id = languages.repeat(digit, 2, 1'000'000'000);
  EXPECT_LE(languages.size(), before + 1);
  EXPECT_EQ(languages.shortest(id), 2u);
  for (int i = 0; i < 1000; ++i) id = languages.step(id, '7');
  EXPECT_EQ(id, languages.repeat(digit, 0, 1'000'000'000 - 1000));
  // Where two counts run at once, the wider one is left.
  const LanguageId nested = languages.sequence(
      languages.repeat(languages.sequence(languages.repeat(digit, 1, 60), languages.text(".")), 1,
                       100),
      languages.text("7"));
  EXPECT_EQ(languages.shortest(nested), 3u);
  EXPECT_TRUE(languages.matches(nested, "12.5.7"));
  EXPECT_LE(languages.size(), before + 2'200);
}

TEST(Languages, ManyTextsStepThroughOneTree) {
  Languages languages;
  std::vector<std::string> names;
  for (int i = 0; i < 5'000; ++i) names.push_back("item-" + std::to_string(i * 7919 % 100'003));
  const LanguageId all = languages.texts(names);
  const std::uint32_t made = languages.size();
  EXPECT_LE(made, 8'000u);
  for (const std::string& name : names) {
    EXPECT_TRUE(languages.matches(all, name));
    EXPECT_EQ(languages.matches(all, name + "0"),
              std::find(names.begin(), names.end(), name + "0") != names.end());
  }
  EXPECT_LE(languages.size(), made + 20'000);
  EXPECT_EQ(languages.shortest(all), 6u);
  std::vector<LanguageId> each;
  for (const std::string& name : names) each.push_back(languages.text(name));
  EXPECT_EQ(languages.any_of(each), all);
}

TEST(Languages, LongTextsAreHeldWhole) {
  Languages languages;
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += encoded(0x20 + i % 3000);
  const LanguageId one = languages.text(text);
  EXPECT_TRUE(languages.matches(one, text));
  EXPECT_EQ(languages.shortest(one), text.size());
  EXPECT_FALSE(languages.matches(one, text + "x"));
  EXPECT_FALSE(languages.matches(one, text.substr(1)));
  EXPECT_TRUE(languages.subset(one, kAnyText));
  EXPECT_TRUE(languages.matches(languages.texts({text, text + "!"}), text + "!"));
}

// ---- leaves of other kinds

struct ThreeDivides : Automaton {
  std::uint64_t start() const override { return 1; }
  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    return byte < '0' || byte > '9' ? 0 : ((state - 1) * 10 + byte - '0') % 3 + 1;
  }
  bool accepts(std::uint64_t state) const override { return state == 1; }
};

TEST(Languages, AutomataTakePartInEveryOperation) {
  Languages languages;
  const LanguageId three = languages.automaton(std::make_unique<ThreeDivides>());
  const LanguageId digits = languages.repeat(languages.set(std::array{CodePoints{'0', '9'}}), 1, 4);
  const LanguageId odd = languages.sequence(
      kAnyText,
      languages.set(std::array{CodePoints{'1', '1'}, CodePoints{'3', '3'}, CodePoints{'5', '5'},
                               CodePoints{'7', '7'}, CodePoints{'9', '9'}}));
  const LanguageId both = languages.without(languages.all_of(std::array{three, digits}), odd);
  for (int i = 0; i < 3'000; ++i)
    ASSERT_EQ(languages.matches(both, std::to_string(i)), i % 6 == 0) << i;
  EXPECT_EQ(languages.shortest(both), 1u);
  const auto behind = [&](std::string_view digits) {
    return languages.all_of(std::array{three, languages.sequence(languages.text(digits), three)});
  };
  EXPECT_EQ(languages.shortest(behind("12")), 2u);
  EXPECT_TRUE(languages.empty(behind("1")));
}

TEST(Languages, DeclaredLanguagesMayHoldThemselves) {
  Languages languages;
  const LanguageId nested = languages.declare(true);  // "" or a nested c: a^n c^n is not regular,
  const LanguageId again = languages.sequence(languages.text("ab"), nested);  // (ab)* is
  languages.define(nested, languages.any_of(std::array{kEmptyText, again}));
  const LanguageId loop = languages.repeat(languages.text("ab"), 0, kNoBound);
  EXPECT_TRUE(languages.subset(nested, loop));
  EXPECT_TRUE(languages.subset(loop, nested));
  EXPECT_EQ(languages.shortest(again), 2u);
}

// ---- limits

TEST(Languages, FullStoreSaysSoAndAddsNoText) {
  Languages languages(200);
  const LanguageId a = languages.text("a"), any = languages.length(1, 1);
  LanguageId id =
      languages.sequence(kAnyText, languages.sequence(a, languages.repeat(any, 12, 12)));
  std::mt19937 random(3);
  for (int i = 0; i < 2'000 && id != kNothing; ++i)
    id = languages.step(id, random() % 2 ? 'a' : 'b');
  EXPECT_EQ(id, kNothing);
  EXPECT_TRUE(languages.exhausted());
  EXPECT_LE(languages.size(), 200u);
  const LanguageId taken = languages.text("what does not fit any more");
  EXPECT_EQ(taken, kNothing);
}

TEST(Languages, DifferencesOfAFullStoreStayCautious) {
  Languages languages(200);
  const LanguageId a = languages.text("a"), any = languages.length(1, 1);
  const LanguageId wide =
      languages.sequence(kAnyText, languages.sequence(a, languages.repeat(any, 12, 12)));
  LanguageId id = languages.without(kAnyText, wide);
  std::string text;
  std::mt19937 random(3);
  while (id != kNothing) {
    text += random() % 2 ? 'a' : 'b';
    id = languages.step(id, static_cast<std::uint8_t>(text.back()));
    ASSERT_LT(text.size(), 5'000u);
  }
  EXPECT_TRUE(languages.exhausted());
  EXPECT_FALSE(languages.subset(kAnyText, wide));
}

TEST(Languages, DeepNestingIsALimitNotACrash) {
  Languages languages;
  const LanguageId x = languages.text("x");
  LanguageId id = x;
  for (int i = 0; i < 60'000; ++i) {
    const LanguageId longer = languages.sequence(id, languages.text(i % 2 ? "y" : "z"));
    id = languages.without(languages.repeat(longer, 1, 3),
                           languages.text("q" + std::to_string(i % 7)));
  }
  languages.step(id, 'x');
  languages.shortest(id);
  languages.empty(id);
  EXPECT_TRUE(languages.exhausted());
  LanguageId optional = kEmptyText;
  for (int i = 0; i < 20'000; ++i)
    optional = languages.sequence(
        languages.any_of(std::array{languages.text(i % 2 ? "a" : "b"), kEmptyText}), optional);
  EXPECT_EQ(languages.shortest(optional), 0u);
}

TEST(Languages, HopelessSearchesEndAndSaySo) {
  Languages languages;
  const LanguageId a = languages.text("a"), any = languages.length(1, 1);
  // Texts with an a at the 18th place from the end and none there: empty, but only after 2^18
  // states.
  const LanguageId with =
      languages.sequence(kAnyText, languages.sequence(a, languages.repeat(any, 18, 18)));
  const LanguageId two = languages.sequence(
      kAnyText, languages.sequence(languages.text("b"), languages.repeat(any, 18, 18)));
  EXPECT_TRUE(languages.empty(languages.all_of(std::array{with, two})));
  EXPECT_FALSE(languages.disjoint(with, two));
  EXPECT_TRUE(languages.exhausted());
}

TEST(Languages, RowsFillAsStepsAreTaken) {
  Languages languages;
  const LanguageId id = languages.texts({"ab", "cd"});
  const std::array<LanguageId, 256>* row = languages.row(id);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ((*row)['a'], Languages::kUnknown);
  const LanguageId next = languages.step(id, 'a');
  EXPECT_EQ((*row)['a'], next);
  EXPECT_EQ(languages.row(id), row);
}

}  // namespace
}  // namespace praxis::grammar
