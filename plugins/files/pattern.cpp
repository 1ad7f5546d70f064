#include "plugins/files/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace praxis::plugins::files {
namespace {

constexpr std::size_t kPatternBytesMax = 500;
constexpr std::uint32_t kMatchStepsMax = 200'000;  // of one line
constexpr std::uint32_t kHeapKibMax = 8 * 1024;
constexpr std::uint32_t kNestingMax = 50;  // parentheses inside each other

}  // namespace

struct Pattern::Compiled {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* limits = nullptr;
};

void Pattern::Free::operator()(Compiled* compiled) const {
  pcre2_match_context_free(compiled->limits);
  pcre2_match_data_free(compiled->match);
  pcre2_code_free(compiled->code);
  delete compiled;
}

tl::expected<Pattern, std::string> Pattern::compile(std::string_view text) {
  const auto refuse = [](std::string why) { return tl::unexpected(std::move(why)); };
  if (text.empty()) return refuse("the pattern is empty");
  if (text.size() > kPatternBytesMax)
    return refuse("the pattern has more than 500 bytes (files.pattern_bytes_max)");
  Pattern pattern;
  pattern.compiled_.reset(new Compiled);
  Compiled& compiled = *pattern.compiled_;
  const std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (!context) return refuse("no memory for the pattern");
  pcre2_set_parens_nest_limit(context.get(), kNestingMax);
  int code = 0;
  PCRE2_SIZE at = 0;
  compiled.code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                &code, &at, context.get());
  if (!compiled.code) {
    PCRE2_UCHAR message[200] = {};
    pcre2_get_error_message(code, message, sizeof message);
    return refuse("bad pattern at byte " + std::to_string(at) + ": " +
                  reinterpret_cast<const char*>(message));
  }
  compiled.match = pcre2_match_data_create(1, nullptr);
  compiled.limits = pcre2_match_context_create(nullptr);
  if (!compiled.match || !compiled.limits) return refuse("no memory for the pattern");
  pcre2_set_match_limit(compiled.limits, kMatchStepsMax);
  pcre2_set_heap_limit(compiled.limits, kHeapKibMax);
  return pattern;
}

tl::expected<bool, std::string> Pattern::matches(std::string_view line) {
  const int code = pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(line.data()),
                               line.size(), 0, 0, compiled_->match, compiled_->limits);
  if (code >= 0) return true;
  if (code == PCRE2_ERROR_NOMATCH) return false;
  if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT ||
      code == PCRE2_ERROR_HEAPLIMIT)
    return tl::unexpected(std::string(
        "the pattern needs too many steps on one line (files.match_steps_max); make it simpler"));
  return tl::unexpected("the pattern cannot be matched: error " + std::to_string(code));
}

}  // namespace praxis::plugins::files
