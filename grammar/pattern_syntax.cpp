#include "grammar/pattern_syntax.h"

#include <optional>

#include "grammar/unicode_properties.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kNoBound = ~0u;
constexpr char32_t kEnd = ~char32_t{0};  // read past the pattern's end

using Kind = PatternPart::Kind;

CodePointSet digits() { return {CodePoints{'0', '9'}}; }

/// WhiteSpace and LineTerminator (ECMA-262, sections 12.2 and 12.3).
CodePointSet spaces() {
  return {CodePoints{0x09, 0x0D},     CodePoints{0x20, 0x20},     CodePoints{0xA0, 0xA0},
          CodePoints{0x1680, 0x1680}, CodePoints{0x2000, 0x200A}, CodePoints{0x2028, 0x2029},
          CodePoints{0x202F, 0x202F}, CodePoints{0x205F, 0x205F}, CodePoints{0x3000, 0x3000},
          CodePoints{0xFEFF, 0xFEFF}};
}

CodePointSet line_ends() {
  return {CodePoints{0x0A, 0x0A}, CodePoints{0x0D, 0x0D}, CodePoints{0x2028, 0x2029}};
}

CodePointSet inverted(const CodePointSet& set) {
  return common(outside(set, CodePoints{0, kLastCodePoint}), scalar_values());
}

