#pragma once
// Sets of code points as sorted, disjoint, non-touching ranges: one spelling for each set.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "grammar/languages.h"

namespace praxis::grammar {

using CodePointSet = std::vector<CodePoints>;

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

inline std::uint32_t utf8_bytes(char32_t c) {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

inline void append_utf8(std::string& text, char32_t c) {
  const std::uint32_t size = utf8_bytes(c);
  const std::uint32_t mark = size == 1 ? 0 : 0xF00u >> size & 0xFF;
  text += static_cast<char>(mark | c >> 6 * (size - 1));
  for (std::uint32_t left = size - 1; left-- > 0;)
    text += static_cast<char>(0x80 | (c >> 6 * left & 0x3F));
}

/// Whether a byte is inside of a code point (RFC 3629, section 3).
inline bool continues(std::uint32_t byte) { return (byte & 0xC0) == 0x80; }

/// Sorts and joins ranges in any order; ranges that end before they begin are dropped.
inline CodePointSet united(CodePointSet ranges) {
  std::erase_if(ranges, [](const CodePoints& range) { return range.last < range.first; });
  std::sort(ranges.begin(), ranges.end(),
            [](const CodePoints& a, const CodePoints& b) { return a.first < b.first; });
  CodePointSet out;
  for (const CodePoints& range : ranges) {
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

/// Both arguments in united() form, as is the result.
inline CodePointSet common(std::span<const CodePoints> a, std::span<const CodePoints> b) {
  CodePointSet out;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const CodePoints both{std::max(a[i].first, b[j].first), std::min(a[i].last, b[j].last)};
    if (both.first <= both.last) out.push_back(both);
    a[i].last < b[j].last ? ++i : ++j;
  }
  return out;
}

/// All of `universe` (one range) that is outside `set`, which is in united() form.
inline CodePointSet outside(std::span<const CodePoints> set, CodePoints universe) {
  CodePointSet out;
  char32_t next = universe.first;
  for (const CodePoints& range : set) {
    if (range.first > next)
      out.push_back(CodePoints{next, std::min<char32_t>(range.first - 1, universe.last)});
    next = std::max<char32_t>(next, range.last + 1);
    if (next > universe.last) return out;
  }
  out.push_back(CodePoints{next, universe.last});
  return out;
}

/// The code points that UTF-8 can spell: all but the surrogates (RFC 3629, section 3).
inline CodePointSet scalar_values() {
  return {CodePoints{0, 0xD7FF}, CodePoints{0xE000, kLastCodePoint}};
}

}  // namespace praxis::grammar
