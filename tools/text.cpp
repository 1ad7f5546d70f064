#include "tools/text.h"

#include <algorithm>

namespace praxis::tools {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Step {
  std::size_t size;  // bytes: a whole character, or a maximal ill-formed subpart
  bool well_formed;
};

/// Unicode 15, table 3-7: the second byte's range depends on the first; the others are 80..BF.
Step next_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;  // no surrogates
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == bytes.size() || at(i) < low || at(i) > high) return {i, false};
    low = 0x80, high = 0xBF;
  }
  return {size, true};
}

}  // namespace

std::string repair_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Step step = next_character(bytes);
    text += step.well_formed && bytes[0] != '\0' ? bytes.substr(0, step.size) : kReplacement;
    bytes.remove_prefix(step.size);
  }
  return text;
}

std::size_t cut_utf8(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

std::string one_line(std::string_view bytes, std::size_t bytes_max) {
  // Four spare bytes let the last character that fits be whole.
  std::string text = repair_utf8(bytes.substr(0, std::min(bytes.size(), bytes_max + 4)));
  text.resize(cut_utf8(text, bytes_max));
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) text[i] = ' ';
    // C1 controls are C2 80 .. C2 9F; terminals may take them for escapes.
    if (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) text[i] = text[i + 1] = ' ';
  }
  return text;
}

}  // namespace praxis::tools
