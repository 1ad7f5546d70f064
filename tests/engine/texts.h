#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace praxis::engine::test {

/// `count` texts, the same for the same seed: code, prose in 26 scripts, emoji, combining marks,
/// digits, white space, control characters, contractions, and mixtures of them. Some are not valid
/// UTF-8 when `broken` is set.
std::vector<std::string> varied_texts(std::size_t count, std::uint64_t seed, bool broken);

}  // namespace praxis::engine::test
