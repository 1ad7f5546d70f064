#pragma once
// Well-formed UTF-8 as the Unicode Standard's table 3-7 has it, and what stands in for the rest:
// one U+FFFD per maximal subpart (section 3.9, "U+FFFD Substitution of Maximal Subparts").

#include <cstddef>
#include <string>
#include <string_view>

namespace praxis::engine::utf8 {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Front {
  enum class Kind : unsigned char {
    whole,   // a character
    broken,  // a maximal subpart: to become one U+FFFD
    cut,     // the text ends inside what could still be a character
  };
  Kind kind = Kind::whole;
  std::size_t bytes = 0;  // 1..4 (broken and cut: 1..3)
};

/// What stands at the front of `text`, which must not be empty.
Front front(std::string_view text);

/// Length of the longest well-formed prefix.
std::size_t valid_prefix(std::string_view text);

/// Appends `text` with every maximal subpart replaced; a cut character at the end counts as one.
void append_valid(std::string& out, std::string_view text);

/// Appends a Unicode scalar value.
void append(std::string& out, char32_t scalar);

/// The character at the front of well-formed text.
char32_t scalar(std::string_view character);

}  // namespace praxis::engine::utf8
