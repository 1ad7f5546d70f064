#include "grammar/idn.h"

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/unicode_properties.h"

namespace praxis::grammar {
namespace {

bool is_dot(char32_t c) { return c == '.' || c == 0x3002 || c == 0xFF0E || c == 0xFF61; }

/// Digits that RFC 3492, section 6.1, needs for a delta.
std::size_t digits_of(std::uint32_t delta, std::uint32_t bias) {
  std::size_t digits = 1;
  for (std::uint32_t k = 36;; k += 36) {
    const std::uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
    if (delta < threshold) return digits;
    delta = (delta - threshold) / (36 - threshold);
    ++digits;
  }
}

std::uint32_t adapted_bias(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > 455; k += 36) delta /= 35;
  return k + 36 * delta / (delta + 38);
}

/// Bytes of a label in its ASCII form: itself, or xn-- and RFC 3492, section 6.3.
std::size_t coded_bytes(const std::u32string& label) {
  std::uint32_t done = 0;
  for (const char32_t c : label) done += c < 0x80;
  if (done == label.size()) return label.size();
  std::size_t bytes = 4 + done + (done > 0);
  const std::uint32_t basic = done;
  std::uint32_t delta = 0, bias = 72;
  for (char32_t next = 0x80; done < label.size();) {
    char32_t least = kLastCodePoint;
    for (const char32_t c : label)
      if (c >= next) least = std::min(least, c);
    delta += (least - next) * (done + 1);
    for (const char32_t c : label) {
      if (c < least) ++delta;
      if (c != least) continue;
      bytes += digits_of(delta, bias);
      bias = adapted_bias(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
    ++delta;
    next = least + 1;
  }
  return bytes;
}

/// Host names with labels of at most 63 bytes and 253 in all, once coded (RFC 5890, section
/// 2.3.2.1; RFC 1035, section 2.3.4). How long a label gets depends on all of its code points, so
/// a state is a label so far; its ASCII characters count the same, whichever they are.
class CodedLengthAutomaton final : public Automaton {
 public:
  CodedLengthAutomaton() { keep(State{}); }

  std::uint64_t start() const override { return 1; }

  std::uint64_t step(std::uint64_t state, std::uint8_t byte) const override {
    State at = states_[state - 1];
    if (at.expected > 0) {
      if ((byte & 0xC0) != 0x80) return 0;
      at.partial = at.partial << 6 | (byte & 0x3F);
      --at.expected;
    } else {
      if ((byte & 0xC0) == 0x80) return 0;
      at.expected = byte < 0xC0 ? 0 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
      at.partial = byte < 0x80 ? byte : byte & (0x3F >> at.expected);
    }
    if (at.expected > 0) return keep(std::move(at));
    const char32_t c = std::exchange(at.partial, 0);
    if (is_dot(c)) {
      at.bytes += coded_bytes(at.label) + 1;
      at.label.clear();
      return at.bytes < kTotalMax ? keep(std::move(at)) : 0;
    }
    at.label += c < 0x80 ? U'a' : c;
    // Longer labels are not coded at all: that takes time by the square of their length.
    if (at.label.size() > kLabelMax) return 0;
    const std::size_t label = coded_bytes(at.label);
    return label <= kLabelMax && at.bytes + label <= kTotalMax ? keep(std::move(at)) : 0;
  }

  bool accepts(std::uint64_t state) const override { return states_[state - 1].expected == 0; }

  std::string key() const override { return "idn lengths"; }

 private:
  static constexpr std::size_t kLabelMax = 63, kTotalMax = 253, kStatesMax = 1u << 18;
  struct State {
    std::u32string label;
    std::size_t bytes = 0;  // of the labels before it, with their dots
    char32_t partial = 0;   // of a code point whose `expected` last bytes are to come
    int expected = 0;
    auto operator<=>(const State&) const = default;
  };

  std::uint64_t keep(State state) const {
    const auto known = numbers_.find(state);
    if (known != numbers_.end()) return known->second;
    if (states_.size() >= kStatesMax) return 0;
    states_.push_back(state);
    return numbers_[std::move(state)] = states_.size();
  }

  mutable std::vector<State> states_;  // by number, from 1
  mutable std::map<State, std::uint64_t> numbers_;
};

// --- code points

CodePointSet either(CodePointSet a, const CodePointSet& b) {
  a.insert(a.end(), b.begin(), b.end());
  return united(std::move(a));
}
CodePointSet except(const CodePointSet& from, const CodePointSet& taken) {
  return common(from, outside(taken, CodePoints{0, kLastCodePoint}));
}
CodePointSet property(std::initializer_list<std::string_view> names) {
  CodePointSet all;
  for (const std::string_view name : names) {
    if (const auto set = unicode_property(name)) all = either(std::move(all), *set);
  }
  return all;
}

/// RFC 5892, section 2.6, and the digits and joiners that section 2.6 and appendix A bind to a
/// context.
const CodePointSet kAlwaysValid = {
    {0xDF, 0xDF}, {0x3C2, 0x3C2}, {0x6FD, 0x6FE}, {0xF0B, 0xF0B}, {0x3007, 0x3007}};
const CodePointSet kNeverValid = {{0x640, 0x640},  {0x660, 0x669},   {0x6F0, 0x6F9},
                                  {0x7FA, 0x7FA},  {0x302E, 0x302F}, {0x3031, 0x3035},
                                  {0x303B, 0x303B}};
/// Section 2.9, OldHangulJamo; section 2.5, IgnorableBlocks.
const CodePointSet kBlocks = {
    {0x1100, 0x11FF}, {0x20D0, 0x20FF}, {0xA960, 0xA97C}, {0xD7B0, 0xD7FB}, {0x1D100, 0x1D24F}};
/// Where the Bidi classes R, AL and AN are.
const CodePointSet kRightToLeft = {
    {0x590, 0x8FF}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFF}, {0x10800, 0x10FFF}, {0x1E800, 0x1EFFF}};
/// Canonical combining class 9 (Virama) in the Basic Multilingual Plane.
const CodePointSet kViramas = {
    {0x94D, 0x94D},   {0x9CD, 0x9CD},   {0xA4D, 0xA4D},   {0xACD, 0xACD},   {0xB4D, 0xB4D},
    {0xBCD, 0xBCD},   {0xC4D, 0xC4D},   {0xCCD, 0xCCD},   {0xD3B, 0xD3C},   {0xD4D, 0xD4D},
    {0xDCA, 0xDCA},   {0xE3A, 0xE3A},   {0xEBA, 0xEBA},   {0xF84, 0xF84},   {0x1039, 0x103A},
    {0x1714, 0x1715}, {0x1734, 0x1734}, {0x17D2, 0x17D2}, {0x1A60, 0x1A60}, {0x1B44, 0x1B44},
    {0x1BAA, 0x1BAB}, {0x1BF2, 0x1BF3}, {0x2D7F, 0x2D7F}, {0xA806, 0xA806}, {0xA8C4, 0xA8C4},
    {0xA953, 0xA953}, {0xA9C0, 0xA9C0}, {0xAAF6, 0xAAF6}, {0xABED, 0xABED}};
/// Arabic letters of joining type D and R (Unicode, ArabicShaping.txt): the common ones.
const CodePointSet kJoinBoth = {{0x628, 0x628}, {0x62A, 0x62E}, {0x633, 0x63F}, {0x641, 0x647},
                                {0x649, 0x64A}, {0x6A9, 0x6A9}, {0x6AF, 0x6AF}, {0x6CC, 0x6CC}};
const CodePointSet kJoinRight = {{0x622, 0x625}, {0x627, 0x627}, {0x629, 0x629},
                                 {0x62F, 0x632}, {0x648, 0x648}, {0x698, 0x698}};

class Builder {
 public:
  explicit Builder(Languages& languages) : l_(languages) {}
  LanguageId build();

 private:
  using List = std::initializer_list<LanguageId>;

  LanguageId set(const CodePointSet& ranges) { return l_.set(ranges); }
  LanguageId any(List parts) { return l_.any_of(std::span(parts.begin(), parts.size())); }
  LanguageId many(LanguageId of) { return l_.repeat(of, 0, ~0u); }
  LanguageId seq(List parts) {
    LanguageId all = kEmptyText;
    for (auto part = std::rbegin(parts); part != std::rend(parts); ++part)
      all = l_.sequence(*part, all);
    return all;
  }
  LanguageId inner_hyphens(LanguageId first, LanguageId then) {
    return seq({first, many(seq({many(l_.text("-")), then}))});
  }
  LanguageId left_to_right(const CodePointSet& valid);
  LanguageId right_to_left(const CodePointSet& valid);
  LanguageId names(List labels);

  Languages& l_;
  CodePointSet marks_ = property({"Mn", "Mc", "Me"});
};

/// Labels without a character of the right-to-left scripts.
LanguageId Builder::left_to_right(const CodePointSet& valid) {
  const CodePointSet letters =
      either(except(valid, either(kRightToLeft, united({{'l', 'l'}}))), {{0x6F0, 0x6F9}});
  const LanguageId l = l_.text("l"), joiners = l_.set(CodePointSet{{0x200C, 0x200D}});
  // Appendix A.3: MIDDLE DOT between two l; A.4: KERAIA before Greek; A.1, A.2: a joiner behind a
  // Virama.
  const LanguageId dotted = seq({l, many(seq({l_.text("\u00B7"), l}))});
  const LanguageId keraia =
      seq({l_.text("\u0375"), set(common(letters, property({"Script=Greek"})))});
  const LanguageId virama = seq({set(common(letters, kViramas)), l_.repeat(joiners, 0, 1)});
  const LanguageId first = any({set(except(letters, marks_)), dotted, keraia});
  const LanguageId then = any({set(except(letters, kViramas)), dotted, keraia, virama});
  // A.7: KATAKANA MIDDLE DOT in a label that has Hiragana, Katakana or Han.
  const LanguageId dot = l_.text("\u30FB"), hyphens = many(l_.text("-"));
  const LanguageId kana = set(except(
      common(letters, property({"Script=Hiragana", "Script=Katakana", "Script=Han"})), marks_));
  const LanguageId before =
      l_.repeat(seq({inner_hyphens(any({first, dot}), any({then, dot})), hyphens}), 0, 1);
  const LanguageId japanese = seq({before, inner_hyphens(kana, any({then, dot}))});
  return any({inner_hyphens(first, then), japanese});
}

/// RFC 5893, section 2, rules 1 to 4, with one kind of digits (rule 4; RFC 5892, A.8 and A.9).
LanguageId Builder::right_to_left(const CodePointSet& valid) {
  const CodePointSet hebrew = except(common(valid, property({"Script=Hebrew"})), marks_);
  const CodePointSet arabic = except(common(valid, property({"Script=Arabic"})), marks_);
  const LanguageId marks =
      many(set(common(common(valid, property({"Mn"})), CodePointSet{{0x591, 0x6FF}})));
  const LanguageId joiner = l_.text("\u200C"), both = set(kJoinBoth);
  // RFC 5892, A.5, A.6: GERESH and GERSHAYIM behind Hebrew; A.1: a non-joiner between letters that
  // would join.
  const LanguageId quoted = seq({set(hebrew), many(set({{0x5F3, 0x5F4}}))});
  const LanguageId parted =
      seq({both, many(seq({joiner, both})), l_.repeat(seq({joiner, set(kJoinRight)}), 0, 1)});
  const LanguageId letter = seq({any({quoted, set(arabic), parted}), marks});
  const auto with = [&](const CodePointSet& digits) {
    return inner_hyphens(letter, any({letter, seq({set(digits), marks})}));
  };
  return any({with({{'0', '9'}, {0x6F0, 0x6F9}}), with({{0x660, 0x669}})});
}

LanguageId Builder::names(List labels) {
  // RFC 5891, section 4.2.3.1: no hyphens third and fourth.
  const LanguageId one = set(scalar_values());
  const LanguageId label = l_.without(any(labels), seq({one, one, l_.text("--"), many(one)}));
  const LanguageId dot = set({{'.', '.'}, {0x3002, 0x3002}, {0xFF0E, 0xFF0E}, {0xFF61, 0xFF61}});
  return seq({label, many(seq({dot, label}))});
}

LanguageId Builder::build() {
  const CodePointSet letters_and_digits = property({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"});
  const CodePointSet unstable =
      property({"Changes_When_NFKC_Casefolded", "Default_Ignorable_Code_Point", "White_Space"});
  const CodePointSet valid = either(
      except(letters_and_digits, either(either(unstable, kBlocks), kNeverValid)), kAlwaysValid);

  const LanguageId letter = set({{'A', 'Z'}, {'a', 'z'}});
  const LanguageId letter_or_digit = set({{'0', '9'}, {'A', 'Z'}, {'a', 'z'}});
  const LanguageId ascii = inner_hyphens(letter_or_digit, letter_or_digit);
  // Beside a label from right to left every label follows the rule: rules 5 and 6.
  const LanguageId safe = inner_hyphens(letter, letter_or_digit);
  const LanguageId all[] = {
      any({names({ascii, left_to_right(valid)}), names({safe, right_to_left(valid)})}),
      l_.automaton(std::make_unique<CodedLengthAutomaton>())};
  return l_.all_of(all);
}

}  // namespace

LanguageId idn_hostname(Languages& languages) { return Builder(languages).build(); }

}  // namespace praxis::grammar
