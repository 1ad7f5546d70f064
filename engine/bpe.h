#pragma once
// Byte-pair encoding: a word's bytes, then again and again the pair of neighbours that was learnt
// first, leftmost first, until no pair is left (Sennrich et al. 2016, over bytes as in GPT-2).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/sampler.h"  // TokenId

namespace praxis::engine {

/// Strings to ids, open addressing over one arena. Read by many threads once filled.
class TokenTable {
 public:
  /// `bytes` of the id; false when the string is there already.
  bool insert(std::string_view bytes, TokenId id);
  /// -1 when the string has no id.
  TokenId find(std::string_view bytes) const;
  void reserve(std::size_t tokens);

 private:
  struct Entry {
    std::uint32_t begin, size;
    TokenId id;
  };
  void grow(std::size_t slots);
  std::string_view text(const Entry& entry) const {
    return std::string_view(arena_).substr(entry.begin, entry.size);
  }
  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // 1 + index into entries_, 0: empty; a power of two of them
};

class Bpe {
 public:
  struct Merge {
    TokenId left, right, merged;
  };

  Bpe() = default;
  /// `words` holds the ordinary tokens only; a byte without a token of its own is dropped from the
  /// text, so the caller sees to it that there is none. `merges` by rank; a pair that stands twice
  /// is refused. With `whole_words`, a word that is a token is that token, whatever the merges
  /// give.
  static Result<Bpe> make(TokenTable words, const std::vector<Merge>& merges, bool whole_words);

  struct Scratch;
  /// Appends the ids of one word, in time n log n.
  void encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const;

  /// Memory of encode(), kept by the caller from word to word.
  struct Scratch {
    struct Symbol {
      TokenId id;
      std::uint32_t prev, next;  // neighbours still standing; kNone at the ends
      std::uint32_t rank;        // of the merge with the next; kNone: there is none, or it is gone
    };
    std::vector<Symbol> symbols;
    std::vector<std::uint64_t> heap;  // rank << 32 | index of the left symbol; some are stale
  };

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Slot {
    std::uint64_t pair;  // left << 32 | right; kEmpty: none
    std::uint32_t rank;
  };
  std::uint32_t rank_of(TokenId left, TokenId right) const;  // kNone when they never merge
  void encode_part(std::string_view part, Scratch& scratch, std::vector<TokenId>& out) const;

  TokenTable words_;
  std::vector<Slot> slots_;      // merges by pair, open addressing
  std::vector<TokenId> merged_;  // by rank
  TokenId byte_ids_[256] = {};
  bool whole_words_ = false;
};

}  // namespace praxis::engine
