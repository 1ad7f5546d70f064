#include "engine/split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "engine/json_events.h"
#include "engine/newer_characters.h"
#include "engine/utf8.h"

namespace praxis::engine {
namespace {

constexpr std::uint32_t kHeapKibMax = 64 * 1024;  // of one match without JIT
constexpr std::uint32_t kGroupDepthMax = 64;

/// General categories, which both matchers know by these names.
bool is_category(std::string_view name) {
  constexpr std::array<std::string_view, 37> kNames = {
      "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
      "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
      "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> run() {
    while (at_ < in_.size()) {
      if (!(in_class_ ? class_item() : item())) return tl::unexpected(std::move(error_));
    }
    return std::move(out_);  // a [ never closed is PCRE2's to refuse
  }

 private:
  bool item() {
    const char c = in_[at_];
    switch (c) {
      case '\\':
        return escape();
      case '(':
        return group();
      case '[':
        copy(1);
        if (peek() == '^') copy(1);
        // Oniguruma warns of an empty class here, PCRE2 takes ] as a member.
        if (peek() == ']') return refused("] as the first member of a class");
        return in_class_ = true;
      case '{':
        return interval();
      case '^':
      case '$':
        return refused(std::string("the anchor ") + c);
      default:
        return copy(1), true;
    }
  }

  bool class_item() {
    const char c = in_[at_];
    if (c == '\\') return escape();
    if (c == '[') return refused("[ within a class");  // a nested set to Oniguruma, a [ to PCRE2
    if (c == '&' && in_.substr(at_).starts_with("&&")) return refused("&& within a class");
    if (c == ']') in_class_ = false;
    return copy(1), true;
  }

  /// (…) (?:…) (?i:…) (?=…) (?!…) (?<=…) (?<!…) (?>…)
  bool group() {
    if (in_.substr(at_).starts_with("(*")) return refused("(*");
    if (!in_.substr(at_).starts_with("(?")) return copy(1), true;
    constexpr std::array<std::string_view, 7> kOpenings = {"(?:",  "(?i:", "(?=", "(?!",
                                                           "(?<=", "(?<!", "(?>"};
    for (const std::string_view opening : kOpenings) {
      if (in_.substr(at_).starts_with(opening)) return copy(opening.size()), true;
    }
    return refused(shown(in_.substr(at_, 4)));
  }

  /// {n} {n,} {n,m}; to PCRE2 a + after it is possessive, to Oniguruma it repeats the interval.
  bool interval() {
    std::size_t end = at_ + 1;
    while (end < in_.size() && (is_digit(in_[end]) || in_[end] == ',')) ++end;
    const std::string_view inside = in_.substr(at_ + 1, end - at_ - 1);
    const auto commas = std::count(inside.begin(), inside.end(), ',');
    if (end == in_.size() || in_[end] != '}' || inside.empty() || inside.front() == ',' ||
        commas > 1) {
      return refused("{ that does not begin {n}, {n,} or {n,m}");
    }
    copy(end + 1 - at_);
    if (peek() == '+') return refused("+ after an interval");
    return true;
  }

  bool escape() {
    if (at_ + 1 == in_.size()) return refused("\\ at the end");
    const char c = in_[at_ + 1];
    switch (c) {
      case 's':
        return replace(2, "\\p{White_Space}");
      case 'S':
        return replace(2, "\\P{White_Space}");
      case 'd':
      case 'D':
      case 'n':
      case 'r':
      case 't':
      case 'f':
        return copy(2), true;
      case 'p':
      case 'P':
        return property();
      case 'u':
        return code_point(at_ + 2, 4);
      case 'x':
        return code_point(at_ + 2, 2);
      default:
        break;
    }
    // Letters and digits mean different things to the two: \h, \w, \b, \v, \R, \1, …
    if (is_letter(c) || is_digit(c)) return refused(std::string("\\") + c);
    if (static_cast<unsigned char>(c) >= 0x80) return refused("\\ before a character beyond ASCII");
    return copy(2), true;
  }

  bool property() {
    const std::size_t end = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || end == std::string_view::npos) {
      return refused("\\p without {NAME}");
    }
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    std::string out = {'\\', in_[at_ + 1], '{'};
    if (name.starts_with('^')) {
      out += '^';
      name.remove_prefix(1);
    }
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return is_letter(c) || is_digit(c) || c == '_';
    });
    if (!plain) return refused("the property " + shown(name));
    if (name != "White_Space" && name != "Any" && !is_category(name)) out += "sc:";
    out += name;
    out += '}';
    return replace(end + 1 - at_, out);
  }

  /// \uHHHH, \xHH and \x{H…}, all written \x{H…} for PCRE2.
  bool code_point(std::size_t digits, std::size_t count) {
    const bool braced = count == 2 && digits < in_.size() && in_[digits] == '{';
    if (braced) ++digits;
    std::size_t end = digits;
    while (end < in_.size() && is_hex(in_[end]) && (braced || end - digits < count)) ++end;
    const std::string_view hex = in_.substr(digits, end - digits);
    const bool closed = braced
                            ? end < in_.size() && in_[end] == '}' && !hex.empty() && hex.size() <= 6
                            : hex.size() == count;
    if (!closed) return refused("a \\u or \\x that is not \\uHHHH, \\xHH or \\x{H…}");
    // \x80 and up without braces is a byte of the text to Oniguruma, not a character.
    if (!braced && count == 2 && hex.front() >= '8') return refused("\\x" + std::string(hex));
    return replace(end + (braced ? 1 : 0) - at_, "\\x{" + std::string(hex) + "}");
  }

  char peek() const { return at_ < in_.size() ? in_[at_] : '\0'; }
  void copy(std::size_t bytes) {
    out_ += in_.substr(at_, bytes);
    at_ += bytes;
  }
  bool replace(std::size_t bytes, std::string_view with) {
    out_ += with;
    at_ += bytes;
    return true;
  }
  bool refused(const std::string& what) {
    error_ = Error{
        ErrorCode::unsupported,
        "the pattern has " + what + " at byte " + std::to_string(at_) + ", which is not supported",
        {}};
    return false;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
  Error error_;
};

