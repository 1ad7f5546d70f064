#include "grammar/formats.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/idn.h"

namespace praxis::grammar {
namespace {

// --- dates and times

/// RFC 3339, section 5.6, with the lengths of months and years (5.7). A second 60 stands only
/// where UTC reads 23:59: the offset behind it is then the one that makes it so. The state is the
/// place in 2000-02-29T23:59:60, or behind it, and what of the fields read still matters.
class ClockAutomaton final : public Automaton {
 public:
  enum Part : std::uint8_t { date = 1, time = 2, date_time = date | time };
  explicit ClockAutomaton(Part part) : part_(part) {}

  std::uint64_t start() const override {
    return write(State{part_ & date ? 0 : kTime, {}, {}, {}});
  }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    const State at = read(state);
    if (at.place < kDateEnd) return write(in_date(at, byte));
    if (at.place == kDateEnd) {
      const bool on = part_ == date_time && (byte == 'T' || byte == 't');
      return on ? write(State{kTime, {}, {}, {}}) : 0;
    }
    if (at.place < kSecondsEnd) return write(in_time(at, byte));
    return write(behind_seconds(at, byte));
  }

  bool accepts(std::uint64_t state) const override {
    const int place = read(state).place;
    return part_ == date ? place == kDateEnd : place == kEnd;
  }

  std::optional<std::uint64_t> shortest(std::uint64_t state) const override {
    const State at = read(state);
    const bool needs_offset = at.second != kNoLeap && !(at.first == 23 && at.second == 59);
    const int zone = at.place >= 18 && needs_offset ? kEnd - kOffset + 1 : 1;
    int bytes = kEnd - at.place;
    if (at.place <= kDateEnd) {
      bytes = kDateEnd - at.place + (part_ == date ? 0 : 1 + kSecondsEnd - kTime + zone);
    } else if (at.place < kOffset) {
      bytes = at.place <= kSecondsEnd ? kSecondsEnd - at.place + zone : kFraction - at.place + zone;
    }
    return static_cast<std::uint64_t>(bytes);
  }

  bool trim() const override { return true; }
  std::string key() const override { return "clock " + std::to_string(part_); }
  std::optional<std::vector<CodePointSet>> sets() const override {
    std::vector<CodePointSet> alone;
    for (const char c : std::string("0123456789-:.+TtZz"))
      alone.push_back({{static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c)}});
    return alone;
  }

 private:
  static constexpr int kDateEnd = 10, kTime = 11, kSecondsEnd = 19, kPoint = 20, kFraction = 21,
                       kOffset = 22, kEnd = 27, kDead = 31;
  struct State {
    int place;
    int field;   // what is read of the field: its first digit, or facts about the year
    int first;   // of the year: leap (0 or 1); the month's days; the hour
    int second;  // the minute; kNoLeap once the second is not 60
  };
  static constexpr int kNoLeap = 63;
  static constexpr State kNowhere{kDead, 0, 0, 0};

  static State read(std::uint64_t state) {
    const auto bits = [state](int at) { return static_cast<int>(state >> at & 63); };
    return State{bits(0), bits(6), bits(12), bits(18)};
  }
  static std::uint64_t write(const State& at) {
    if (at.place == kDead) return 0;
    const auto bits = [](int value, int at) { return static_cast<std::uint64_t>(value) << at; };
    return bits(at.place, 0) | bits(at.field, 6) | bits(at.first, 12) | bits(at.second, 18) |
           bits(1, 24);  // no state is 0
  }

  static State in_date(const State& at, std::uint8_t byte) {
    const int digit = byte - '0', next = at.place + 1;
    if (at.place == 4 || at.place == 7) {
      return byte == '-' ? State{next, 0, at.first, 0} : kNowhere;
    }
    if (digit < 0 || digit > 9) return kNowhere;
    switch (at.place) {
      case 0:
        return State{next, digit % 2, 0, 0};
      case 1:  // the century modulo 4
        return State{next, (2 * at.field + digit) % 4, 0, 0};
      case 2: {  // the year ends in 00 only behind a 0
        const int every_400 = at.field == 0 ? 4 : 0, zero = digit == 0 ? 2 : 0;
        return State{next, every_400 | zero | digit % 2, 0, 0};
      }
      case 3: {
        const bool fourth = (2 * (at.field & 1) + digit) % 4 == 0;
        const bool century = (at.field & 2) && digit == 0;
        return State{next, 0, fourth && (!century || (at.field & 4)), 0};
      }
      case 5:
        return digit <= 1 ? State{next, digit, at.first, 0} : kNowhere;
      case 6: {
        const int month = 10 * at.field + digit;
        if (month < 1 || month > 12) return kNowhere;
        const bool short_month = month == 4 || month == 6 || month == 9 || month == 11;
        return State{next, 0, month == 2 ? 28 + at.first : short_month ? 30 : 31, 0};
      }
      case 8:
        return digit <= at.first / 10 ? State{next, digit, at.first, 0} : kNowhere;
      default: {
        const int day = 10 * at.field + digit;
        return day >= 1 && day <= at.first ? State{next, 0, 0, 0} : kNowhere;
      }
    }
  }

