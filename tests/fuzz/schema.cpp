// Schemas made of every keyword compile or are refused by name; of what compiles, validate() and a
// matcher, keys in any order and no whitespace, say the same of values that come close to the
// schema, unless the matcher tells of a limit that it met.
#include <algorithm>
#include <memory>
#include <random>

#include "grammar/json.h"
#include "grammar/matcher.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/vocabulary.h"

namespace {

using namespace praxis::grammar;
using praxis::fuzz::Choices;
using praxis::fuzz::demand;
using praxis::fuzz::vocabulary;

enum class Type { any, object, array, number, string };

constexpr int kDepthMax = 4;
constexpr int kValues = 24;

const char* key(Choices& choices) { return choices.of({"a", "b", "ab", "c", "", "a b"}); }

const char* number(Choices& choices) {
  return choices.of({"0", "1", "2", "-1", "10", "0.5", "3", "-2.5", "12", "7.0"});
}

const char* scalar(Choices& choices) {
  return choices.of({"null", "true", "false", "0", "1", "2", "1.5", "-1", "\"\"", "\"a\"", "\"b\"",
                     "\"ab\"", "\"ba\"", "\"aab\"", "10", "12", "\"\xC3\xA9\"", "\"1\""});
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string value(Choices& choices, int depth) {
  const std::uint32_t kind = depth >= kDepthMax ? 0
                             : depth == 0       ? 1 + choices.below(3)
                                                : choices.below(4);
  if (kind < 2) return scalar(choices);
  std::string out(1, kind == 2 ? '[' : '{');
  std::uint32_t written = 0;  // keys, by bit
  for (std::uint32_t i = choices.below(4); i > 0; --i) {
    std::string item;
    if (kind == 3) {
      constexpr const char* kKeys[] = {"a", "b", "ab", "c", "", "a b"};
      const std::uint32_t at = choices.below(std::size(kKeys));
      if (written >> at & 1) continue;
      written |= 1u << at;
      item = quoted(kKeys[at]) + ":";
    }
    if (out.size() > 1) out += ',';
    out += item + value(choices, depth + 1);
  }
  return out + (kind == 2 ? ']' : '}');
}

std::string list(Choices& choices, const std::string& open, const std::string& close,
                 const auto& item) {
  std::string out = open;
  for (std::uint32_t n = 1 + choices.below(3); n > 0; --n) out += item() + (n > 1 ? "," : "");
  return out + close;
}

std::string schema(Choices& choices, int depth);

/// Members named by keys, each once.
std::string members(Choices& choices, const auto& name, const auto& item) {
  std::string out = "{";
  std::vector<std::string> known;
  for (std::uint32_t n = 1 + choices.below(3); n > 0; --n) {
    const std::string named = name();
    if (std::find(known.begin(), known.end(), named) != known.end()) continue;
    known.push_back(named);
    out += (known.size() > 1 ? "," : "") + quoted(named) + ":" + item();
  }
  return out + "}";
}

/// One keyword with its value; those of a type, or those of every type.
std::string keyword(Choices& choices, Type type, int depth) {
  const auto inner = [&] { return schema(choices, depth + 1); };
  const auto named = [&] { return std::string(key(choices)); };
  const auto keys = [&] { return list(choices, "[", "]", [&] { return quoted(key(choices)); }); };
  const auto values = [&] {
    return list(choices, "[", "]", [&] { return value(choices, depth + 1); });
  };
  const auto pattern = [&] {
    return std::string(choices.of({"a", "^a", "b$", "^a*$", "^(ab|b)+$", "^.{2}$", "[^a]", "^$"}));
  };
  const auto count = [&] { return std::to_string(choices.below(4)); };
  switch (type) {
    case Type::object:
      switch (choices.below(10)) {
        case 0:
          return R"("additionalProperties":)" + inner();
        case 1:
          return R"("patternProperties":)" + members(choices, pattern, inner);
        case 2:
          return R"("propertyNames":)" + inner();
        case 3:
          return R"("minProperties":)" + count();
        case 4:
          return R"("maxProperties":)" + count();
        case 5:
          return R"("dependentRequired":)" + members(choices, named, keys);
        case 6:
          return R"("dependentSchemas":)" + members(choices, named, inner);
        case 7:
          return R"("unevaluatedProperties":)" + inner();
        case 8:
          return R"("required":)" + keys();
        default:
          return R"("properties":)" + members(choices, named, inner);
      }
    case Type::array:
      switch (choices.below(9)) {
        case 0:
          return R"("prefixItems":)" + list(choices, "[", "]", inner);
        case 1:
          return R"("minItems":)" + count();
        case 2:
          return R"("maxItems":)" + count();
        case 3:
          return R"("uniqueItems":true)";
        case 4:
          return R"("contains":)" + inner();
        case 5:
          return R"("contains":)" + inner() + R"(,"minContains":)" + count();
        case 6:
          return R"("contains":)" + inner() + R"(,"maxContains":)" + count();
        case 7:
          return R"("unevaluatedItems":)" + inner();
        default:
          return R"("items":)" + inner();
      }
    case Type::number:
      switch (choices.below(4)) {
        case 0:
          return R"("maximum":)" + std::string(number(choices));
        case 1:
          return R"("exclusiveMinimum":)" + std::string(number(choices));
        case 2:
          return R"("multipleOf":)" + std::string(choices.of({"1", "2", "0.5", "3", "0.1"}));
        default:
          return R"("minimum":)" + std::string(number(choices));
      }
    case Type::string:
      switch (choices.below(3)) {
        case 0:
          return R"("minLength":)" + count();
        case 1:
          return R"("maxLength":)" + count();
        default:
          return R"("pattern":)" + quoted(pattern());
      }
    case Type::any:
      break;
  }
  switch (choices.below(8)) {
    case 0:
      return R"("const":)" + value(choices, depth + 1);
    case 1:
      return R"("enum":)" + values();
    case 2:
      return R"("allOf":)" + list(choices, "[", "]", inner);
    case 3:
      return R"("oneOf":)" + list(choices, "[", "]", inner);
    case 4:
      return R"("not":)" + inner();
    case 5:
      return R"("if":)" + inner() + R"(,"then":)" + inner() + R"(,"else":)" + inner();
    case 6:
      return R"("$ref":)" + quoted(choices.of({"#/$defs/d", "#"}));
    default:
      return R"("anyOf":)" + list(choices, "[", "]", inner);
  }
}

/// Keywords of one type and of every type, rarely of another.
std::string schema(Choices& choices, int depth) {
  if (depth >= kDepthMax || choices.used_up()) return choices.of({"true", "false", "{}"});
  if (depth > 0 && choices.below(4) == 0) {
    return R"({"type":)" +
           quoted(
               choices.of({"string", "integer", "number", "array", "object", "null", "boolean"})) +
           "}";
  }
  constexpr Type kKinds[] = {Type::object, Type::array, Type::object, Type::number, Type::string};
  constexpr const char* kNames[] = {"object", "array", "object", "number", "string"};
  const std::uint32_t of = choices.below(depth == 0 ? 3 : 5);
  std::string out = "{";
  std::vector<std::string> names;
  if (choices.below(3) > 0) {
    names.push_back("\"type\"");
    out += R"("type":)" + quoted(kNames[of]);
  }
  for (std::uint32_t n = 1 + choices.below(4); n > 0; --n) {
    const std::uint32_t kind = choices.below(8);
    const std::string one = keyword(choices,
                                    kind < 5   ? kKinds[of]
                                    : kind < 7 ? Type::any
                                               : kKinds[kind % 5],
                                    depth);
    const std::string name = one.substr(0, one.find(':'));
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    names.push_back(name);
    out += (out.size() > 1 ? "," : "") + one;
  }
  if (depth == 0) out += R"(,"$defs":{"d":)" + schema(choices, 1) + "}";
  return out + "}";
}

bool generates(Matcher& matcher, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!matcher.accept_bytes(text.substr(i, 1))) return false;
  }
  return matcher.complete();
}

