// Any pattern is refused by name, or its samples match it and its complement's do not. Patterns of
// the syntax that means the same in ECMA-262 and in PCRE2 match what PCRE2 matches.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>

#include "grammar/pattern.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace praxis::grammar;
using praxis::fuzz::Choices;
using praxis::fuzz::demand;

constexpr int kDepthMax = 5;
constexpr int kTexts = 16;
constexpr std::size_t kSamples = 6;
constexpr std::uint64_t kWork = 1'000'000;  // of all questions to one language

std::string part(Choices& choices, int depth) {
  const std::uint32_t kind =
      depth >= kDepthMax || choices.used_up() ? choices.below(4) : choices.below(12);
  const auto inner = [&] { return part(choices, depth + 1); };
  if (kind < 2) return choices.of({"a", "b", "c", "-", "\xC3\xA9", "\xF0\x9F\x98\x80", "0", " "});
  if (kind == 2)
    return choices.of(
        {"[ab]", "[^a]", ".", "\\w", "\\W", "\\d", "[b-c\\d]", "[^\\w]", "\\x61", "[\\-a]"});
  if (kind == 3) return choices.of({"^", "$", "\\b", "\\B", "(?<=a)", "(?<![a-])", "", "(?<!b)"});
  if (kind < 7) return inner() + inner();
  if (kind < 9) return "(?:" + inner() + "|" + inner() + ")";
  if (kind == 9) return (choices.flag() ? "(?=" : "(?!") + inner() + ")";
  return "(" + inner() + ")" +
         choices.of({"*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?"});
}

/// In UTF-8, valid.
std::string random_text(Choices& choices) {
  std::string text;
  for (std::uint32_t n = choices.below(9); n > 0; --n)
    text += choices.of({"a", "b", "c", "-", "\xC3\xA9", "\xF0\x9F\x98\x80", "0", " ", "_", "Z"});
  return text;
}

class Judge {
 public:
  explicit Judge(std::string_view pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    // Its start optimisation (10.42) loses matches of (?=a)(?:\B|b)a whose first a is also the
    // last.
    constexpr std::uint32_t kOptions =
        PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NO_START_OPTIMIZE;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              kOptions, &error, &at, nullptr));
    demand(code_ != nullptr, "PCRE2 knows the pattern", std::string(pattern));
    data_.reset(pcre2_match_data_create(1, nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context_.get(), 100'000);
  }

  /// Nothing if it takes PCRE2 too many steps.
  std::optional<bool> found_in(std::string_view text) const {
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), 0, 0, data_.get(), context_.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found >= 0) return true;
    return std::nullopt;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
};

/// Line ends mean different things to the two.
bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  return text.find("\xE2\x80\xA8") == text.npos && text.find("\xE2\x80\xA9") == text.npos;
}

void compare(Languages& languages, LanguageId id, const std::string& of, Choices& choices) {
  const Judge judge(of);
  const auto agree = [&](const std::string& text) {
    if (!is_plain(text)) return;
    const bool matches = languages.matches(id, text);
    if (languages.exhausted()) return;
    const auto found = judge.found_in(text);
    demand(!found || *found == matches, "PCRE2 matches the same texts",
           of + "\n" + text + (matches ? " matches here" : " does not match here"));
  };
  for (int i = 0; i < kTexts; ++i) agree(random_text(choices));
  for (const std::string& text : languages.samples(id, kSamples)) agree(text);
  const LanguageId others = languages.without(kAnyText, id);
  for (const std::string& text : languages.samples(others, kSamples)) agree(text);
}

void samples_match(Languages& languages, LanguageId id) {
  const std::uint64_t shortest = languages.shortest(id);
  for (const std::string& text : languages.samples(id, kSamples)) {
    demand(languages.matches(id, text) || languages.exhausted(), "samples match", text);
    demand(text.size() >= shortest || languages.exhausted(), "no sample is shorter than the shortest text", text);
  }
  const LanguageId others = languages.without(kAnyText, id);
  for (const std::string& text : languages.samples(others, kSamples))
    demand(!languages.matches(id, text) || languages.exhausted(),
           "samples of the rest do not match", text);
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      "\x01^[A-Z]{2}-\\d{3}$",         "\x01(?=.*\\d)(?!.*x)[a-z\\d]{2,4}", "\x01^(a|ab)*?(?<=b)$",
      "\x01[\\w.+-]+@\\p{L}{1,63}\\b", "\x01\\u{1F600}|[^\\s\\S]|(?<n>x)",
  };
  return kSeeds;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const bool any = choices.below(2) == 1;
  const std::string of = any ? choices.rest() : part(choices, 0);
  Languages languages(1u << 16);
  languages.grant(kWork);
  Fuel fuel(50'000);
  const auto id = pattern(languages, of, "$.pattern", fuel);
  if (!id) {
    demand(id.error().where == "$.pattern" && !id.error().what.empty() &&
               (any || id.error().code == ErrorCode::limit),
           "a refusal names path and reason", of + "\n" + id.error().what);
    return 0;
  }
  samples_match(languages, *id);
  if (!any) compare(languages, *id, of, choices);
  return 0;
}