  static State in_time(const State& at, std::uint8_t byte) {
    const int digit = byte - '0', next = at.place + 1;
    if (at.place == 13 || at.place == 16) {
      return byte == ':' ? State{next, 0, at.first, at.second} : kNowhere;
    }
    if (digit < 0 || digit > 9) return kNowhere;
    const int number = 10 * at.field + digit;
    switch (at.place) {
      case 11:
        return digit <= 2 ? State{next, digit, 0, 0} : kNowhere;
      case 12:
        return number <= 23 ? State{next, 0, number, 0} : kNowhere;
      case 14:
        return digit <= 5 ? State{next, digit, at.first, 0} : kNowhere;
      case 15:
        return State{next, 0, at.first, number};
      case 17:
        if (digit <= 5) return State{next, 0, 0, kNoLeap};
        return digit == 6 ? State{next, 0, at.first, at.second} : kNowhere;
      default:
        return at.second == kNoLeap || digit == 0 ? State{next, 0, at.first, at.second} : kNowhere;
    }
  }

  static State behind_seconds(const State& at, std::uint8_t byte) {
    const int digit = byte - '0';
    const bool is_digit = digit >= 0 && digit <= 9;
    const bool leap = at.second != kNoLeap;
    switch (at.place) {
      case kSecondsEnd:
        if (byte == '.') return State{kPoint, 0, at.first, at.second};
        [[fallthrough]];
      case kFraction:
        if (byte == 'Z' || byte == 'z') {
          return !leap || (at.first == 23 && at.second == 59) ? State{kEnd, 0, 0, 0} : kNowhere;
        }
        if (byte == '+' || byte == '-') return offset(at, byte == '-');
        if (at.place == kSecondsEnd) return kNowhere;
        [[fallthrough]];
      case kPoint:
        return is_digit ? State{kFraction, 0, at.first, at.second} : kNowhere;
      case 24:
        return byte == ':' ? State{25, 0, at.first, at.second} : kNowhere;
      default:
        break;
    }
    if (!is_digit || at.place == kEnd) return kNowhere;
    const bool hour = at.place < 24, tens = at.place == kOffset || at.place == 25;
    if (leap) {
      const int wanted = hour ? at.first : at.second;
      if (digit != (tens ? wanted / 10 : wanted % 10)) return kNowhere;
    } else if (tens ? digit > (hour ? 2 : 5) : hour && 10 * at.field + digit > 23) {
      return kNowhere;
    }
    const int next = at.place + 1;
    if (next == kEnd) return State{kEnd, 0, 0, 0};
    return State{next, tens && !leap ? digit : 0, at.first, at.second};
  }

  /// At the sign of an offset. Local time is UTC plus the offset, so at 23:59 UTC an offset is one
  /// minute more than the local time is past midnight, or what is missing to the last minute.
  static State offset(const State& at, bool negative) {
    if (at.second == kNoLeap) return State{kOffset, 0, 0, kNoLeap};
    if (negative) return State{kOffset, 0, 23 - at.first, 59 - at.second};
    const int carry = at.second == 59;
    return State{kOffset, 0, (at.first + carry) % 24, (at.second + 1) % 60};
  }

  Part part_;
};

// --- host names

/// Labels of letters, digits and inner hyphens (RFC 1123, section 2.1), at most 63 bytes each and
/// 253 in all (RFC 1035, section 2.3.4). `coded` admits labels xn--..., whose meaning only a
/// decoder knows (RFC 5890, section 2.3.2.1).
class HostAutomaton final : public Automaton {
 public:
  explicit HostAutomaton(bool coded) : coded_(coded) {}

