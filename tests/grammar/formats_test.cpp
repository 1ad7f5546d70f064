// Formats against the JSON Schema Test Suite's optional/format cases, against the calendar and the
// address parsers of the platform, and against cases of our own.

#include "grammar/formats.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <unordered_map>

#include "grammar/pattern.h"
#include "test_data.h"

namespace praxis::grammar {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

LanguageId build(Languages& languages, std::string_view name) {
  Fuel fuel(1'000'000);
  const auto id = format(languages, name, "$.format", fuel);
  EXPECT_TRUE(id && *id) << name;
  return id && *id ? **id : kNothing;
}

void expect(std::string_view name, bool valid, std::initializer_list<std::string_view> texts) {
  Languages languages;
  const LanguageId id = build(languages, name);
  for (const std::string_view text : texts)
    EXPECT_EQ(languages.matches(id, text), valid) << name << ": " << text;
}

TEST(Formats, TheTestSuiteIsRightButForCodedHostNames) {
  const fs::path suite = unpacked("json-schema-test-suite");
  if (suite.empty())
    GTEST_SKIP() << "the JSON Schema Test Suite is not beside the project (../shared/data)";
  const fs::path folder = suite / "draft2020-12" / "optional" / "format";
  int tests = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    Languages languages;
    Fuel fuel(1'000'000);
    const auto id = format(languages, name, "$.format", fuel);
    ASSERT_TRUE(id) << name;
    if (!*id) continue;  // unknown.json and ecmascript-regex.json are no formats
    std::ifstream in(entry.path());
    int right = 0, all = 0;
    for (const Json& group : Json::parse(in)) {
      for (const Json& test : group.at("tests")) {
        if (!test.at("data").is_string()) continue;
        const auto text = test.at("data").get<std::string>();
        const bool valid = test.at("valid").get<bool>();
        const bool in_language = languages.matches(**id, text);
        ++all;
        right += in_language == valid;
        EXPECT_FALSE(in_language && !valid) << name << ": " << test.at("data");
        // A label xn--... is what a decoder says it is.
        const bool coded = name.ends_with("hostname") && text.starts_with("xn--");
        EXPECT_FALSE(!in_language && valid && !coded) << name << ": " << test.at("data");
      }
    }
    std::cout << name << ": " << right << " of " << all << "\n";
    tests += all;
  }
  EXPECT_GT(tests, 500);
}

TEST(Formats, AnyOtherNameIsAnAnnotation) {
  Languages languages;
  Fuel fuel(1000);
  for (const char* name : {"", "Date", "int32", "color", "uri ", "url"}) {
    const auto id = format(languages, name, "$.format", fuel);
    ASSERT_TRUE(id);
    EXPECT_FALSE(*id) << name;
  }
}

TEST(Formats, WithoutFuelTheSchemaPathIsNamed) {
  Languages languages;
  Fuel fuel(3);
  const auto id = format(languages, "uri", "$.a.format", fuel);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::limit);
  EXPECT_EQ(id.error().where, "$.a.format");
}

// --- dates and times

