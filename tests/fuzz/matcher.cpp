// Any schema compiles or is refused by name. What compiles is walked at random within any budget
// that its own measure calls enough, and at every place mask, accept, rollback, fork, forced tokens
// and drafts agree with each other; what comes out is valid by the code that judges whole texts.
#include "grammar/matcher.h"

#include <memory>
#include <random>

#include "tests/fuzz/choices.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/vocabulary.h"

namespace {

using namespace praxis::grammar;
using praxis::fuzz::demand;
using praxis::fuzz::vocabulary;

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
      R"({"type":"array","uniqueItems":true,"items":{"enum":["a","ab",12,[]]},"contains":{"type":"string"},"maxItems":3}....)",
      R"({"type":"object","patternProperties":{"^a+$":{"pattern":"^(x|yz)*$"}},"propertyNames":{"maxLength":2},"minProperties":1,"dependentRequired":{"a":["aa"]}}....)",
      R"({"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["ab"]}],"unevaluatedProperties":false,"properties":{"a":true,"ab":{"not":{"type":"null"}}}}....)",
  };
  return kSeeds;
}

using Bits = std::vector<std::uint32_t>;

Bits mask_of(const Matcher& matcher, std::uint64_t bytes_max = ~0ull) {
  Bits bits(vocabulary()->mask_words());
  matcher.mask(bits, bytes_max);
  return bits;
}

std::vector<TokenId> tokens_of(const Bits& bits) {
  std::vector<TokenId> tokens;
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary()->size()); ++id) {
    if (bits[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) tokens.push_back(id);
  }
  return tokens;
}

void mask_is_what_accept_takes(Matcher& matcher) {
  const Bits bits = mask_of(matcher);
  std::vector<TokenId> accepted;
  for (TokenId id = -1; id <= static_cast<TokenId>(vocabulary()->size()); ++id) {
    if (!matcher.accept(id)) continue;
    accepted.push_back(id);
    matcher.rollback(1);
  }
  demand(accepted == tokens_of(bits), "the mask allows what accept() takes");
  demand(mask_of(matcher) == bits, "accept() and rollback() leave the mask as it was");
}

void forced_tokens_are_what_the_mask_leaves(const Matcher& matcher) {
  const std::string forced = matcher.forced_bytes();
  if (!forced.empty()) {
    demand(!matcher.complete(), "nothing is forced where the text may end", forced);
    for (const TokenId id : tokens_of(mask_of(matcher))) {
      const std::string_view bytes = vocabulary()->bytes(id);
      const std::size_t common = std::min(bytes.size(), forced.size());
      demand(bytes.substr(0, common) == std::string_view(forced).substr(0, common),
             "the mask allows forced text alone", forced);
    }
  }
  Matcher behind = matcher.fork();
  std::string spelled;
  for (const TokenId id : matcher.forced()) {
    spelled += vocabulary()->bytes(id);
    demand(behind.accept(id), "forced tokens are accepted", forced);
  }
  demand(forced.compare(0, spelled.size(), spelled) == 0, "forced tokens spell the forced text",
         forced);
}

/// A draft that follows the mask for a while: as many tokens hold as can be accepted one by one.
void drafts_hold_as_far_as_accept(const Matcher& matcher, std::mt19937& random) {
  const Bits before = mask_of(matcher);
  Matcher draughtsman = matcher.fork();
  std::vector<TokenId> draft;
  std::uint32_t held = 0;
  bool holds = true;
  for (int i = 0; i < 4; ++i) {
    const auto tokens = tokens_of(mask_of(draughtsman));
    const bool follow = !tokens.empty() && random() % 4 != 0;
    draft.push_back(follow ? tokens[random() % tokens.size()]
                           : static_cast<TokenId>(random() % vocabulary()->size()));
    holds = holds && draughtsman.accept(draft.back());
    held += holds;
  }
  demand(matcher.validate(draft) == held, "a draft holds as far as accept() goes");
  draughtsman.rollback(held);
  demand(mask_of(draughtsman) == before, "rollback() takes all accepts back");
  demand(mask_of(matcher) == before, "what is done to a fork is not seen here");
  demand(draughtsman.complete() == matcher.complete(), "rollback() is exact");
}

void walk(const std::shared_ptr<const Grammar>& grammar, std::uint32_t choice) {
  Matcher matcher(grammar);
  if (matcher.tokens_to_finish() > 300) return;
  std::mt19937 random(choice);
  std::uint32_t left = matcher.tokens_to_finish() + random() % 40;
  std::string text;
  while (
      !(matcher.complete() && (matcher.dead_end_only_stop() || left == 0 || random() % 8 == 0))) {
    demand(left > 0, "a text that is not whole has budget left", text);
    if (random() % 4 == 0) mask_is_what_accept_takes(matcher);
    if (random() % 4 == 0) forced_tokens_are_what_the_mask_leaves(matcher);
    if (random() % 8 == 0) drafts_hold_as_far_as_accept(matcher, random);
    const auto tokens = tokens_of(mask_of(matcher, left - 1));
    if (tokens.empty()) {
      demand(matcher.complete(), "a mask is empty only behind a whole text", text);
      break;
    }
    const TokenId id = tokens[random() % tokens.size()];
    demand(matcher.accept(id), "accept() takes what the mask allows", text);
    text += vocabulary()->bytes(id);
    --left;
    demand(matcher.tokens_to_finish() <= left, "tokens_to_finish() keeps the budget", text);
  }
  const auto verdict = validate(*grammar, text);
  demand(verdict ? *verdict : verdict.error().code == ErrorCode::limit, "what was walked is valid",
         text);
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
  options.whitespace = choice % 5 == 0   ? Whitespace::bounded
                       : choice % 5 == 1 ? Whitespace::pretty
                                         : Whitespace::compact;
  if (choice % 7 == 0) options.escapes = Escapes::ascii;
  options.order = choice % 2 == 0 ? KeyOrder::any : KeyOrder::as_written;
  const auto grammar = compile(schema, vocabulary(), options);
  if (!grammar) {
    demand(!grammar.error().what.empty() && !grammar.error().where.empty(),
           "a refusal names path and reason", schema);
    return 0;
  }
  walk(*grammar, choice);
  (void)validate(**grammar, schema);  // any text at all
  return 0;
}