  std::uint64_t start() const override { return start_; }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    State at = read(state);
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool plain = letter || (byte >= '0' && byte <= '9');
    if (!plain && byte != '-' && byte != '.') return 0;
    if (!plain && (at.label == 0 || (byte == '.' && at.hyphen))) return 0;
    const bool end_may_be_here = plain;
    ++at.total;
    if (at.total + !end_may_be_here > kTotalMax) return 0;
    if (byte == '.') return write(State{limited_ ? at.total : 0, 0, 0, false});
    if (!coded_) {
      static constexpr std::array<std::uint8_t, kCodedBytes> kCoded = {'x', 'n', '-', '-'};
      const std::uint8_t lower = letter ? byte | 0x20 : byte;
      const bool on = at.coded == at.label && at.label < kCodedBytes &&
                      lower == kCoded[static_cast<std::size_t>(at.label)];
      if (on && at.label == kCodedBytes - 1) return 0;
      at.coded = on ? at.label + 1 : kNotCoded;
    }
    ++at.label;
    if (at.label + !end_may_be_here > kLabelMax) return 0;
    at.hyphen = byte == '-';
    return write(limited_ ? at : forgotten(at));
  }

  bool accepts(std::uint64_t state) const override {
    const State at = read(state);
    return at.label > 0 && !at.hyphen;
  }

  std::optional<std::uint64_t> shortest(std::uint64_t state) const override {
    return accepts(state) ? 0 : 1;
  }

  bool trim() const override { return true; }
  std::string key() const override {
    return std::string(coded_ ? "host coded" : "host") + (limited_ ? "" : " of any length");
  }
  Unlimited unlimited(std::uint64_t state) const override {
    if (!limited_) return {};
    const State at = read(state);
    auto made = std::make_unique<HostAutomaton>(coded_);
    made->limited_ = false;
    made->start_ = write(forgotten(at));
    return {std::move(made), static_cast<std::uint32_t>(std::min(kLabelMax - at.label, kTotalMax - at.total))};
  }
  std::optional<std::vector<CodePointSet>> sets() const override {
    return std::vector<CodePointSet>{{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, {{'X', 'X'}, {'x', 'x'}},
                                     {{'N', 'N'}, {'n', 'n'}},             {{'-', '-'}},
                                     {{'.', '.'}}};
  }

 private:
  static constexpr int kLabelMax = 63, kTotalMax = 253, kCodedBytes = 4, kNotCoded = 7;
  struct State {
    int total, label;
    int coded;  // bytes of the label, all of xn--, or kNotCoded
    bool hyphen;
  };
  static State read(std::uint64_t state) {
    return State{static_cast<int>(state & 255), static_cast<int>(state >> 8 & 255),
                 static_cast<int>(state >> 16 & 7), (state >> 19 & 1) != 0};
  }
  static std::uint64_t write(const State& at) {
    return static_cast<std::uint64_t>(at.total) | static_cast<std::uint64_t>(at.label) << 8 |
           static_cast<std::uint64_t>(at.coded) << 16 | std::uint64_t{at.hyphen} << 19 | 1ull << 20;
  }

  /// Without limits a label's length tells whether it may still begin xn--, and whether there is any.
  static State forgotten(State at) {
    at.total = 0;
    at.label = std::min(at.label, kCodedBytes);
    return at;
  }

  bool coded_, limited_ = true;
  std::uint64_t start_ = write(State{0, 0, 0, false});
};

// --- everything else, written as expressions

class Builder {
 public:
  explicit Builder(Languages& languages) : l_(languages) {}

  LanguageId duration();
  LanguageId email(bool international);
  LanguageId ipv4();
  LanguageId ipv6(int elided_min);
  LanguageId uri(bool reference, bool international);
  LanguageId uuid();
  LanguageId uri_template();
  LanguageId json_pointer();
  LanguageId relative_json_pointer();
  LanguageId regex();

 private:
  using List = std::initializer_list<LanguageId>;