std::string padded(int number, std::size_t width) {
  std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

TEST(Formats, DatesAreThoseOfTheCalendar) {
  using namespace std::chrono;
  Languages languages;
  const LanguageId id = build(languages, "date");
  for (const int of : {0, 4, 96, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2100, 2400, 9999}) {
    for (int m = 0; m <= 13; ++m) {
      for (int d = 0; d <= 39; ++d) {
        const std::string text = padded(of, 4) + "-" + padded(m, 2) + "-" + padded(d, 2);
        const year_month_day date{year{of}, month{static_cast<unsigned>(m)},
                                  day{static_cast<unsigned>(d)}};
        ASSERT_EQ(languages.matches(id, text), date.ok()) << text;
      }
    }
  }
  for (int of = 0; of < 10'000; ++of)
    ASSERT_EQ(languages.matches(id, padded(of, 4) + "-02-29"), year{of}.is_leap()) << of;
}

TEST(Formats, ALeapSecondIsOneMinuteBeforeMidnightInUtc) {
  Languages languages;
  const LanguageId id = build(languages, "time");
  for (int local = 0; local < 24 * 60; local += 7) {
    for (int offset = -24 * 60 + 1; offset < 24 * 60; ++offset) {
      const int size = std::abs(offset);
      const std::string text = padded(local / 60, 2) + ":" + padded(local % 60, 2) + ":60" +
                               (offset < 0 ? "-" : "+") + padded(size / 60, 2) + ":" +
                               padded(size % 60, 2);
      const bool leap = (local - offset + 2 * 24 * 60) % (24 * 60) == 23 * 60 + 59;
      ASSERT_EQ(languages.matches(id, text), leap) << text;
    }
  }
  expect("time", true, {"23:59:60Z", "23:59:60.5z", "23:59:60-00:00"});
  expect("time", false, {"23:58:60Z", "23:59:60", "23:59:61Z", "24:00:00Z", "00:00:00.Z"});
}

TEST(Formats, DateTimesNameTheirZone) {
  expect("date-time", true, {"2024-02-29T12:00:00Z", "2024-02-29t12:00:00.123456789+23:59"});
  expect("date-time", false,
         {"2023-02-29T12:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00", "2024-02-29",
          "2024-02-29T12:00Z"});
}

/// Residuals of an automaton over `bytes`, each with the length of its shortest text.
void expect_distances(std::string_view name, std::string_view bytes) {
  Languages languages;
  const LanguageId start = build(languages, name);
  std::unordered_map<LanguageId, std::vector<LanguageId>> before;
  std::deque<LanguageId> queue{start};
  before[start];
  std::unordered_map<LanguageId, std::uint64_t> distance;
  std::deque<LanguageId> ends;
  while (!queue.empty()) {
    const LanguageId id = queue.front();
    queue.pop_front();
    if (languages.accepts_empty(id)) {
      distance[id] = 0;
      ends.push_back(id);
    }
    for (const char c : bytes) {
      const LanguageId next = languages.step(id, static_cast<std::uint8_t>(c));
      if (next == kNothing) continue;
      const auto [entry, fresh] = before.try_emplace(next);
      entry->second.push_back(id);
      if (fresh) queue.push_back(next);
    }
  }
  for (; !ends.empty(); ends.pop_front()) {
    for (const LanguageId from : before[ends.front()]) {
      if (distance.try_emplace(from, distance[ends.front()] + 1).second) ends.push_back(from);
    }
  }
  for (const auto& [id, from] : before) {
    const auto known = distance.find(id);
    ASSERT_NE(known, distance.end()) << name << ": a residual without a text";
    ASSERT_EQ(languages.shortest(id), known->second) << name;
  }
}

TEST(Formats, AutomataKnowHowFarTheirEndIs) {
  expect_distances("date", "0123456789-");
  expect_distances("time", "0123456789:.Z+-");
  expect_distances("date-time", "0123456789-T:.Z+-");
  expect_distances("hostname", "a-.");
}

TEST(Formats, DurationsCountDown) {
  expect("duration", true, {"P1Y2M3DT4H5M6S", "P0D", "PT36H", "P2W"});
  expect("duration", false, {"P", "PT", "P1D1Y", "P1Y1D", "PT1H1S", "P1W1D", "PT1.5S", "1D"});
}

// --- addresses

std::string random_text(std::mt19937& random, std::string_view from, std::size_t length) {
  std::string text;
  while (text.size() < length) text += from[random() % from.size()];
  return text;
}

TEST(Formats, AddressesAreThosePlatformParsersTake) {
  std::mt19937 random(3);
  Languages languages;
  const LanguageId four = build(languages, "ipv4"), six = build(languages, "ipv6");
  int members = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text;
    if (i % 3 == 0) {
      for (int part = 0; part < 4; ++part)
        text += (part ? "." : "") + std::to_string(random() % (random() % 3 ? 300 : 30));
    } else {
      for (std::size_t n = 1 + random() % 9; n > 0; --n)
        text +=
            random_text(random, "0af9", random() % 8 ? 1 + random() % 4 : 0) + (n > 1 ? ":" : "");
      if (random() % 3 == 0) text.replace(random() % (text.size() + 1), random() % 3, "::");
      if (random() % 4 == 0) text += "1.2.3.4";
    }
    if (random() % 4 == 0 && !text.empty()) text[random() % text.size()] = "0:.f5"[random() % 5];
    in6_addr address;
    const bool is_four = inet_pton(AF_INET, text.c_str(), &address) == 1;
    const bool is_six = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    ASSERT_EQ(languages.matches(four, text), is_four) << text;
    ASSERT_EQ(languages.matches(six, text), is_six) << text;
    members += is_four + is_six;
  }
  EXPECT_GT(members, 10'000);
}

/// RFC 1123 and RFC 1035, label by label.
bool is_host(const std::string& text) {
  if (text.empty() || text.size() > 253) return false;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find('.', from), text.size());
    const std::string label = text.substr(from, to - from);
    if (label.empty() || label.size() > 63 || label[0] == '-' || label.back() == '-') return false;
    if (label.starts_with("xn--")) return false;
    from = to + 1;
  }
  return true;
}

