#pragma once
#include <string>
#include <string_view>

namespace praxis::engine {

/// Unicode Normalization Form C of well-formed UTF-8 (UAX #15), in time linear in the text but for
/// the sorting of combining marks that follow one another.
std::string nfc(std::string_view text);

}  // namespace praxis::engine