  LanguageId text(std::string_view utf8) { return l_.text(utf8); }
  /// One character: "az09--" holds a to z, 0 to 9 and -. `more`: further ranges.
  LanguageId one_of(std::string_view pairs, std::span<const CodePoints> more = {});
  LanguageId seq(List parts);
  LanguageId any(List parts) { return l_.any_of(std::span(parts.begin(), parts.size())); }
  LanguageId maybe(LanguageId of) { return l_.repeat(of, 0, 1); }
  LanguageId many(LanguageId of) { return l_.repeat(of, 0, ~0u); }
  LanguageId some(LanguageId of) { return l_.repeat(of, 1, ~0u); }
  LanguageId times(LanguageId of, std::uint32_t min, std::uint32_t max) {
    return l_.repeat(of, min, max);
  }
  LanguageId digit() { return one_of("09"); }
  LanguageId hex() { return one_of("09afAF"); }
  LanguageId percent_encoded() { return seq({text("%"), hex(), hex()}); }

  LanguageId authority(LanguageId unreserved_or_delimiter);
  LanguageId character_class();
  LanguageId counted();

  Languages& l_;
};

/// RFC 3987, section 2.2.
constexpr CodePoints kUcschar[] = {{0xA0, 0xD7FF},     {0xF900, 0xFDCF},   {0xFDF0, 0xFFEF},
                                   {0x10000, 0x1FFFD}, {0x20000, 0x2FFFD}, {0x30000, 0x3FFFD},
                                   {0x40000, 0x4FFFD}, {0x50000, 0x5FFFD}, {0x60000, 0x6FFFD},
                                   {0x70000, 0x7FFFD}, {0x80000, 0x8FFFD}, {0x90000, 0x9FFFD},
                                   {0xA0000, 0xAFFFD}, {0xB0000, 0xBFFFD}, {0xC0000, 0xCFFFD},
                                   {0xD0000, 0xDFFFD}, {0xE1000, 0xEFFFD}};
constexpr CodePoints kIprivate[] = {{0xE000, 0xF8FF}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD}};
constexpr CodePoints kNonAscii[] = {{0x80, 0xD7FF}, {0xE000, 0x10FFFF}};

LanguageId Builder::one_of(std::string_view pairs, std::span<const CodePoints> more) {
  std::vector<CodePoints> ranges(more.begin(), more.end());
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    ranges.push_back(
        CodePoints{static_cast<unsigned char>(pairs[i]), static_cast<unsigned char>(pairs[i + 1])});
  }
  return l_.set(ranges);
}

LanguageId Builder::seq(List parts) {
  LanguageId all = kEmptyText;
  for (auto part = std::rbegin(parts); part != std::rend(parts); ++part)
    all = l_.sequence(*part, all);
  return all;
}

/// RFC 3339, appendix A; its letters in upper case.
LanguageId Builder::duration() {
  const LanguageId digits = some(digit());
  const auto field = [&](const char* unit, LanguageId then) {
    return seq({digits, text(unit), maybe(then)});
  };
  const LanguageId second = field("S", kEmptyText), minute = field("M", second);
  const LanguageId clock = seq({text("T"), any({field("H", minute), minute, second})});
  const LanguageId day = field("D", kEmptyText), month = field("M", day);
  const LanguageId date = seq({any({field("Y", month), month, day}), maybe(clock)});
  return seq({text("P"), any({date, clock, field("W", kEmptyText)})});
}

/// Mailbox of RFC 5321, section 4.1.2 (RFC 6531, section 3.3, if international), its local part at
/// most 64 bytes (4.5.3.1.1). Of the general address literals none is registered.
LanguageId Builder::email(bool international) {
  const std::span<const CodePoints> more =
      international ? std::span(kNonAscii) : std::span<const CodePoints>{};
  const LanguageId atom = some(one_of("azAZ09!!##$$%%&&''**++--//==??^^__``{{||}}~~", more));
  const LanguageId quoted_text = any({one_of(" !#[]~", more), seq({text("\\"), one_of(" ~")})});
  const LanguageId local = any({seq({atom, many(seq({text("."), atom}))}),
                                seq({text("\""), many(quoted_text), text("\"")})});
  const LanguageId limited[] = {local, l_.length(1, 64)};

  LanguageId domain = l_.automaton(std::make_unique<HostAutomaton>(true));
  if (international) {
    const LanguageId letter = one_of("azAZ09", kNonAscii);
    const LanguageId label = seq({letter, many(seq({many(text("-")), letter}))});
    domain = seq({label, many(seq({text("."), label}))});
  }
  const LanguageId literal =
      seq({text("["), any({ipv4(), seq({text("IPv6:"), ipv6(2)})}), text("]")});
  return seq({l_.all_of(limited), text("@"), any({domain, literal})});
}

