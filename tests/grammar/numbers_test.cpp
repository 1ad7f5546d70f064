// Number languages against exact arithmetic: Decimal for bounds, integers of 128 bits for
// divisibility, and a spelling rule written down a second time.

#include "grammar/numbers.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <unordered_map>

namespace praxis::grammar {
namespace {

__extension__ using Wide = __int128;

constexpr std::string_view kBytes = "0123456789.-+eE";

Decimal decimal(std::string_view text) { return *Decimal::parse(text); }

/// "1", "(1": a limit, open with the bracket; "": none.
std::optional<Limit> limit(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool open = text.front() == '(';
  return Limit{decimal(text.substr(open ? 1 : 0)), open};
}

NumberRange range(std::string_view low, std::string_view high, bool integral = false) {
  return NumberRange{limit(low), limit(high), std::nullopt, integral};
}

LanguageId build(Languages& languages, const NumberRange& range) {
  Fuel fuel(1'000'000);
  const auto id = numbers(languages, range, "$", fuel);
  EXPECT_TRUE(id) << id.error().what;
  return id.value_or(kNothing);
}

LanguageId build_multiples(Languages& languages, std::string_view of) {
  Fuel fuel(1'000'000);
  const auto id = multiples(languages, decimal(of), "$", fuel);
  EXPECT_TRUE(id) << id.error().what;
  return id.value_or(kNothing);
}

bool inside(const Decimal& value, const NumberRange& range) {
  const auto& [low, high, of, integral] = range;
  if (low && (low->open ? value <= low->value : value < low->value)) return false;
  if (high && (high->open ? value >= high->value : value > high->value)) return false;
  return !integral || value.integral();
}

/// value = n * of for an integer n? Both short enough for 128 bits.
bool multiple(const Decimal& value, const Decimal& of) {
  if (value.zero()) return true;
  const auto last = [](const Decimal& d) {
    return d.exponent - static_cast<std::int64_t>(d.digits.size());
  };
  Wide v = 0, o = 0;
  for (const char c : value.digits) v = v * 10 + (c - '0');
  for (const char c : of.digits) o = o * 10 + (c - '0');
  // v * 10^tens / o. No more than 44 tens help, and a remainder keeps the product small.
  const std::int64_t tens = last(value) - last(of);
  if (tens < 0) {  // v has no more trailing zeros than o's factors allow it to lose
    for (std::int64_t i = tens; i < 0; ++i) {
      if (v % 10 != 0) return false;
      v /= 10;
    }
  }
  for (std::int64_t i = 0; i < std::min<std::int64_t>(tens, 60); ++i) v = v % o * 10;
  return v % o == 0;
}

/// The spelling rule of numbers.h.
bool spelled(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return text.substr(from, i - from);
  };
  if (i < text.size() && text[i] == '-') ++i;
  const std::string_view whole = digits();
  if (whole.empty() || whole.size() > 40 || (whole[0] == '0' && whole.size() > 1)) return false;
  std::string_view fraction;
  if (i < text.size() && text[i] == '.') {
    ++i;
    fraction = digits();
    if (fraction.empty() || fraction.size() > 40) return false;
  }
  if (i == text.size()) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  ++i;
  if (whole.size() != 1 || fraction.size() > 16) return false;
  if (whole == "0" && fraction.find_first_not_of('0') != fraction.npos) return false;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  const std::string_view exponent = digits();
  return i == text.size() && !exponent.empty() && exponent.size() <= 2;
}

/// Every text of up to `length` bytes over a small alphabet.
const std::vector<std::string>& short_texts() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all = {""};
    for (std::size_t from = 0, length = 0; length < 5; ++length) {
      const std::size_t to = all.size();
      for (; from < to; ++from) {
        for (const char c : std::string_view("0127.-eE+")) all.push_back(all[from] + c);
      }
    }
    return all;
  }();
  return texts;
}

const std::vector<std::string>& short_numbers() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> some;
    for (const std::string& text : short_texts()) {
      if (spelled(text)) some.push_back(text);
    }
    return some;
  }();
  return texts;
}

