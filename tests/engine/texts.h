#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace praxis::engine::test {

/// Sanitizers make everything about ten times slower, so work whose amount is a choice is divided.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t kLess = 8;
#else
inline constexpr std::size_t kLess = 1;
#endif

/// `count` texts, the same for the same seed: code, prose in 26 scripts, emoji, combining marks,
/// digits, white space, control characters, contractions, and mixtures of them. Some are not valid
/// UTF-8 when `broken` is set.
std::vector<std::string> varied_texts(std::size_t count, std::uint64_t seed, bool broken);

/// Where `make oracles` put Hugging Face's library and the real tokenizer files, if it did.
std::optional<std::filesystem::path> oracles_folder();

struct RealTokenizer {
  const char* name;
  const char* package;  // of the oracles; null: the one shipped with tiny_r1
};
inline constexpr RealTokenizer kRealTokenizers[] = {{"DeepSeekV3", "tokenizer-deepseek_v3"},
                                                    {"Qwen3", "tokenizer-qwen3"},
                                                    {"Llama31", "tokenizer-llama3_1"},
                                                    {"TinyR1", nullptr}};

/// Its tokenizer.json; nothing when it comes with the oracles and they are not installed.
std::optional<std::filesystem::path> file_of(const RealTokenizer& real);

}  // namespace praxis::engine::test
