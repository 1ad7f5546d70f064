// Any schema compiles or is refused by name; what compiles can be walked at random within any
// budget that its own measure calls enough, and what comes out is valid by the code that judges
// whole texts.
#include <cstdlib>
#include <memory>
#include <random>

#include "grammar/compile.h"
#include "grammar/matcher.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace praxis::grammar;

// The last bytes of an input choose the walk; the rest is the schema.
constexpr std::size_t kChoiceBytes = 4;

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      R"({"type":"object","properties":{"a":{"type":"integer","minimum":-3,"maximum":120},"b":{"type":"string","minLength":1,"maxLength":5}},"required":["b"]}....)",
      R"({"anyOf":[{"enum":["a","ab",1,1.5,null,{"k":[1,true]}]},{"type":"array","items":{"$ref":"#"},"minItems":1,"maxItems":3}]}....)",
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"number","exclusiveMinimum":0.5,"maximum":9.75},"next":{"$ref":"#/$defs/n"}},"required":["v"],"additionalProperties":false}},"$ref":"#/$defs/n"}....)",
      R"({"allOf":[{"properties":{"x":{"minimum":1}}},{"properties":{"x":{"maximum":2}},"additionalProperties":{"type":"null"}}],"type":"object"}....)",
      R"({"type":["string","null","boolean"],"const":"\u00e9\ud83d\ude00\n"}....)",
      R"({"type":"number","minimum":-1e-7,"exclusiveMaximum":12345678901234567890.5}....)",
  };
  return kSeeds;
}

std::shared_ptr<const Vocabulary> vocabulary() {
  static const auto kVocabulary = [] {
    std::vector<std::string> bytes{""};
    for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
    for (const char* text :
         {"{\"",  "\":",      "\":\"",    "\",\"",        "\"}",   "}}",      "}]",
          "],",   "[[",       "[{\"",     ",\"",          "\"a\"", "\"a\":1", "{\"a\":1,\"",
          "true", "false",    "null",     "12",           "0.",    "1e",      "\\u",
          "\\\"", "\xC3\xA9", "\xF0\x9F", "a\":1,\"a\":", "ab",    "xyz"}) {
      bytes.push_back(text);
    }
    bytes.push_back("");
    return std::make_shared<const Vocabulary>(bytes, [](std::string_view text) {
      std::vector<TokenId> ids;
      for (const char c : text) ids.push_back(1 + static_cast<std::uint8_t>(c));
      return ids;
    });
  }();
  return kVocabulary;
}

void demand(bool holds) {
  if (!holds) std::abort();
}

void walk(const std::shared_ptr<const Grammar>& grammar, std::uint32_t choice) {
  const Vocabulary& words = *vocabulary();
  Matcher matcher(grammar);
  if (matcher.tokens_to_finish() > 300) return;
  std::mt19937 random(choice);
  std::uint32_t left = matcher.tokens_to_finish() + random() % 40;
  std::string text;
  std::vector<std::uint32_t> bits(words.mask_words());
  while (
      !(matcher.complete() && (matcher.dead_end_only_stop() || left == 0 || random() % 8 == 0))) {
    demand(left > 0);
    const std::string forced = matcher.forced_bytes();
    for (const TokenId id : matcher.forced())
      demand(forced.find(words.bytes(id)) != std::string::npos);
    matcher.mask(bits, left - 1);
    std::vector<TokenId> tokens;
    for (TokenId id = 0; id < static_cast<TokenId>(words.size()); ++id) {
      if (bits[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) tokens.push_back(id);
    }
    if (tokens.empty()) {
      demand(matcher.complete());
      break;
    }
    const TokenId id = tokens[random() % tokens.size()];
    demand(matcher.accept(id));
    if (random() % 4 == 0) {
      matcher.rollback(1);
      demand(matcher.accept(id));
    }
    text += words.bytes(id);
    --left;
    demand(matcher.tokens_to_finish() <= left);
  }
  const auto verdict = validate(*grammar, text);
  demand(verdict ? *verdict : verdict.error().code == ErrorCode::limit);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::size_t schema_bytes = size < kChoiceBytes ? size : size - kChoiceBytes;
  const std::string schema(reinterpret_cast<const char*>(data), schema_bytes);
  std::uint32_t choice = 0;
  for (std::size_t i = schema_bytes; i < size; ++i) choice = choice * 31 + data[i];
  CompileOptions options;
  options.fuel = 50'000;
  options.strict = choice % 3 == 0;
  options.whitespace = choice % 5 == 0 ? Whitespace::bounded : Whitespace::compact;
  const auto grammar = compile(schema, vocabulary(), options);
  if (!grammar) {
    demand(!grammar.error().what.empty() && !grammar.error().where.empty());
    return 0;
  }
  walk(*grammar, choice);
  (void)validate(**grammar, schema);  // any text at all
  return 0;
}