/// A spelling, often one near `near`: its digits are kept for a while, then they wander off.
std::string random_number(std::mt19937& random, const Decimal& near) {
  const auto below = [&random](int n) {
    return static_cast<int>(random() % static_cast<unsigned>(n));
  };
  std::string digits = near.digits.substr(
      0, near.digits.size() - static_cast<std::size_t>(near.zero() ? 0 : below(2)));
  if (!digits.empty() && below(2)) {
    char& c = digits[static_cast<std::size_t>(below(static_cast<int>(digits.size())))];
    c = static_cast<char>(std::clamp<int>(c + below(3) - 1, '0', '9'));
  }
  static constexpr std::string_view kNoise = "00009999123456789";
  for (int n = below(4) ? below(3) : below(30); n > 0; --n)
    digits += kNoise[static_cast<std::size_t>(below(17))];
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) digits = below(2) ? "0" : "7";
  const int point = static_cast<int>(near.exponent) + (below(3) ? 0 : below(7) - 3);
  std::string text = near.negative != (below(5) == 0) ? "-" : "";
  if (below(2) && digits != "0") {  // mantissa and exponent
    digits.resize(std::min<std::size_t>(digits.size(), 17));
    text += digits[0];
    if (digits.size() > 1) text += "." + digits.substr(1);
    const int exponent = std::clamp(point - 1, -99, 99);
    text += below(2) ? 'e' : 'E';
    text += exponent < 0 ? "-" : below(2) ? "+" : "";
    const int magnitude = std::abs(exponent);
    return text + (magnitude < 10 && below(2) ? "0" : "") + std::to_string(magnitude);
  }
  const int places = std::clamp(point, -30, 40);
  if (places <= 0)
    return text + "0." +
           (std::string(static_cast<std::size_t>(-places), '0') + digits).substr(0, 40);
  const auto n = static_cast<std::size_t>(places);
  if (digits.size() < n) digits.resize(n, '0');
  text += digits[0] == '0' ? "0" : digits.substr(0, n);
  return digits.size() > n ? text + "." + digits.substr(n, 40) : text;
}

struct Reach {
  std::size_t states = 0, dead_ends = 0;
};

/// Every residual of a language, and those among them that no text completes.
Reach reach(Languages& languages, LanguageId start) {
  std::unordered_map<LanguageId, std::vector<LanguageId>> before;
  std::deque<LanguageId> queue;
  if (start == kNothing) return {};
  before[start];
  queue.push_back(start);
  std::vector<LanguageId> complete;
  while (!queue.empty()) {
    const LanguageId id = queue.front();
    queue.pop_front();
    if (languages.accepts_empty(id)) complete.push_back(id);
    for (const char c : kBytes) {
      const LanguageId next = languages.step(id, static_cast<std::uint8_t>(c));
      if (next == kNothing) continue;
      const auto [entry, fresh] = before.try_emplace(next);
      entry->second.push_back(id);
      if (fresh) queue.push_back(next);
    }
  }
  std::unordered_map<LanguageId, bool> alive;
  for (const LanguageId id : complete) alive[id] = true;
  while (!complete.empty()) {
    const LanguageId id = complete.back();
    complete.pop_back();
    for (const LanguageId from : before[id]) {
      if (!std::exchange(alive[from], true)) complete.push_back(from);
    }
  }
  std::size_t living = 0;
  for (const auto& [id, lives] : alive) living += lives;
  return Reach{before.size(), before.size() - living};
}

