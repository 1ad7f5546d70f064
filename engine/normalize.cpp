#include "engine/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/utf8.h"

namespace praxis::engine {
namespace {

constexpr char32_t kFirstComposing = 0x300;  // every character below is its own NFC

/// Length of the prefix that NFC leaves as it is, whatever follows: text below U+0300, less its
/// last character, which a following mark may change.
std::size_t unchanged_prefix(std::string_view text) {
  std::size_t last = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = utf8::front(text.substr(i)).bytes;
    if (bytes > 1 && utf8::scalar(text.substr(i)) >= kFirstComposing) return last;
    last = i;
    i += bytes;
  }
  return text.size();
}

int combining_class(utf8proc_int32_t scalar) {
  return utf8proc_get_property(scalar)->combining_class;
}

/// Canonical decomposition, marks in canonical order.
std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> scalars;
  scalars.reserve(text.size());
  std::array<utf8proc_int32_t, 8> parts;  // a canonical decomposition has at most 4
  for (std::size_t i = 0; i < text.size();) {
    const auto scalar = static_cast<utf8proc_int32_t>(utf8::scalar(text.substr(i)));
    int boundary_class = 0;
    const auto count = utf8proc_decompose_char(scalar, parts.data(), parts.size(),
                                               UTF8PROC_DECOMPOSE, &boundary_class);
    if (count > 0 && count <= static_cast<utf8proc_ssize_t>(parts.size())) {
      scalars.insert(scalars.end(), parts.begin(), parts.begin() + count);
    } else {
      scalars.push_back(scalar);
    }
    i += utf8::front(text.substr(i)).bytes;
  }
  // utf8proc's own ordering takes the square of a run's length; a megabyte of marks must not.
  const auto is_mark = [](utf8proc_int32_t scalar) { return combining_class(scalar) != 0; };
  for (auto at = scalars.begin(); at != scalars.end();) {
    const auto begin = std::find_if(at, scalars.end(), is_mark);
    at = std::find_if_not(begin, scalars.end(), is_mark);
    std::stable_sort(begin, at, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
  }
  return scalars;
}

}  // namespace

std::string nfc(std::string_view text) {
  const std::size_t unchanged = unchanged_prefix(text);
  std::string out(text.substr(0, unchanged));
  if (unchanged == text.size()) return out;
  auto scalars = decompose(text.substr(unchanged));
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const auto count = utf8proc_normalize_utf32(
      scalars.data(), static_cast<utf8proc_ssize_t>(scalars.size()), options);
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    utf8::append(out, static_cast<char32_t>(scalars[static_cast<std::size_t>(i)]));
  }
  return out;
}

}  // namespace praxis::engine