TEST(Formats, HostNamesAreLabelsWithinTheirLimits) {
  std::mt19937 random(4);
  Languages languages;
  const LanguageId id = build(languages, "hostname");
  int members = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text;
    for (std::size_t n = random() % 6; n > 0; --n) {
      std::string label =
          random_text(random, "a0a0a0xn-", random() % 4 ? random() % 9 : 60 + random() % 5);
      if (random() % 5 == 0) label = "xn-" + label;
      if (random() % 4) {
        if (label.starts_with('-')) label[0] = 'b';
        if (label.ends_with('-')) label.back() = 'b';
      }
      text += label + (n > 1 ? "." : "");
    }
    ASSERT_EQ(languages.matches(id, text), is_host(text)) << text;
    members += is_host(text);
  }
  EXPECT_GT(members, 1000);
  const std::string most = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                           std::string(63, 'c') + "." + std::string(61, 'd');
  expect("hostname", true, {most, "localhost", "a--b", "ab--c", "127.0.0.1", "x-n--a"});
  expect("hostname", false, {most + "e", "XN--a", "a.xN--b", "a.", "a..b", "a_b", "\xC3\xA9.com"});
}

TEST(Formats, InternationalHostNamesAreAsLongAsTheirCode) {
  const auto repeated = [](std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  // Lengths as another coder (Python's punycode) gives them: 63 bytes, and one byte more.
  for (const char* letter : {"ü", "一", "α"}) {
    const std::string most = repeated(letter, 57);
    expect("idn-hostname", true, {most, most + "." + most});
    expect("idn-hostname", false,
           {most + letter, most + "a", most + "。" + most + "." + most + "." + most});
  }
  const std::string mixed = "ßかéかßé漢é字α漢字é字一αかaß字かなüなα漢字字bな";
  expect("idn-hostname", true, {mixed});
  expect("idn-hostname", false, {mixed + "a", mixed + "字"});
}

TEST(Formats, InternationalLabelsFollowTheirContexts) {
  expect("idn-hostname", true,
         {"Example.COM", "bücher.example", "l·l·l", "a-ü", "例え.テスト", "א-ב5", "א.a1"});
  expect("idn-hostname", false,
         {"Bücher", "ü-", "-ü", "üa--b", "l··l", "א.1a", "א5٠", "aא", "א-", "ﬁ", "a b", "ü_"});
}

TEST(Formats, MailboxesAreThoseOfTheEnvelope) {
  const std::string longest(64, 'a');
  expect("email", true,
         {"a@b", "a.b+c@example.com", "\"a b\\\"\"@b", "\"\"@b", longest + "@b", "a@[127.0.0.1]",
          "a@[IPv6:::1]", "a@xn--e1afmkfd.com"});
  expect("email", false,
         {"a", "@b", "a@", ".a@b", "a.@b", "a..b@c", "a b@c", longest + "a@b", "a@b@c", "a@[1.2.3]",
          "a@[::1]", "a@-b", "a@b.", "\"a@b", "a@[IPv6:1::3:4:5:6:7:8]", "\xC3\xA9@b"});
  expect("idn-email", true, {"\xC3\xA9@\xC3\xA9.com", "\"\xC3\xA9\"@b", "a@b-\xC3\xA9"});
  expect("idn-email", false, {"\xC3\xA9", "\xC3\xA9@-b", "\xC3\xA9@b-"});
}

// --- references and pointers

TEST(Formats, ReferencesFollowTheirGrammar) {
  expect("uri", true,
         {"a:", "http://", "http://[::1]:80/a?b#c", "urn:a:b", "file:///a", "a+b-c.d:/",
          "http://u:p@h:/?", "a:b//c", "http://[v1.a:b]/", "x://a@b", "a:?/?#/?"});
  expect("uri", false,
         {"", "a", "//a", "1a:b", "http://a b", "http://[::1", "http://::1]/", "a:#b#c",
          "http://a:b:c/", "a:[", "a:%4", "http://a@b@c", "\xC3\xA9:a", "a:\xC3\xA9"});
  expect("uri-reference", true, {"", "a", "//a", "./a:b", "?a", "#a", "/a//b", "a/b:c", "a:"});
  expect("uri-reference", false, {"1:b", ":a", "a b", "%", "/a\\b", "a_b:c", "\xC3\xA9"});
  expect("iri", true, {"http://\xC3\xA9/\xC3\xA9?\xEE\x80\x80#\xC3\xA9"});
  expect("iri", false,
         {"\xC3\xA9", "http://a/\xEE\x80\x80", "http://a/\xEF\xBF\xBE", "http://a/\xC2\x80"});
  expect("iri-reference", true, {"\xC3\xA9", "//\xC3\xA9"});
  expect("uri-template", true, {"", "{a}", "{+a,b*,c:12}/x", "{a.b}", "a%20", "{%41}", "\xC3\xA9"});
  expect("uri-template", false,
         {"{", "}", "{}", "{a", "{a,}", "{:1}", "{a:0}", "{=a}", "{a*:1}", "a b", "%"});
  expect("json-pointer", true, {"", "/", "/a~0b~1c", "//", "/\xC3\xA9"});
  expect("json-pointer", false, {"a", "/~", "/~2", "#/a"});
  expect("relative-json-pointer", true, {"0", "10/a", "1#"});
  expect("relative-json-pointer", false, {"", "01", "-1", "1#/a", "1a", "/a"});
  expect("uuid", true, {"2eb8aa08-AA98-11ea-b4aa-73b441d16380"});
  expect("uuid", false,
         {"2eb8aa08aa9811eab4aa73b441d16380", "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}"});
}

// --- patterns

TEST(Formats, PatternsAreThoseWithBalancedGroupsInOrder) {
  expect("regex", true,
         {"", "a|b", "(a(?:b)*)+?", "[^a-z\\d_-]{2,5}", "^$", "\\/\\u00e9\\x41\\0", "(?<name>x)",
          "(?=a)(?<!b)", "[]", "[^]", "\\bx\\B", "a{2}b{3,}", "((((x))))", "[+-]", "[*.-]"});
  expect("regex", false,
         {"(",       ")",   "[", "a**", "*a",     "a{2,1}",   "a{20,3}", "\\",   "\\a",
          "[z-a]",   "{1}", "]", "}",   "(?=a)*", "(?P<n>a)", "^*",      "\\01", "(?<a>x)(?<a>y)",
          "[\\d-z]", "(?"});
}

/// A random text of a language that seldom ends before `length`.
std::string random_member(Languages& languages, LanguageId id, std::mt19937& random,
                          std::size_t length) {
  static constexpr std::string_view kBytes =
      "()[]{}|*+?^$\\.-,:=!<>0123456789abcdswDSWbBnrtuxzA_/ ";
  std::string text;
  while (text.size() < 200) {
    if (languages.accepts_empty(id) && text.size() >= length) return text;
    const bool home = text.size() >= length;  // the shortest way out from here
    LanguageId next = kNothing;
    char byte = 0;
    std::uint64_t best = Languages::kEndless;
    for (int i = 0;
         i < (home ? static_cast<int>(kBytes.size()) : 200) && (home || next == kNothing); ++i) {
      const char c = home ? kBytes[static_cast<std::size_t>(i)] : kBytes[random() % kBytes.size()];
      const LanguageId then = languages.step(id, static_cast<std::uint8_t>(c));
      if (then == kNothing) continue;
      const std::uint64_t left = languages.shortest(then);
      if (left >= best) continue;
      best = left, next = then, byte = c;
    }
    if (next == kNothing) break;
    text += byte;
    id = next;
  }
  return languages.accepts_empty(id) ? text : "";
}

TEST(Formats, EveryPatternOfTheFormatIsReadByThePatternReader) {
  std::mt19937 random(6);
  Languages languages;
  const LanguageId id = build(languages, "regex");
  int read = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_member(languages, id, random, 1 + random() % 14);
    Languages fresh;
    Fuel fuel(10'000'000);
    const auto made = pattern(fresh, text, "$", fuel);
    EXPECT_TRUE(made || made.error().code != ErrorCode::bad_schema)
        << text << ": " << made.error().what;
    read += made.has_value();
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace praxis::grammar
