// The list of dialects, and segments to token ids.

#include "agent/dialect/dialect.h"

#include "agent/dialect/r1.h"
#include "agent/dialect/r1_0528.h"

namespace praxis::agent {

namespace {

using Made = tl::expected<std::unique_ptr<Dialect>, DialectError>;

struct Entry {
  std::string_view name;
  Made (*make)(const engine::Tokenizer& tokenizer);
};

/// In the order in which detect_dialect() tries them: who needs more markers first.
constexpr Entry kDialects[] = {
    {"r1_0528", make_r1_0528},
    {"r1", [](const engine::Tokenizer& tokenizer) { return make_r1(R1Variant::exact, tokenizer); }},
    {"r1_fixed",
     [](const engine::Tokenizer& tokenizer) { return make_r1(R1Variant::fixed, tokenizer); }},
};

std::string names() {
  std::string list;
  for (const Entry& entry : kDialects) {
    if (!list.empty()) list += ", ";
    list += entry.name;
  }
  return list;
}

}  // namespace

Made make_dialect(std::string_view name, const engine::Tokenizer& tokenizer) {
  for (const Entry& entry : kDialects)
    if (entry.name == name)
      return entry.make(tokenizer).map_error([&](const DialectError& e) {
        return DialectError{e.what, "dialect " + std::string(name)};
      });
  return tl::unexpected(DialectError{"no dialect has this name; there are " + names(),
                                     "dialect " + std::string(name)});
}

std::vector<std::string> dialect_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kDialects) names.emplace_back(entry.name);
  return names;
}

tl::expected<std::string, DialectError> detect_dialect(const engine::Tokenizer& tokenizer) {
  std::string refused;
  for (const Entry& entry : kDialects) {
    const auto made = entry.make(tokenizer);
    if (made) return std::string(entry.name);
    refused += "; " + std::string(entry.name) + ": " + made.error().what;
  }
  return tl::unexpected(
      DialectError{"no dialect fits this model's tokenizer" + refused, "dialect"});
}

tl::expected<std::vector<engine::Token>, DialectError> to_tokens(
    std::span<const Segment> segments, const engine::Tokenizer& tokenizer) {
  std::vector<engine::Token> tokens;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    switch (segment.kind) {
      case Segment::Kind::control: {
        const auto id = tokenizer.control(segment.text);
        if (!id)
          return tl::unexpected(DialectError{"the tokenizer has no control token " + segment.text,
                                             "segment " + std::to_string(i)});
        tokens.push_back({*id, engine::Role::prompt});
        break;
      }
      case Segment::Kind::text:
        for (const auto id : tokenizer.encode_text(segment.text))
          tokens.push_back({id, engine::Role::prompt});
        break;
      case Segment::Kind::ids:
        for (const auto id : segment.ids)
          tokens.push_back({id, segment.decoded ? engine::Role::decoded : engine::Role::prompt});
        break;
    }
  }
  return tokens;
}

}  // namespace praxis::agent
