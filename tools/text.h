#pragma once
// What tools write is bytes; what leaves this room is text: valid UTF-8, no NUL, of bounded size.

#include <cstddef>
#include <string>
#include <string_view>

namespace praxis::tools {

/// `bytes` with every maximal ill-formed subpart (Unicode 15, section 3.9) and every NUL replaced
/// by U+FFFD. Never shorter than `bytes`.
std::string repair_utf8(std::string_view bytes);

/// Bytes in the longest prefix of valid UTF-8 `text` that has at most `bytes_max` bytes and ends
/// between two characters.
std::size_t cut_utf8(std::string_view text, std::size_t bytes_max);

/// `bytes` as one line for people: repaired, control characters (escape sequences of terminals
/// among them) replaced by spaces, at most `bytes_max` bytes.
std::string one_line(std::string_view bytes, std::size_t bytes_max);

}  // namespace praxis::tools