/// Values of the matcher's own making come closest of all.
std::string walked(const std::shared_ptr<const Grammar>& grammar, const std::string& schema,
                   Choices& choices) {
  Matcher matcher(grammar);
  std::string text;
  std::vector<std::uint32_t> bits(vocabulary()->mask_words());
  std::uint64_t left = matcher.tokens_to_finish() + 8ull;
  while (left > 0 && left < 200 && !(matcher.complete() && choices.below(3) == 0)) {
    matcher.mask(bits, --left);
    std::vector<TokenId> tokens;
    for (TokenId id = 0; id < static_cast<TokenId>(vocabulary()->size()); ++id) {
      if (bits[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) tokens.push_back(id);
    }
    if (tokens.empty()) break;
    const TokenId id = tokens[(choices.below(256) * 7919u) % tokens.size()];
    demand(matcher.accept(id), "accept() takes what the mask allows",
           schema + "\n" + text + std::string(vocabulary()->bytes(id)));
    text += vocabulary()->bytes(id);
  }
  demand(matcher.complete() || left >= 200, "a walk within its budget ends whole",
         schema + "\n" + text);
  return text;
}

void both_agree(const std::shared_ptr<const Grammar>& grammar, const std::string& schema,
                const std::string& text) {
  const auto verdict = validate(*grammar, text);
  if (!verdict) {
    demand(verdict.error().code == ErrorCode::limit, "validate() fails by a limit alone",
           schema + "\n" + text);
    return;
  }
  Matcher matcher(grammar);
  const bool generated = generates(matcher, text);
  const bool lacking = *verdict && !generated && matcher.limit();  // as the matcher itself tells
  demand(*verdict == generated || lacking, "validate() and the matcher agree",
         schema + "\n" + text + (*verdict ? " is valid" : " is invalid"));
}

/// Long enough for a schema of some keywords and its values.
const std::vector<std::string>& seeds() {
  static const auto kSeeds = [] {
    std::mt19937 random(1);
    std::vector<std::string> made(64, std::string(160, ' '));
    for (std::string& seed : made) {
      for (char& c : seed) c = static_cast<char>(random() % 256);
    }
    return made;
  }();
  return kSeeds;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const std::string text = schema(choices, 0);
  CompileOptions options;
  options.fuel = 200'000;
  options.order = KeyOrder::any;
  const auto grammar = compile(text, vocabulary(), options);
  if (!grammar) {
    const Error& error = grammar.error();
    demand(
        !error.what.empty() && error.where.substr(0, 1) == "$" && error.code != ErrorCode::bad_json,
        "a refusal names path and reason", text + "\n" + error.where + ": " + error.what);
    return 0;
  }
  for (int i = 0; i < kValues; ++i) both_agree(*grammar, text, value(choices, 0));
  const std::string made = walked(*grammar, text, choices);
  if (Matcher(*grammar).tokens_to_finish() < 200) both_agree(*grammar, text, made);
  return 0;
}