const std::vector<NumberRange>& ranges() {
  static const std::vector<NumberRange> all = [] {
    std::vector<NumberRange> some;
    const std::pair<const char*, const char*> ends[] = {
        {"", ""},
        {"0", ""},
        {"(0", ""},
        {"", "0"},
        {"", "(0"},
        {"0", "0"},
        {"0", "1"},
        {"(0", "(1"},
        {"-1", "1"},
        {"1", "100"},
        {"12", ""},
        {"", "12"},
        {"-27", "(12.7"},
        {"0.07", "0.2"},
        {"(-0.2", "-0.07"},
        {"1.5", "(1.72"},
        {"(1", "(2"},
        {"7", "7"},
        {"-70", "-70"},
        {"0.12", "0.12"},
        {"(0.12", "0.121"},
        {"99.9", "1e3"},
        {"1e5", ""},
        {"1e38", "1e45"},
        {"1e60", ""},
        {"", "-1e60"},
        {"(1e99", ""},
        {"1e101", ""},
        {"9.99e99", ""},
        {"1e-60", "2e-60"},
        {"(0", "1e-50"},
        {"(0", "1e-100"},
        {"(0", "1e-99"},
        {"(1000", "(1001"},
        {"1000000", "2000000"},
        {"12345678901234567890", "12345678901234567891"},
        {"(0.12345678901234567890123456789012345678901234",
         "0.123456789012345678901234567890123456789013"},
        {"-9007199254740991", "9007199254740991"},
        {"-1.7976931348623157e308", "1.7976931348623157e308"},
        {"0.999999999999999999999999", "(1"},
        {"-2147483648", "2147483647"},
        {"1", "9"},
        {"(9", "10"}};
    for (const auto& [low, high] : ends) {
      some.push_back(range(low, high));
      some.push_back(range(low, high, true));
    }
    return some;
  }();
  return all;
}

std::string describe(const NumberRange& range) {
  const auto text = [](const std::optional<Limit>& l) {
    return l ? std::string(l->open ? "(" : "") + l->value.to_string() : std::string("-");
  };
  return text(range.minimum) + " .. " + text(range.maximum) + (range.integral ? " integral" : "");
}

TEST(Numbers, EveryShortTextIsInExactlyIfItIsSpelled) {
  Languages languages;
  const LanguageId all = spelled_numbers(languages), some = build(languages, range("-70", "12.5"));
  for (const std::string& text : short_texts()) {
    ASSERT_EQ(languages.matches(all, text), spelled(text)) << text;
    if (!spelled(text)) {
      ASSERT_FALSE(languages.matches(some, text)) << text;
    }
  }
}

TEST(Numbers, ShortNumbersAreInARangeExactlyByTheirValue) {
  Languages languages;
  for (const NumberRange& range : ranges()) {
    const LanguageId id = build(languages, range);
    for (const std::string& text : short_numbers()) {
      ASSERT_EQ(languages.matches(id, text), inside(decimal(text), range))
          << text << " in " << describe(range);
    }
  }
}

