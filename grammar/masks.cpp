// Masks: the vocabulary's trie walked with the states, cached by kin.

#include <algorithm>

#include "grammar/residual.h"
#include "grammar/scratch.h"

namespace praxis::grammar {
namespace {

// A key must differ from those written; that can cost a state this many bytes more than its kin
// (8 bytes: more than 93^7 keys).
constexpr std::uint64_t kMemoryBytes = 8;

bool has(std::span<const std::uint32_t> bits, TokenId id) {
  return bits[static_cast<std::uint32_t>(id) / 32] >> (static_cast<std::uint32_t>(id) % 32) & 1;
}
void set(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] |= 1u << (static_cast<std::uint32_t>(id) % 32);
}
void clear(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] &= ~(1u << (static_cast<std::uint32_t>(id) % 32));
}
void merge(std::span<std::uint32_t> bits, std::span<const std::uint32_t> more) {
  for (std::size_t i = 0; i < more.size(); ++i) bits[i] |= more[i];
}

}  // namespace

std::uint64_t Residuals::walk(StateId from, bool cached, std::uint64_t bytes_max,
                              std::span<std::uint32_t> bits) {
  const Vocabulary::Trie& trie = vocabulary_.trie();
  std::vector<StateId> path(trie.depth_max + 1, kDead);
  path[0] = from;
  std::uint64_t finish_max = 0;
  for (std::uint32_t node = 1; node < trie.size();) {
    const StateId parent = path[trie.depth[node] - 1];
    const StateId here =
        cached ? step_cached(parent, trie.byte[node]) : step(parent, trie.byte[node]);
    if (here == kDead) {
      node = trie.end[node];
      continue;
    }
    path[trie.depth[node]] = here;
    if (trie.first[node] != trie.first[node + 1] && finish_of(here) <= bytes_max) {
      finish_max = std::max(finish_max, states_[here].finish);
      for (std::uint32_t i = trie.first[node]; i < trie.first[node + 1]; ++i)
        set(bits, trie.tokens[i]);
    }
    ++node;
  }
  return finish_max;
}

void Residuals::drop_rows_if_many() {
  if (rows_.size() * sizeof(Row) <= kRowBytesMax) return;
  rows_.clear();
  for (State& state : states_) state.row = 0;
}

const Residuals::Mask& Residuals::mask_of_kin(StateId kin) {
  if (masks_[states_[kin].mask].owner == kin) return masks_[states_[kin].mask];
  const std::size_t mask_bytes = vocabulary_.mask_words() * sizeof(std::uint32_t);
  const std::size_t masks_max =
      std::max<std::size_t>(4, kMaskBytesMax / std::max<std::size_t>(1, mask_bytes));
  if (masks_.size() <= masks_max) {
    masks_.emplace_back();
    mask_hand_ = masks_.size() - 1;
  } else {
    mask_hand_ = mask_hand_ % masks_max + 1;
  }
  states_[kin].mask = static_cast<std::uint32_t>(mask_hand_);
  Mask& mask = masks_[mask_hand_];
  mask.owner = kin;
  mask.bits.assign(vocabulary_.mask_words(), 0);
  if (is_full()) {
    const Scratch scratch(*this);
    mask.finish_max = walk(kin, false, kNoLimit, mask.bits);
  } else {
    drop_rows_if_many();
    mask.finish_max = walk(kin, true, kNoLimit, mask.bits);
  }
  return mask;
}

void Residuals::mask(StateId id, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  const State state = states_[id];
  const Mask& shared = mask_of_kin(state.kin);
  const bool limited =
      bytes_max != kNoLimit &&
      shared.finish_max + (state.remembers ? kMemoryBytes : 0) > bytes_max;
  if (limited) {
    if (id == state.kin && !is_full()) {
      drop_rows_if_many();
      walk(id, true, bytes_max, bits);
    } else {
      const Scratch scratch(*this);
      walk(id, false, bytes_max, bits);
    }
  } else if (state.remembers) {
    std::vector<std::uint32_t> own = shared.bits;
    forget_repeats(id, own);
    merge(bits, own);
  } else {
    merge(bits, shared.bits);
  }
}

/// `bits`: the kin's mask. Clears the tokens that write a key a second time. Only a token that ends
/// a key can do so: inside a key, by a quote right behind the rest of one that was written, or by
/// writing another whole key behind this one (three quotes); elsewhere by writing a whole key
/// (two).
void Residuals::forget_repeats(StateId id, std::span<std::uint32_t> bits) {
  const Vocabulary::Trie& trie = vocabulary_.trie();
  const auto check = [&](TokenId token) {
    if (has(bits, token) && !admits(id, vocabulary_.bytes(token))) clear(bits, token);
  };
  bool in_key = true;
  for (std::uint32_t i = 0; i < states_[id].count; ++i) {
    const Frame frame = atoms_[states_[id].first + i].frame;
    in_key = in_key && frame.kind == FrameKind::key;
    if (frame.kind != FrameKind::key || frame.text == kForgotten || frame.text >= kAsked) continue;
    const std::string begun = spelled(frame.text);
    for (std::uint32_t seen = frame.seen; seen > kEmpty; seen = seen_[seen].parent) {
      const std::string key = spelled(seen_[seen].text);
      if (key.compare(0, begun.size(), begun) != 0) continue;
      const std::uint32_t node = trie.find(0, key.substr(begun.size()) + '"');
      if (node == Vocabulary::Trie::kNone) continue;
      for (std::uint32_t t = trie.first[node]; t < trie.first[trie.end[node]]; ++t)
        check(trie.tokens[t]);
    }
  }
  for (const TokenId token : in_key ? trie.quoted_thrice : trie.quoted_twice) check(token);
}

bool Residuals::admits(StateId state, std::string_view token) {
  const Scratch scratch(*this);
  for (std::size_t i = 0; i < token.size() && state != kDead; ++i)
    state = step(state, static_cast<std::uint8_t>(token[i]));
  return state != kDead;
}

bool Residuals::token_goes_on(StateId state, std::string_view begun) {
  const std::lock_guard lock(mutex_);
  const Vocabulary::Trie& trie = vocabulary_.trie();
  const std::uint32_t root = trie.find(0, begun);
  if (root == Vocabulary::Trie::kNone) return false;
  const Scratch scratch(*this);
  std::vector<StateId> path(trie.depth_max + 1, kDead);
  path[trie.depth[root]] = states_[state].kin;  // what memory forbids is no matter here
  for (std::uint32_t node = root + 1; node < trie.end[root];) {
    const StateId here = step(path[trie.depth[node] - 1], trie.byte[node]);
    if (here == kDead) {
      node = trie.end[node];
      continue;
    }
    if (trie.first[node] != trie.first[node + 1]) return true;
    path[trie.depth[node]] = here;
    ++node;
  }
  return false;
}

}  // namespace praxis::grammar