/// dec-octet of RFC 3986, section 3.2.2: no leading zeros.
LanguageId Builder::ipv4() {
  const LanguageId octet =
      any({digit(), seq({one_of("19"), digit()}), seq({text("1"), digit(), digit()}),
           seq({text("2"), one_of("04"), digit()}), seq({text("25"), one_of("05")})});
  return seq({octet, times(seq({text("."), octet}), 3, 3)});
}

/// RFC 4291, section 2.2: eight groups, the last two also as an IPv4 address, at least `elided_min`
/// of them elided by "::" (one here, two in RFC 5321).
LanguageId Builder::ipv6(int elided_min) {
  const LanguageId group = times(hex(), 1, 4), colon = text(":"), tail = ipv4();
  std::array<LanguageId, 9> behind;  // "::", by the most groups there
  behind[0] = kEmptyText;
  for (std::size_t n = 1; n < 8; ++n) {
    // maybe() of the rest: behind[n - 1] is empty or begins with a group.
    LanguageId more =
        n == 1 ? kEmptyText : maybe(seq({colon, l_.without(behind[n - 1], kEmptyText)}));
    behind[n] = maybe(n < 2 ? group : any({seq({group, more}), tail}));
  }
  const int groups_max = 8 - elided_min;
  LanguageId after = kEmptyText;  // a group, the last of `n`
  for (int n = 7; n >= 1; --n) {
    LanguageId next = seq({group, after});
    if (n == 6) next = any({next, tail});
    if (n <= groups_max) {
      next = any({next, seq({colon, behind[static_cast<std::size_t>(groups_max - n)]})});
    }
    after = seq({colon, next});
  }
  return any(
      {seq({group, after}), seq({text("::"), behind[static_cast<std::size_t>(groups_max)]})});
}

/// `name`: one character of a registered name or of user information but ":".
LanguageId Builder::authority(LanguageId name) {
  const LanguageId future = seq({one_of("vvVV"), some(hex()), text("."),
                                 some(one_of("azAZ09--..__~~!!$$&&''(())**++,,;;==::"))});
  const LanguageId literal = seq({text("["), any({ipv6(1), future}), text("]")});
  const LanguageId user = seq({many(any({name, text(":")})), text("@")});
  const LanguageId port = seq({text(":"), many(digit())});
  return seq({maybe(user), any({literal, many(name)}), maybe(port)});
}

/// RFC 3986, appendix A; RFC 3987, section 2.2.
LanguageId Builder::uri(bool reference, bool international) {
  constexpr std::string_view kName = "azAZ09--..__~~!!$$&&''(())**++,,;;==";
  const std::span<const CodePoints> more =
      international ? std::span(kUcschar) : std::span<const CodePoints>{};
  const LanguageId encoded = percent_encoded();
  const LanguageId name = any({one_of(kName, more), encoded});
  const LanguageId path_character = any({one_of(std::string(kName) + "::@@", more), encoded});
  const LanguageId rest_character = any({one_of(std::string(kName) + "::@@//??", more), encoded});
  LanguageId query_character = rest_character;
  if (international) query_character = any({rest_character, l_.set(kIprivate)});

  const LanguageId segments = many(seq({text("/"), many(path_character)}));
  const LanguageId rootless = seq({some(path_character), segments});
  const LanguageId absolute = seq({text("/"), maybe(rootless)});
  const LanguageId network = seq({text("//"), authority(name), segments});
  const LanguageId rest = seq({maybe(seq({text("?"), many(query_character)})),
                               maybe(seq({text("#"), many(rest_character)}))});
  const LanguageId scheme = seq({one_of("azAZ"), many(one_of("azAZ09++--..")), text(":")});
  LanguageId before = seq({scheme, any({network, absolute, rootless, kEmptyText})});
  if (reference) {
    const LanguageId no_colon = any({one_of(std::string(kName) + "@@", more), encoded});
    const LanguageId relative = seq({some(no_colon), segments});
    before = any({before, network, absolute, relative, kEmptyText});
  }
  return seq({before, rest});
}

/// RFC 4122, section 3; any version and variant.
LanguageId Builder::uuid() {
  const LanguageId four = seq({text("-"), times(hex(), 4, 4)});
  return seq({times(hex(), 8, 8), times(four, 3, 3), text("-"), times(hex(), 12, 12)});
}