TEST(Numbers, NumbersNearTheEndsOfARangeAreInExactlyByTheirValue) {
  std::mt19937 random(7);
  Languages languages;
  int members = 0;
  for (const NumberRange& range : ranges()) {
    const LanguageId id = build(languages, range);
    for (int i = 0; i < 1500; ++i) {
      const auto& end = i % 2 && range.minimum ? range.minimum : range.maximum;
      const std::string text = random_number(random, end ? end->value : decimal("12.5"));
      if (!spelled(text)) continue;
      const bool expected = inside(decimal(text), range);
      ASSERT_EQ(languages.matches(id, text), expected) << text << " in " << describe(range);
      members += expected;
    }
  }
  EXPECT_GT(members, 20'000);
}

TEST(Numbers, RandomRangesHoldExactlyTheirNumbers) {
  std::mt19937 random(8);
  for (int round = 0; round < 400; ++round) {
    Languages languages;
    const auto end = [&]() -> std::optional<Limit> {
      if (random() % 6 == 0) return std::nullopt;
      std::string digits = std::to_string(random() % (random() % 2 ? 100 : 1'000'000'000));
      if (random() % 9 == 0)
        digits += std::to_string(random()) + std::to_string(random()) + std::to_string(random());
      const int shift =
          static_cast<int>(random() % (random() % 4 ? 6 : 120)) - static_cast<int>(digits.size());
      return Limit{decimal((random() % 2 ? "-" : "") + digits + "e" + std::to_string(shift)),
                   random() % 3 == 0};
    };
    NumberRange range{end(), end(), std::nullopt, random() % 3 == 0};
    if (range.minimum && range.maximum && range.minimum->value > range.maximum->value &&
        random() % 8)
      std::swap(range.minimum, range.maximum);
    const LanguageId id = build(languages, range);
    for (int i = 0; i < 200; ++i) {
      const auto& near = i % 2 && range.minimum ? range.minimum : range.maximum;
      const std::string text = random_number(random, near ? near->value : decimal("1"));
      if (!spelled(text)) continue;
      ASSERT_EQ(languages.matches(id, text), inside(decimal(text), range))
          << text << " in " << describe(range);
      if (id == kNothing) continue;
      // A prefix is dead only if it cannot become this number.
      if (!inside(decimal(text), range)) continue;
      LanguageId at = id;
      for (const char c : text) at = languages.step(at, static_cast<std::uint8_t>(c));
      ASSERT_NE(at, kNothing);
    }
  }
}

TEST(Numbers, EveryPrefixCanBeCompleted) {
  for (const NumberRange& range : ranges()) {
    Languages languages;
    const LanguageId id = build(languages, range);
    const Reach all = reach(languages, id);
    EXPECT_EQ(all.dead_ends, 0u) << describe(range);
    EXPECT_LT(all.states, 700u) << describe(range);
  }
}

const char* const kDivisors[] = {
    "1",      "2",    "3",      "5",      "7",       "10",    "100",
    "1200",   "0.5",  "0.25",   "0.01",   "0.001",   "0.07",  "2.5",
    "12",     "1e3",  "0.125",  "1e-8",   "1e-20",   "7e-45", "999999999989",
    "0.1536", "3e11", "1e-300", "0.0075", "1.2e-17", "25e-40"};

TEST(Numbers, ShortNumbersAreMultiplesExactlyByTheirValue) {
  Languages languages;
  for (const char* of : kDivisors) {
    const LanguageId id = build_multiples(languages, of);
    for (const std::string& text : short_numbers()) {
      ASSERT_EQ(languages.matches(id, text), multiple(decimal(text), decimal(of)))
          << text << " of " << of;
    }
  }
}

TEST(Numbers, LongNumbersAreMultiplesExactlyByTheirValue) {
  std::mt19937 random(9);
  Languages languages;
  int members = 0;
  for (const char* of : kDivisors) {
    const LanguageId id = build_multiples(languages, of);
    const Decimal divisor = decimal(of);
    for (int i = 0; i < 2500; ++i) {
      // Some multiple, or something beside it, spelled near it.
      std::string digits =
          std::to_string(std::stoull(divisor.digits) * (random() % (i % 3 ? 50 : 1'000'000)));
      const std::int64_t last = divisor.exponent - static_cast<std::int64_t>(divisor.digits.size());
      const Decimal near =
          decimal(digits + "e" + std::to_string(last + static_cast<int>(random() % 4)));
      const std::string text = random_number(random, near);
      if (!spelled(text) || decimal(text).digits.size() > 24) continue;
      const bool expected = multiple(decimal(text), divisor);
      ASSERT_EQ(languages.matches(id, text), expected) << text << " of " << of;
      members += expected;
    }
  }
  EXPECT_GT(members, 10'000);
}

TEST(Numbers, EveryPrefixOfAMultipleCanBeCompleted) {
  for (const char* of : kDivisors) {
    const Decimal divisor = decimal(of);
    if (divisor.digits.size() > 3 || divisor.exponent > 4)
      continue;  // as many states as remainders
    Languages languages;
    const Reach all = reach(languages, build_multiples(languages, of));
    EXPECT_EQ(all.dead_ends, 0u) << of;
  }
}

TEST(Numbers, MultiplesInARangeAreExactAndNeverEndDead) {
  std::mt19937 random(12);
  int members = 0, nothing = 0;
  for (int round = 0; round < 600; ++round) {
    Languages languages;
    const Decimal of = decimal(kDivisors[random() % std::size(kDivisors)]);
    const auto last = of.exponent - static_cast<std::int64_t>(of.digits.size());
    const std::uint64_t p = std::stoull(of.digits);
    const auto end = [&]() -> std::optional<Limit> {  // a multiple, or beside one
      if (random() % 4 == 0) return std::nullopt;
      const std::uint64_t near = p * (random() % (random() % 2 ? 12 : 1000)) + random() % 3;
      const std::string digits = std::to_string(near) + (random() % 3 ? "" : "5");
      const auto shift = last + static_cast<int>(random() % 3) - 1;
      return Limit{decimal((random() % 3 ? "" : "-") + digits + "e" + std::to_string(shift)),
                   random() % 3 == 0};
    };
    NumberRange range{end(), end(), of, random() % 4 == 0};
    if (range.minimum && range.maximum && range.minimum->value > range.maximum->value)
      std::swap(range.minimum, range.maximum);
    const LanguageId id = build(languages, range);
    nothing += id == kNothing;
    const auto expected = [&](const std::string& text) {
      return inside(decimal(text), range) && multiple(decimal(text), of);
    };
    for (int i = 0; i < 100; ++i) {
      const auto& limit = i % 2 ? range.minimum : range.maximum;
      const std::uint64_t times = random() % 1000;
      const std::string text = random_number(
          random,
          limit ? limit->value : decimal(std::to_string(p * times) + "e" + std::to_string(last)));
      if (!spelled(text) || decimal(text).digits.size() > 24) continue;
      ASSERT_EQ(languages.matches(id, text), expected(text))
          << text << " in " << describe(range) << " of " << of.to_string();
      members += expected(text);
    }
    // From wherever a walk gets to, it can go on to a member.
    for (int i = 0; i < 4 && id != kNothing; ++i) {
      LanguageId at = id;
      std::string text;
      while (!languages.accepts_empty(at) || random() % 4) {
        std::string next;
        for (const char c : kBytes) {
          if (languages.step(at, static_cast<std::uint8_t>(c)) != kNothing) next += c;
        }
        if (next.empty()) break;
        text += next[random() % next.size()];
        at = languages.step(at, static_cast<std::uint8_t>(text.back()));
      }
      ASSERT_TRUE(languages.accepts_empty(at))
          << text << " in " << describe(range) << " of " << of.to_string();
      ASSERT_TRUE(inside(decimal(text), range))
          << text << " in " << describe(range) << " of " << of.to_string();
      if (decimal(text).digits.size() <= 24) {
        ASSERT_TRUE(expected(text)) << text;
      }
    }
  }
  EXPECT_GT(members, 5000);
  EXPECT_GT(nothing, 10);
  EXPECT_LT(nothing, 200);
}

TEST(Numbers, NoMultipleInARangeIsNothing) {
  Languages languages;
  const auto between = [&](const char* low, const char* high, const char* of) {
    return build(languages, NumberRange{limit(low), limit(high), decimal(of), false});
  };
  EXPECT_EQ(between("1000", "1990", "1993"), kNothing);
  EXPECT_EQ(between("1000", "(1993", "1993"), kNothing);
  EXPECT_NE(between("1000", "1993", "1993"), kNothing);
  EXPECT_EQ(between("(1e20", "1e20", "7"), kNothing);
  EXPECT_EQ(between("(0", "1e-9", "1e-8"), kNothing);
  EXPECT_EQ(between("200000000000", "(299999999979", "99999999993"), kNothing);
  const LanguageId zero = between("-0.4", "0.4", "0.5");
  for (const std::string& text : short_numbers())
    EXPECT_EQ(languages.matches(zero, text), decimal(text).zero()) << text;
}

TEST(Numbers, PrefixesOfMultiplesOfALargePrimeEndBeforeTheLastDigits) {
  // 39 digits are written; the last one decides, and the wrong 38th is refused already.
  std::mt19937 random(10);
  Languages languages;
  const LanguageId id = build_multiples(languages, "999999999989");
  for (int round = 0; round < 200; ++round) {
    LanguageId at = languages.step(id, '1');
    for (int i = 0; i < 100; ++i) {
      std::vector<LanguageId> next;
      for (char c = '0'; c <= '9'; ++c) {
        const LanguageId then = languages.step(at, static_cast<std::uint8_t>(c));
        if (then != kNothing) next.push_back(then);
      }
      if (next.empty()) break;
      at = next[random() % next.size()];
    }
    ASSERT_TRUE(languages.accepts_empty(at));
  }
}

TEST(Numbers, WhatPrintersWriteIsIn) {
  Languages languages;
  const LanguageId all = spelled_numbers(languages);
  const LanguageId some = build(languages, range("-1e30", "1e30"));
  for (const char* text : {"1e-05", "1e+20", "1e21", "1.5e-07", "1.7976931348623157e+30", "5E-4",
                           "1.000000e+01", "0.000000e+00", "-0.0", "2.5"}) {
    EXPECT_TRUE(languages.matches(all, text)) << text;
    EXPECT_EQ(languages.matches(some, text), inside(decimal(text), range("-1e30", "1e30"))) << text;
  }
}

TEST(Numbers, AnEmptyRangeIsNothing) {
  Languages languages;
  EXPECT_EQ(build(languages, range("(1", "(2", true)), kNothing);
  EXPECT_EQ(build(languages, range("2", "1")), kNothing);
  EXPECT_EQ(build(languages, range("(1", "1")), kNothing);
  EXPECT_EQ(build(languages, range("0.1", "0.9", true)), kNothing);
  EXPECT_EQ(build(languages, range("-0.9", "-0.1", true)), kNothing);
  EXPECT_EQ(build(languages, range("1e200", "")), kNothing);
  EXPECT_NE(build(languages, range("(1", "(1.0000000000000001")), kNothing);
}

TEST(Numbers, DigitsThatLeftARangeEndThere) {
  Languages languages;
  LanguageId at = build(languages, range("0", "20", true));
  at = languages.step(at, '1');
  at = languages.step(at, '5');
  EXPECT_EQ(languages.step(at, '0'), kNothing);
  EXPECT_EQ(languages.step(at, 'e'), kNothing);
  EXPECT_EQ(languages.step(build(languages, range("5", "")), '-'), kNothing);
}

TEST(Numbers, IntersectionsAreSearchedQuickly) {
  const auto steps_to = [](const NumberRange& bounds, const char* of, std::uint64_t expected) {
    Languages languages;
    const LanguageId both[] = {build(languages, bounds), build_multiples(languages, of)};
    EXPECT_EQ(languages.shortest(languages.all_of(both)), expected)
        << describe(bounds) << " of " << of;
    return languages.size();
  };
  EXPECT_LT(steps_to(range("(0", "(1"), "0.001", 3), 3000u);              // 0.1
  EXPECT_LT(steps_to(range("1000000", "2000000", true), "1", 3), 3000u);  // 1e6
  EXPECT_LT(steps_to(range("0.5", "0.5"), "0.5", 3), 3000u);
  EXPECT_LT(steps_to(range("(1", "(2"), "1", Languages::kEndless), 3000u);
  EXPECT_LT(steps_to(range("1000000000000002", "1000000000000003"), "7", Languages::kEndless),
            3000u);
  EXPECT_LT(steps_to(range("(100", "(107"), "107", Languages::kEndless), 20'000u);
}

TEST(Numbers, TheContractsPartsAgreeWithTheRange) {
  Languages languages;
  Fuel fuel(1000);
  const Limit low{decimal("-2.5"), true}, high{decimal("70"), false};
  const LanguageId parts[] = {*at_least(languages, low, "$", fuel),
                              *at_most(languages, high, "$", fuel), integers(languages)};
  const LanguageId both = languages.all_of(parts);
  const LanguageId whole = build(languages, NumberRange{low, high, std::nullopt, true});
  const LanguageId seven = *equal_to(languages, decimal("7"), "$", fuel);
  for (const std::string& text : short_numbers()) {
    EXPECT_EQ(languages.matches(both, text), languages.matches(whole, text)) << text;
    EXPECT_EQ(languages.matches(seven, text), decimal(text) == decimal("7")) << text;
  }
}

TEST(Numbers, WhatIsBeyondALimitIsRefusedByName) {
  Languages languages;
  Fuel fuel(100'000);
  const auto far = at_least(languages, Limit{decimal("1e2000"), false}, "$.minimum", fuel);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code, ErrorCode::limit);
  EXPECT_EQ(far.error().where, "$.minimum");
  EXPECT_EQ(multiples(languages, decimal("12345678901234567"), "$", fuel).error().code,
            ErrorCode::limit);
  EXPECT_EQ(multiples(languages, decimal("-1"), "$", fuel).error().code, ErrorCode::bad_schema);
  EXPECT_EQ(multiples(languages, decimal("0"), "$", fuel).error().code, ErrorCode::bad_schema);
  Fuel none(0);
  EXPECT_EQ(at_most(languages, Limit{decimal("1"), false}, "$", none).error().code,
            ErrorCode::limit);
}

}  // namespace
}  // namespace praxis::grammar
