#pragma once
// Reads tokenizer.json (Hugging Face `tokenizers`), strictly: what is not supported is refused by
// its name and place, never skipped. Left alone, since none of it changes which ids text gets here:
// post_processor (the dialects write BOS themselves), truncation and padding (the engine bounds its
// prompts), and the flags of added tokens (text never becomes one).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/bpe.h"
#include "engine/error.h"
#include "engine/sampler.h"  // TokenId
#include "engine/split.h"

namespace praxis::engine {

inline constexpr std::size_t kTokenizerBytesMax = 128u << 20;  // Llama 3.1's file has 9 MB
inline constexpr TokenId kTokenIdMax = (1 << 22) - 1;
inline constexpr std::size_t kTokenBytesMax = 4096;
inline constexpr std::size_t kMergesMax = 1 << 22;
inline constexpr std::size_t kAddedTokensMax = 1 << 16;
inline constexpr std::size_t kSplitStagesMax = 16;

/// What each id stands for.
class Vocabulary {
 public:
  std::uint32_t size() const { return static_cast<std::uint32_t>(tokens_.size()); }
  std::string_view bytes(TokenId id) const;  // empty for ids without an entry
  bool is_control(TokenId id) const;
  /// False when the id is taken; ids up to kTokenIdMax.
  bool add(TokenId id, std::string_view bytes, bool control);

 private:
  struct Token {
    std::uint32_t begin = 0, size = 0;
    bool taken = false, control = false;
  };
  std::string arena_;
  std::vector<Token> tokens_;
};

struct TokenizerParts {
  Vocabulary vocabulary;
  std::unordered_map<std::string, TokenId> controls;  // every added token
  bool nfc = false;
  Splitter splitter;
  Bpe bpe;
};

Result<TokenizerParts> read_tokenizer(std::string_view json, std::string_view where);

}  // namespace praxis::engine