/// RFC 6570, section 2, with the apostrophe (erratum 6937) and without the operators that section
/// 2.2 reserves.
LanguageId Builder::uri_template() {
  std::vector<CodePoints> international(std::begin(kUcschar), std::end(kUcschar));
  international.insert(international.end(), std::begin(kIprivate), std::end(kIprivate));
  const LanguageId encoded = percent_encoded();
  const LanguageId literal = any({one_of("!!#$&;==?[]]__az~~", international), encoded});
  const LanguageId name_character = any({one_of("azAZ09__"), encoded});
  const LanguageId name = seq({name_character, many(seq({maybe(text(".")), name_character}))});
  const LanguageId prefix = seq({text(":"), one_of("19"), times(digit(), 0, 3)});
  const LanguageId variable = seq({name, maybe(any({prefix, text("*")}))});
  const LanguageId expression = seq({text("{"), maybe(one_of("++##..//;;??&&")), variable,
                                     many(seq({text(","), variable})), text("}")});
  return many(any({literal, expression}));
}

/// RFC 6901, section 3.
LanguageId Builder::json_pointer() {
  constexpr CodePoints kPlain[] = {{0, 0x2E}, {0x30, 0x7D}, {0x7F, 0x10FFFF}};
  const LanguageId character = any({l_.set(kPlain), seq({text("~"), one_of("01")})});
  return many(seq({text("/"), many(character)}));
}

/// draft-handrews-relative-json-pointer-01, section 3.
LanguageId Builder::relative_json_pointer() {
  const LanguageId up = any({text("0"), seq({one_of("19"), many(digit())})});
  return seq({up, any({text("#"), json_pointer()})});
}

/// What may stand behind a backslash in and out of brackets: classes, controls, syntax characters.
constexpr std::string_view kEscapes =
    "ddDDssSSwwWWttnnvvffrr00^^$$\\\\..**++??"
    "(())[[]]{{}}||//";

/// Inside brackets: single characters, escapes, and ranges of ASCII in order. A hyphen stands for
/// itself only at an end.
LanguageId Builder::character_class() {
  constexpr CodePoints kSingle[] = {{0, 0x2C}, {0x2E, 0x5A}, {0x5E, 0x10FFFF}};
  std::vector<LanguageId> items = {
      l_.set(kSingle), seq({text("\\"), one_of(std::string(kEscapes) + "bb--")}),
      seq({text("\\x"), hex(), hex()}), seq({text("\\u"), times(hex(), 4, 4)})};
  for (char first = ' '; first <= '~'; ++first) {
    if (first == '-' || first == '\\' || first == ']' || first == '[' || first == '^') continue;
    std::vector<CodePoints> last;
    for (char c = first; c <= '~'; ++c) {
      if (c != '-' && c != '\\' && c != ']' && c != '[')
        last.push_back(CodePoints{static_cast<char32_t>(c), static_cast<char32_t>(c)});
    }
    items.push_back(seq({text(std::string(1, first) + "-"), l_.set(last)}));
  }
  const LanguageId item = l_.any_of(items), hyphen = maybe(text("-"));
  return seq({text("["), maybe(text("^")), hyphen, many(item), hyphen, text("]")});
}

/// {m}, {m,} and {m,n}, m at most 99 and not above n.
LanguageId Builder::counted() {
  const auto digit_from = [&](int from, int to) {
    const char range[] = {static_cast<char>('0' + from), static_cast<char>('0' + to)};
    return from > to ? kNothing : one_of(std::string_view(range, 2));
  };
  const LanguageId longer = seq({one_of("19"), times(digit(), 2, 3)});
  std::vector<LanguageId> all = {seq({one_of("19"), times(digit(), 0, 3)}), text("0")};
  for (int m = 0; m < 100; ++m) {
    LanguageId same = m < 10 ? any({digit_from(m, 9), seq({one_of("19"), digit()})})
                             : any({seq({digit_from(m / 10, m / 10), digit_from(m % 10, 9)}),
                                    seq({digit_from(m / 10 + 1, 9), digit()})});
    all.push_back(seq({text(std::to_string(m) + ","), maybe(any({same, longer}))}));
  }
  return seq({text("{"), l_.any_of(all), text("}")});
}