bool digit(char32_t c) { return c >= '0' && c <= '9'; }
bool letter(char32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

int hex(char32_t c) {
  if (digit(c)) return static_cast<int>(c - '0');
  const char32_t low = c | 0x20;
  return low >= 'a' && low <= 'f' ? static_cast<int>(low - 'a' + 10) : -1;
}

class Reader {
 public:
  Reader(std::u32string text, const std::string& where, Fuel& fuel)
      : text_(std::move(text)), where_(where), fuel_(fuel) {}

  Result<PatternTree> read() {
    auto root = choice(0);
    if (!root) return tl::unexpected(root.error());
    if (at_ < text_.size()) return bad("has a ) that closes nothing");
    tree_.root = *root;
    return std::move(tree_);
  }

 private:
  char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : kEnd;
  }
  bool take(char32_t c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view word) {
    if (std::u32string_view(text_).substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  tl::unexpected<Error> bad(std::string what) const {
    return refuse(ErrorCode::bad_schema,
                  "pattern " + std::move(what) + " (at character " + std::to_string(at_) + ")",
                  where_);
  }
  tl::unexpected<Error> unsupported(std::string what) const {
    return refuse(ErrorCode::unsupported,
                  "pattern uses " + std::move(what) + " (at character " + std::to_string(at_) + ")",
                  where_);
  }

  PartId add(PatternPart part) {
    part.plain = part.kind <= Kind::repeat;
    part.looks_back =
        part.kind == Kind::start || part.kind == Kind::boundary || part.kind == Kind::behind;
    for (const PartId child : part.children) {
      part.plain &= tree_.parts[child].plain;
      part.looks_back |= tree_.parts[child].looks_back;
    }
    tree_.parts.push_back(std::move(part));
    return static_cast<PartId>(tree_.parts.size() - 1);
  }
  PartId add_set(CodePointSet set) {
    PatternPart part;
    part.kind = Kind::set;
    part.characters = common(united(std::move(set)), scalar_values());
    return add(std::move(part));
  }
  PartId add_parent(Kind kind, std::vector<PartId> children, bool negative = false) {
    PatternPart part;
    part.kind = kind;
    part.children = std::move(children);
    part.negative = negative;
    return add(std::move(part));
  }

  Result<PartId> choice(std::uint32_t depth) {
    if (depth > kPatternDepthMax) {
      return refuse(ErrorCode::limit,
                    "pattern nests deeper than the limit of " + std::to_string(kPatternDepthMax) +
                        " groups; flatten it",
                    where_);
    }
    std::vector<PartId> ways;
    do {
      auto way = sequence(depth);
      if (!way) return way;
      ways.push_back(*way);
    } while (take('|'));
    return ways.size() == 1 ? ways[0] : add_parent(Kind::choice, std::move(ways));
  }

  Result<PartId> sequence(std::uint32_t depth) {
    std::vector<PartId> items;
    while (peek() != kEnd && peek() != '|' && peek() != ')') {
      if (!fuel_.burn()) return fuel_.error(where_);
      auto item = atom(depth);
      if (!item) return item;
      auto counted = quantified(*item);
      if (!counted) return counted;
      items.push_back(*counted);
    }
    return items.size() == 1 ? items[0] : add_parent(Kind::sequence, std::move(items));
  }

  Result<PartId> quantified(PartId item) {
    std::uint32_t min = 0, max = kNoBound;
    if (take('*')) {
    } else if (take('+')) {
      min = 1;
    } else if (take('?')) {
      max = 1;
    } else if (peek() == '{') {
      auto counts = braces();
      if (!counts) return tl::unexpected(counts.error());
      if (!*counts) return item;  // a { of its own
      min = (*counts)->first;
      max = (*counts)->second;
    } else {
      return item;
    }
    take('?');  // which match comes first makes no difference here
    const char32_t next = peek();
    if (next == '*' || next == '+' || next == '?') return bad("has a quantifier on a quantifier");
    PatternPart part;
    part.kind = Kind::repeat;
    part.children = {item};
    part.min = min;
    part.max = max;
    return add(std::move(part));
  }

  /// {n}, {n,} or {n,m}; nothing, and nothing taken, if it is not one of these.
  Result<std::optional<std::pair<std::uint32_t, std::uint32_t>>> braces() {
    const std::size_t begin = at_;
    ++at_;
    const auto number = [&]() -> std::uint64_t {
      std::uint64_t value = 0;
      while (digit(peek()))
        value = std::min<std::uint64_t>(value * 10 + (text_[at_++] - '0'), kNoBound);
      return value;
    };
    if (digit(peek())) {
      const std::uint64_t min = number();
      std::uint64_t max = min;
      if (take(',')) max = digit(peek()) ? number() : kNoBound;
      if (take('}')) {
        if (min > max) return bad("has a quantifier with min > max");
        if (min == kNoBound) {
          return refuse(ErrorCode::limit, "pattern repeats more often than the limit of 4294967294",
                        where_);
        }
        return std::pair(static_cast<std::uint32_t>(min), static_cast<std::uint32_t>(max));
      }
    }
    at_ = begin;
    return std::nullopt;
  }

  Result<PartId> atom(std::uint32_t depth) {
    const char32_t c = text_[at_];
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return bracket();
      case '\\':
        return escape();
      case '^':
        ++at_;
        return add_parent(Kind::start, {});
      case '$':
        ++at_;
        return add_parent(Kind::end, {});
      case '.':
        ++at_;
        return add_set(inverted(line_ends()));
      case '*':
      case '+':
      case '?':
        return bad("has a quantifier with nothing to repeat");
      case '{': {
        auto counts = braces();
        if (!counts) return tl::unexpected(counts.error());
        if (*counts) return bad("has a quantifier with nothing to repeat");
        break;
      }
      default:
        break;
    }
    ++at_;
    return add_set({CodePoints{c, c}});
  }

  Result<PartId> group(std::uint32_t depth) {
    ++at_;
    Kind kind = Kind::sequence;
    bool negative = false;
    if (take(U"?:")) {
    } else if (take(U"?=")) {
      kind = Kind::ahead;
    } else if (take(U"?!")) {
      kind = Kind::ahead, negative = true;
    } else if (take(U"?<=")) {
      kind = Kind::behind;
    } else if (take(U"?<!")) {
      kind = Kind::behind, negative = true;
    } else if (take(U"?<") || take(U"?P<")) {
      if (!letter(peek()) && peek() != '_' && peek() != '$' && peek() < 0x80)
        return bad("has a group name that starts with no letter");
      while (peek() != '>' && peek() != kEnd) {
        if (!letter(peek()) && !digit(peek()) && peek() != '_' && peek() != '$' && peek() < 0x80)
          return bad("has a group name with something else than letters in it");
        ++at_;
      }
      if (!take('>')) return bad("has a group name without its >");
    } else if (peek() == '?') {
      return unsupported("a group that ECMA-262 does not know, such as (?i) or (?>...)");
    }
    auto inner = choice(depth + 1);
    if (!inner) return inner;
    if (!take(')')) return bad("has a ( without its )");
    if (kind == Kind::sequence) return inner;
    return add_parent(kind, {*inner}, negative);
  }

  Result<PartId> escape() {
    const char32_t c = peek(1);
    if (c == 'b' || c == 'B') {
      at_ += 2;
      return add_parent(Kind::boundary, {}, c == 'B');
    }
    if (c >= '1' && c <= '9') return unsupported("a backreference");
    if (c == 'k') return unsupported("a named backreference");
    auto set = escaped(false);
    if (!set) return tl::unexpected(set.error());
    return add_set(std::move(*set));
  }

  /// `digits` hexadecimal digits at `from`, or nothing.
  std::optional<char32_t> hexadecimal(std::size_t from, std::size_t digits) const {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const int next = from + i < text_.size() ? hex(text_[from + i]) : -1;
      if (next < 0) return std::nullopt;
      value = value << 4 | static_cast<char32_t>(next);
    }
    return value;
  }

  /// What \... stands for, inside and outside of brackets.
  Result<CodePointSet> escaped(bool in_brackets) {
    ++at_;
    const char32_t c = peek();
    if (c == kEnd) return bad("ends in a \\");
    ++at_;
    const auto one = [](char32_t code) { return CodePointSet{CodePoints{code, code}}; };
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return inverted(digits());
      case 'w':
        return word_characters();
      case 'W':
        return inverted(word_characters());
      case 's':
        return spaces();
      case 'S':
        return inverted(spaces());
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'v':
        return one('\v');
      case 'f':
        return one('\f');
      case 'r':
        return one('\r');
      case 'p':
      case 'P':
        return property(c == 'P');
      case '0':
        if (digit(peek())) return unsupported("an octal escape; write \\u0000 instead");
        return one(0);
      case 'c':
        if (!letter(peek())) return bad("has a \\c without its letter");
        return one(text_[at_++] & 0x1F);
      case 'x':
        if (const auto code = hexadecimal(at_, 2)) {
          at_ += 2;
          return one(*code);
        }
        return bad("has a \\x without its two digits");
      case 'u':
        return unicode();
      case 'b':
        if (in_brackets) return one('\b');
        break;
      default:
        break;
    }
    if (letter(c) || digit(c)) {
      --at_;
      return unsupported(std::string("the escape \\") + static_cast<char>(c) +
                         ", which ECMA-262 does not know");
    }
    return one(c);  // \- \_ \" and the like: the character itself
  }

  Result<CodePointSet> unicode() {
    if (take('{')) {
      char32_t code = 0;
      const std::size_t begin = at_;
      for (; hex(peek()) >= 0 && code <= kLastCodePoint; ++at_)
        code = code << 4 | static_cast<char32_t>(hex(peek()));
      if (at_ == begin || code > kLastCodePoint || !take('}'))
        return bad("has a \\u{...} that is no code point");
      return CodePointSet{CodePoints{code, code}};
    }
    const auto high = hexadecimal(at_, 4);
    if (!high) return bad("has a \\u without its four digits");
    at_ += 4;
    char32_t code = *high;
    if (code >= 0xD800 && code < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
      const auto low = hexadecimal(at_ + 2, 4);
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        at_ += 6;
        code = 0x10000 + ((code & 0x3FF) << 10) + (*low & 0x3FF);
      }
    }
    return CodePointSet{CodePoints{code, code}};
  }

  Result<CodePointSet> property(bool negative) {
    std::string name;
    if (!take('{')) return bad("has a \\p without its {name}");
    while (peek() != '}' && peek() < 0x80) name += static_cast<char>(text_[at_++]);
    if (!take('}')) return bad("has a \\p{ without its }");
    auto set = unicode_property(name);
    if (!set) return unsupported("the property \\p{" + name + "}, which is not known here");
    return negative ? inverted(*set) : std::move(*set);
  }

  /// [...]: ranges between two characters; beside a class such as \w a - is itself (Annex B).
  Result<PartId> bracket() {
    ++at_;
    const bool negative = take('^');
    CodePointSet set;
    while (!take(']')) {
      if (peek() == kEnd) return bad("has a [ without its ]");
      if (!fuel_.burn()) return fuel_.error(where_);
      auto from = bracket_item();
      if (!from) return tl::unexpected(from.error());
      const auto single = [](const CodePointSet& item) {
        return item.size() == 1 && item[0].first == item[0].last;
      };
      if (peek() == '-' && peek(1) != ']' && peek(1) != kEnd) {
        ++at_;
        auto to = bracket_item();
        if (!to) return tl::unexpected(to.error());
        if (single(*from) && single(*to)) {
          const CodePoints range{from->front().first, to->front().first};
          if (range.last < range.first) return bad("has a range in the wrong order");
          set.push_back(range);
          continue;
        }
        set.push_back(CodePoints{'-', '-'});
        set.insert(set.end(), to->begin(), to->end());
      }
      set.insert(set.end(), from->begin(), from->end());
    }
    set = united(std::move(set));
    return add_set(negative ? inverted(set) : std::move(set));
  }

  Result<CodePointSet> bracket_item() {
    if (peek() == '\\') return escaped(true);
    const char32_t c = text_[at_++];
    return CodePointSet{CodePoints{c, c}};
  }

  std::u32string text_;
  std::size_t at_ = 0;
  const std::string& where_;
  Fuel& fuel_;
  PatternTree tree_;
};