template <class T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* p) const { kFree(p); }
};
template <class T, void (*kFree)(T*)>
using Owned = std::unique_ptr<T, Freed<T, kFree>>;
using OwnedCode = Owned<pcre2_code, pcre2_code_free>;
using OwnedCompileContext = Owned<pcre2_compile_context, pcre2_compile_context_free>;
using OwnedMatchContext = Owned<pcre2_match_context, pcre2_match_context_free>;
using OwnedMatchData = Owned<pcre2_match_data, pcre2_match_data_free>;

}  // namespace

Result<std::string> translate_pattern(std::string_view oniguruma) {
  if (oniguruma.size() > kPatternBytesMax) {
    return tl::unexpected(Error{ErrorCode::unsupported,
                                "the pattern is " + std::to_string(oniguruma.size()) +
                                    " bytes long; the limit is " + std::to_string(kPatternBytesMax),
                                {}});
  }
  if (utf8::valid_prefix(oniguruma) != oniguruma.size()) {
    return tl::unexpected(Error{ErrorCode::bad_file, "the pattern is not well-formed UTF-8", {}});
  }
  return Translator(oniguruma).run();
}

struct Pattern::Impl {
  OwnedCode code;
};

Pattern::Pattern(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view oniguruma) {
  const auto translated = translate_pattern(oniguruma);
  if (!translated) return tl::unexpected(translated.error());
  const OwnedCompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), kGroupDepthMax);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto impl = std::make_unique<Impl>();
  impl->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()),
                                 translated->size(), PCRE2_UTF | PCRE2_UCP | PCRE2_AUTO_CALLOUT,
                                 &error, &offset, context.get()));
  if (!impl->code) {
    std::array<PCRE2_UCHAR, 160> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return tl::unexpected(Error{ErrorCode::unsupported,
                                "the pattern is refused by PCRE2, near \"" +
                                    shown(std::string_view(*translated).substr(0, offset)) +
                                    "\": " + reinterpret_cast<const char*>(message.data()),
                                {}});
  }
  // Without JIT (a kernel may forbid it) the interpreter gives the same matches, more slowly.
  pcre2_jit_compile(impl->code.get(), PCRE2_JIT_COMPLETE);
  return Pattern(std::move(impl));
}

/// The work of one pattern on one text. PCRE2's own match limit begins anew at each place in the
/// text, and JIT code does not count the steps of a class repeated; callouts, which PCRE2 makes
/// before each item of the pattern, see both.
struct Steps {
  std::uint64_t left = 0;
  PCRE2_SIZE position = 0;  // in the piece, at the callout before

  static int count(pcre2_callout_block* block, void* steps_of_run) {
    auto& steps = *static_cast<Steps*>(steps_of_run);
    const PCRE2_SIZE now = block->current_position;
    const std::uint64_t taken =
        1 + (now > steps.position ? now - steps.position : steps.position - now);
    steps.position = now;
    if (steps.left < taken) return PCRE2_ERROR_CALLOUT;
    steps.left -= taken;
    return 0;
  }
};