/// Patterns of ECMA-262, section 22.2.1, that are valid with the flag u: those with groups nested
/// at most kGroupsMax deep, at most one of them named, no references to groups and no properties.
LanguageId Builder::regex() {
  constexpr int kGroupsMax = 4;
  constexpr CodePoints kPlain[] = {{0, 0x23},    {0x25, 0x27}, {0x2C, 0x2D},    {0x2F, 0x3E},
                                   {0x40, 0x5A}, {0x5F, 0x7A}, {0x7E, 0x10FFFF}};
  const LanguageId quantifier = seq({any({one_of("**++??"), counted()}), maybe(text("?"))});
  const LanguageId escape =
      any({seq({text("\\"), one_of(kEscapes)}), seq({text("\\c"), one_of("azAZ")}),
           seq({text("\\x"), hex(), hex()}), seq({text("\\u"), times(hex(), 4, 4)})});
  const LanguageId single = any({l_.set(kPlain), text("."), escape, character_class()});
  const LanguageId assertion = any({one_of("^^$$"), seq({text("\\"), one_of("bbBB")})});
  const LanguageId name = seq({one_of("azAZ__$$"), many(one_of("azAZ09__$$"))});
  LanguageId inner = kNothing;
  for (int depth = 0; depth <= kGroupsMax; ++depth) {
    LanguageId atom = single, term = assertion;
    if (depth > 0) {
      const LanguageId group =
          seq({text("("), maybe(any({text("?:"), seq({text("?<"), name, text(">")})})), inner,
               text(")")});
      const LanguageId look = seq({text("(?"), maybe(text("<")), one_of("==!!"), inner, text(")")});
      atom = any({single, group});
      term = any({assertion, look});
    }
    const LanguageId sequence = many(any({term, seq({atom, maybe(quantifier)})}));
    inner = seq({sequence, many(seq({text("|"), sequence}))});
  }
  // \0 is not followed by a digit, and two groups could have one name.
  const LanguageId zero_digit = seq({kAnyText, text("\\0"), digit(), kAnyText});
  const LanguageId named = seq({text("(?<"), one_of("azAZ__$$")});
  const LanguageId two_named = seq({kAnyText, named, kAnyText, named, kAnyText});
  return l_.without(inner, any({zero_digit, two_named}));
}

struct Format {
  std::string_view name;
  LanguageId (*build)(Languages&);
};

template <ClockAutomaton::Part part>
LanguageId clock(Languages& languages) {
  return languages.automaton(std::make_unique<ClockAutomaton>(part));
}

constexpr Format kFormats[] = {
    {"date-time", clock<ClockAutomaton::date_time>},
    {"date", clock<ClockAutomaton::date>},
    {"time", clock<ClockAutomaton::time>},
    {"duration", [](Languages& l) { return Builder(l).duration(); }},
    {"email", [](Languages& l) { return Builder(l).email(false); }},
    {"idn-email", [](Languages& l) { return Builder(l).email(true); }},
    {"hostname", [](Languages& l) { return l.automaton(std::make_unique<HostAutomaton>(false)); }},
    {"idn-hostname", idn_hostname},
    {"ipv4", [](Languages& l) { return Builder(l).ipv4(); }},
    {"ipv6", [](Languages& l) { return Builder(l).ipv6(1); }},
    {"uri", [](Languages& l) { return Builder(l).uri(false, false); }},
    {"uri-reference", [](Languages& l) { return Builder(l).uri(true, false); }},
    {"iri", [](Languages& l) { return Builder(l).uri(false, true); }},
    {"iri-reference", [](Languages& l) { return Builder(l).uri(true, true); }},
    {"uuid", [](Languages& l) { return Builder(l).uuid(); }},
    {"uri-template", [](Languages& l) { return Builder(l).uri_template(); }},
    {"json-pointer", [](Languages& l) { return Builder(l).json_pointer(); }},
    {"relative-json-pointer", [](Languages& l) { return Builder(l).relative_json_pointer(); }},
    {"regex", [](Languages& l) { return Builder(l).regex(); }}};

}  // namespace

Result<std::optional<LanguageId>> format(Languages& languages, std::string_view name,
                                         const std::string& where, Fuel& fuel) {
  for (const Format& known : kFormats) {
    if (known.name != name) continue;
    const std::uint32_t before = languages.size();
    const LanguageId id = known.build(languages);
    if (!fuel.burn(1 + languages.size() - before)) return fuel.error(where);
    return id;
  }
  return std::nullopt;
}

}  // namespace praxis::grammar