/// RFC 3629, section 4; nothing for anything else.
std::optional<std::u32string> decoded(std::string_view utf8) {
  std::u32string out;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto lead = static_cast<std::uint8_t>(utf8[at++]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xC2 && lead < 0xE0 ? 1
                     : lead >= 0xE0 && lead < 0xF0 ? 2
                     : lead >= 0xF0 && lead < 0xF5 ? 3
                                                   : -1;
    if (more < 0) return std::nullopt;
    char32_t c = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int i = 0; i < more; ++i) {
      if (at == utf8.size() || (static_cast<std::uint8_t>(utf8[at]) & 0xC0) != 0x80)
        return std::nullopt;
      c = c << 6 | (static_cast<std::uint8_t>(utf8[at++]) & 0x3Fu);
    }
    const bool overlong = (more == 2 && c < 0x800) || (more == 3 && c < 0x10000);
    if (overlong || (c >= 0xD800 && c < 0xE000) || c > kLastCodePoint) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

}  // namespace

CodePointSet word_characters() {
  return {CodePoints{'0', '9'}, CodePoints{'A', 'Z'}, CodePoints{'_', '_'}, CodePoints{'a', 'z'}};
}

Result<PatternTree> read_pattern(std::string_view pattern, const std::string& where, Fuel& fuel) {
  if (!fuel.burn(pattern.size())) return fuel.error(where);
  auto text = decoded(pattern);
  if (!text) return refuse(ErrorCode::bad_schema, "pattern is no valid UTF-8", where);
  return Reader(std::move(*text), where, fuel).read();
}

}  // namespace praxis::grammar
