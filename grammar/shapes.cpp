#include "grammar/shapes.h"

#include <algorithm>
#include <array>
#include <optional>

#include "grammar/lexing.h"

namespace praxis::grammar {
namespace {

std::vector<CharacterClass> make_classes() {
  std::vector<CodePointSet> sets{{{'a', 'f'}}, {{'g', 'z'}}, {{'A', 'F'}}, {{'G', 'Z'}}};
  for (char32_t c = 0; c < 0x80; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter) sets.push_back({{c, c}});
  }
  const CodePointSet line_ends{{0x2028, 0x2029}};
  const CodePointSet spaces{{0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A}, {0x202F, 0x202F},
                            {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  CodePointSet named{{0, 0x7F}};
  named.insert(named.end(), line_ends.begin(), line_ends.end());
  named.insert(named.end(), spaces.begin(), spaces.end());
  sets.push_back(line_ends);
  sets.push_back(spaces);
  sets.push_back(common(outside(united(named), CodePoints{0, kLastCodePoint}), scalar_values()));

  std::vector<CharacterClass> classes;
  for (CodePointSet& set : sets) {
    std::string example;
    append_utf8(example, set[0].first);
    classes.push_back(CharacterClass{std::move(set), std::move(example)});
  }
  return classes;
}

bool holds(const CodePointSet& set, char32_t c) {
  return std::any_of(set.begin(), set.end(),
                     [&](const CodePoints& range) { return range.first <= c && c <= range.last; });
}

char32_t code_point(std::string_view utf8) {
  const auto lead = static_cast<std::uint8_t>(utf8[0]);
  char32_t c = utf8.size() == 1 ? lead : lead & (0x7Fu >> utf8.size());
  for (std::size_t i = 1; i < utf8.size(); ++i) c = c << 6 | (static_cast<std::uint8_t>(utf8[i]) & 0x3Fu);
  return c;
}

struct Shape {
  std::string classes, tail;
  TokenId token;
};

/// Nothing if no string in canonical spelling holds the token.
std::optional<Shape> shape_of(std::string_view text, TokenId token) {
  Shape shape{{}, {}, token};
  std::string utf8;
  Place place = Place::between;
  std::size_t whole = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (const int character = decoded(place, byte); character >= 0) utf8 += static_cast<char>(character);
    const Lexed lexed = lex_key(place, byte);
    if (!lexed.ok) return std::nullopt;
    place = lexed.place;
    if (place != Place::between) continue;
    shape.classes += static_cast<char>(class_of(code_point(utf8)));
    utf8.clear();
    whole = i + 1;
  }
  shape.tail = text.substr(whole);
  return shape;
}

}  // namespace

const std::vector<CharacterClass>& character_classes() {
  static const std::vector<CharacterClass> kClasses = make_classes();
  return kClasses;
}

std::uint8_t class_of(char32_t character) {
  static const auto kAscii = [] {
    std::array<std::uint8_t, 0x80> classes{};
    for (char32_t c = 0; c < 0x80; ++c) {
      const auto& all = character_classes();
      const auto at = std::find_if(all.begin(), all.end(), [&](const auto& one) { return holds(one.set, c); });
      classes[c] = static_cast<std::uint8_t>(at - all.begin());
    }
    return classes;
  }();
  if (character < 0x80) return kAscii[character];
  const auto& all = character_classes();
  std::size_t at = all.size() - 1;  // the last holds nearly all that is not ASCII
  while (!holds(all[at].set, character)) --at;
  return static_cast<std::uint8_t>(at);
}

bool keeps_classes(std::span<const CodePoints> set) {
  return std::all_of(character_classes().begin(), character_classes().end(), [&](const CharacterClass& one) {
    const CodePointSet both = common(one.set, set);
    return both.empty() || both == one.set;
  });
}

Shapes Shapes::of(const std::vector<std::string>& bytes, std::span<const TokenId> tokens) {
  std::vector<Shape> shapes;
  for (const TokenId id : tokens) {
    if (auto shape = shape_of(bytes[static_cast<std::size_t>(id)], id)) shapes.push_back(std::move(*shape));
  }
  std::stable_sort(shapes.begin(), shapes.end(),
                   [](const Shape& a, const Shape& b) { return a.classes < b.classes; });
  Shapes made;
  const auto add = [&](std::uint8_t character, std::uint32_t depth) {
    made.character.push_back(character);
    made.depth.push_back(depth);
    made.end.push_back(0);
    made.first.push_back(static_cast<std::uint32_t>(made.tokens.size()));
    made.first_tail.push_back(static_cast<std::uint32_t>(made.tails.size()));
  };
  add(0, 0);
  std::vector<std::uint32_t> path{0};
  std::string last;
  for (Shape& shape : shapes) {
    std::size_t shared = 0;
    while (shared < last.size() && shared < shape.classes.size() && last[shared] == shape.classes[shared]) ++shared;
    while (path.size() > shared + 1) {
      made.end[path.back()] = made.size();
      path.pop_back();
    }
    for (std::size_t i = shared; i < shape.classes.size(); ++i) {
      path.push_back(made.size());
      add(static_cast<std::uint8_t>(shape.classes[i]), static_cast<std::uint32_t>(i + 1));
    }
    if (shape.tail.empty()) made.tokens.push_back(shape.token);
    else made.tails.push_back(Tail{std::move(shape.tail), shape.token});
    made.depth_max = std::max(made.depth_max, static_cast<std::uint32_t>(shape.classes.size()));
    last = std::move(shape.classes);
  }
  for (const std::uint32_t node : path) made.end[node] = made.size();
  made.first.push_back(static_cast<std::uint32_t>(made.tokens.size()));
  made.first_tail.push_back(static_cast<std::uint32_t>(made.tails.size()));
  return made;
}

}  // namespace praxis::grammar