/// The state of one Splitter::run().
class Splitter::Run {
 public:
  Run(const std::vector<Stage>& stages, std::size_t text_bytes,
      const std::function<void(std::string_view)>& word)
      : stages_(stages), word_(word), scratch_(stages.size()) {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (!stages_[i].pattern) continue;
      scratch_[i].steps.left = kStepsBase + kStepsPerByte * text_bytes;
      scratch_[i].context.reset(pcre2_match_context_create(nullptr));
      scratch_[i].match.reset(
          pcre2_match_data_create_from_pattern(stages_[i].pattern->impl_->code.get(), nullptr));
      pcre2_set_heap_limit(scratch_[i].context.get(), kHeapKibMax);
      pcre2_set_match_limit(scratch_[i].context.get(), UINT32_MAX);
      pcre2_set_callout(scratch_[i].context.get(), Steps::count, &scratch_[i].steps);
    }
  }

  /// What the stages see of the text, and what the patterns see in its place: as long, and equal
  /// but for newer characters.
  struct Piece {
    std::string_view text, seen;
    Piece part(std::size_t begin, std::size_t end) const {
      return {text.substr(begin, end - begin), seen.substr(begin, end - begin)};
    }
  };

  // Recursion is as deep as there are stages.
  void stage(std::size_t index, Piece piece) {
    if (piece.text.empty()) return;
    if (index == stages_.size()) return word_(piece.text);
    const Stage& stage = stages_[index];
    if (stage.pattern) {
      split_by_pattern(index, piece);
    } else if (!stage.literal.empty()) {
      split_by_literal(index, piece);
    } else if (piece.text.front() == ' ') {
      this->stage(index + 1, piece);
    } else {
      std::string text(1, ' '), seen(1, ' ');
      text += piece.text;
      seen += piece.seen;
      this->stage(index + 1, {text, seen});
    }
  }

 private:
  struct Scratch {
    OwnedMatchContext context;
    OwnedMatchData match;
    Steps steps;
    bool gave_up = false;
  };

  void split_by_literal(std::size_t index, Piece piece) {
    const std::string& literal = stages_[index].literal;
    std::size_t done = 0;
    for (std::size_t at; (at = piece.text.find(literal, done)) != std::string_view::npos;) {
      stage(index + 1, piece.part(done, at));
      stage(index + 1, piece.part(at, at + literal.size()));
      done = at + literal.size();
    }
    stage(index + 1, piece.part(done, piece.text.size()));
  }

  void split_by_pattern(std::size_t index, Piece piece) {
    const std::size_t size = piece.text.size();
    std::size_t done = 0;  // up to here all is handed on
    for (std::size_t from = 0; from < size && !scratch_[index].gave_up;) {
      if (!match(index, piece.seen, from)) break;
      const PCRE2_SIZE* span = pcre2_get_ovector_pointer(scratch_[index].match.get());
      const std::size_t begin = span[0], end = span[1];
      stage(index + 1, piece.part(done, begin));
      stage(index + 1, piece.part(begin, end));
      done = from = end;
      // An empty match moves on by a character.
      if (end == begin && end < size) from += utf8::front(piece.text.substr(end)).bytes;
    }
    stage(index + 1, piece.part(done, size));
  }

  bool match(std::size_t index, std::string_view piece, std::size_t from) {
    Scratch& scratch = scratch_[index];
    scratch.steps.position = from;
    const auto run = [&](std::uint32_t options) {
      return pcre2_match(stages_[index].pattern->impl_->code.get(),
                         reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(), from,
                         options | PCRE2_NO_UTF_CHECK, scratch.match.get(), scratch.context.get());
    };
    int matched = run(0);
    // JIT code has 32 KiB of stack for backtracking; the interpreter has kHeapKibMax.
    if (matched == PCRE2_ERROR_JIT_STACKLIMIT) matched = run(PCRE2_NO_JIT);
    if (matched < 0 && matched != PCRE2_ERROR_NOMATCH) scratch.gave_up = true;
    return matched > 0;
  }

  const std::vector<Stage>& stages_;
  const std::function<void(std::string_view)>& word_;
  std::vector<Scratch> scratch_;
};

void Splitter::run(std::string_view text, const std::function<void(std::string_view)>& word) const {
  const auto older = with_older_characters(text);
  Run(stages_, text.size(), word).stage(0, {text, older ? std::string_view(*older) : text});
}

}  // namespace praxis::engine
