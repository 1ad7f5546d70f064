#include "engine/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace praxis::engine {
namespace {

constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
constexpr std::size_t kPartBytesMax = std::size_t{1} << 30;  // symbols are counted in 32 bits

/// Spreads a key over 64 bits (the finalizer of splitmix64).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

void TokenTable::reserve(std::size_t tokens) {
  entries_.reserve(tokens);
  if (2 * tokens > slots_.size()) grow(std::bit_ceil(2 * tokens));
}

void TokenTable::grow(std::size_t slots) {
  slots_.assign(slots, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t at = std::hash<std::string_view>{}(text(entries_[i])) & (slots - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots - 1);
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

bool TokenTable::insert(std::string_view bytes, TokenId id) {
  if (2 * (entries_.size() + 1) > slots_.size()) {
    grow(std::max<std::size_t>(64, 2 * slots_.size()));
  }
  std::size_t at = std::hash<std::string_view>{}(bytes) & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (text(entries_[slots_[at] - 1]) == bytes) return false;
  }
  entries_.push_back(Entry{static_cast<std::uint32_t>(arena_.size()),
                           static_cast<std::uint32_t>(bytes.size()), id});
  arena_ += bytes;
  slots_[at] = static_cast<std::uint32_t>(entries_.size());
  return true;
}

TokenId TokenTable::find(std::string_view bytes) const {
  if (slots_.empty()) return -1;
  std::size_t at = std::hash<std::string_view>{}(bytes) & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[at] - 1];
    if (text(entry) == bytes) return entry.id;
  }
  return -1;
}

Result<Bpe> Bpe::make(TokenTable words, const std::vector<Merge>& merges, bool whole_words) {
  Bpe bpe;
  bpe.words_ = std::move(words);
  bpe.whole_words_ = whole_words;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    bpe.byte_ids_[b] = bpe.words_.find(std::string_view(&byte, 1));
  }
  auto& slots = bpe.slots_;
  slots.assign(std::bit_ceil(2 * merges.size() + 1), Slot{kEmpty, 0});
  bpe.merged_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    const std::uint64_t pair = pair_key(merge.left, merge.right);
    std::size_t at = mixed(pair) & (slots.size() - 1);
    for (; slots[at].pair != kEmpty; at = (at + 1) & (slots.size() - 1)) {
      if (slots[at].pair != pair) continue;
      return tl::unexpected(Error{ErrorCode::bad_file,
                                  "the pair of ids " + std::to_string(merge.left) + " and " +
                                      std::to_string(merge.right) + " stands twice",
                                  {}});
    }
    slots[at] = Slot{pair, static_cast<std::uint32_t>(rank)};
    bpe.merged_.push_back(merge.merged);
  }
  return bpe;
}

std::uint32_t Bpe::rank_of(TokenId left, TokenId right) const {
  const std::uint64_t pair = pair_key(left, right);
  std::size_t at = mixed(pair) & (slots_.size() - 1);
  for (; slots_[at].pair != kEmpty; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].pair == pair) return slots_[at].rank;
  }
  return kNone;
}

void Bpe::encode(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const {
  if (whole_words_) {
    const TokenId id = words_.find(word);
    if (id >= 0) return out.push_back(id);
  }
  for (; word.size() > kPartBytesMax; word.remove_prefix(kPartBytesMax)) {
    encode_part(word.substr(0, kPartBytesMax), scratch, out);
  }
  encode_part(word, scratch, out);
}

void Bpe::encode_part(std::string_view part, Scratch& scratch, std::vector<TokenId>& out) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  for (const char c : part) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) continue;
    const auto at = static_cast<std::uint32_t>(symbols.size());
    symbols.push_back(Scratch::Symbol{id, at == 0 ? kNone : at - 1, at + 1, kNone});
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  // The smallest on top: the lowest rank, then the leftmost.
  const auto later = std::greater<std::uint64_t>();
  const auto note = [&](std::uint32_t at) {
    Scratch::Symbol& symbol = symbols[at];
    symbol.rank = symbol.next == kNone ? kNone : rank_of(symbol.id, symbols[symbol.next].id);
    if (symbol.rank == kNone) return false;
    heap.push_back(std::uint64_t{symbol.rank} << 32 | at);
    return true;
  };
  for (std::uint32_t at = 0; at < symbols.size(); ++at) note(at);
  std::make_heap(heap.begin(), heap.end(), later);

  // A merge removes a symbol and notes at most two pairs: the heap sees at most 3n entries. An
  // entry is stale when its symbol has another rank by now; a rank is that of one pair only.
  while (!heap.empty()) {
    const auto rank = static_cast<std::uint32_t>(heap.front() >> 32);
    const auto at = static_cast<std::uint32_t>(heap.front());
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    Scratch::Symbol& left = symbols[at];
    if (left.rank != rank) continue;
    Scratch::Symbol& right = symbols[left.next];
    left.id = merged_[rank];
    left.next = right.next;
    right.rank = kNone;
    if (left.next != kNone) symbols[left.next].prev = at;
    if (note(at)) std::push_heap(heap.begin(), heap.end(), later);
    if (left.prev != kNone && note(left.prev)) std::push_heap(heap.begin(), heap.end(), later);
  }
  for (std::uint32_t at = 0; at != kNone; at = symbols[at].next) out.push_back(symbols[at].id);
}

}  // namespace praxis::engine
