// Masks: the vocabulary's trie walked with the states, cached by kin.

#include <algorithm>

#include "grammar/lexing.h"
#include "grammar/residual.h"
#include "grammar/scratch.h"

namespace praxis::grammar {
namespace {

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

std::uint64_t Residuals::walk(const Vocabulary::Trie& trie, StateId from, bool cached,
                              std::uint64_t bytes_max, std::span<std::uint32_t> bits,
                              std::vector<TokenId>* unsure) {
  std::vector<StateId> path(trie.depth_max + 1, kDead);
  enum : std::uint8_t { sure, gone_on, ended_again };  // behind an item that was not compared
  std::vector<std::uint8_t> since(trie.depth_max + 1, sure);
  path[0] = from;
  std::uint64_t finish_max = 0;
  for (std::uint32_t node = 1; node < trie.size();) {
    const StateId parent = path[trie.depth[node] - 1];
    const StateId here = states_[parent].idle && is_space(trie.byte[node]) ? parent
                         : cached ? step_cached(parent, trie.byte[node])
                                  : step(parent, trie.byte[node]);
    if (here == kDead) {
      node = trie.end[node];
      continue;
    }
    path[trie.depth[node]] = here;
    if (unsure != nullptr) {
      std::uint8_t& now = since[trie.depth[node]];
      now = since[trie.depth[node] - 1];
      if (now == sure && states_[parent].unsure && trie.byte[node] == ',') now = gone_on;
      if (now == gone_on && states_[here].unsure) now = ended_again;
    }
    if (trie.first[node] != trie.first[node + 1] &&
        (bytes_max == kNoLimit || finish_of(here) <= bytes_max)) {
      const std::uint8_t now = since[trie.depth[node]];
      if (now == ended_again || (now == gone_on && !roomy(here)))
        unsure->insert(unsure->end(), trie.tokens.begin() + trie.first[node], trie.tokens.begin() + trie.first[node + 1]);
      if (bytes_max == kNoLimit) finish_max = std::max(finish_max, finish_max_of(here));
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

/// All tokens that `id` allows. Between the characters of strings and keys, tokens without a quote
/// depend on the languages alone, and on the ordered keys that begin so; only those with a quote need
/// the states behind.
void Residuals::fill(StateId id, bool cached, Mask& mask) {
  const Vocabulary::Tries& tries = vocabulary_.tries();
  const State state = states_[id];
  std::vector<TokenId>* const unsure = state.records ? &mask.unsure : nullptr;
  for (std::uint32_t i = 0; i < state.count; ++i) {
    const Frame& frame = atoms_[state.first + i].frame;
    const bool text = frame.kind == FrameKind::string || frame.kind == FrameKind::key;
    if (text && frame.lex == 0) continue;
    mask.finish_max = walk(tries.all, id, cached, kNoLimit, mask.bits, unsure);
    return;
  }
  mask.finish_max = walk(tries.quoted, id, cached, kNoLimit, mask.bits, unsure);
  Languages& languages = cases_->languages();
  // Texts in canonical spelling and, of those of some length, in any: each language once, and those that
  // must be walked all in one.
  std::vector<std::uint64_t> counted;  // language, is it a key?
  std::vector<LanguageId> walked;
  std::uint64_t behind_most = 0;
  for (std::uint32_t i = 0; i < state.count; ++i) {
    Atom atom = atoms_[state.first + i];
    const bool text = atom.frame.kind == FrameKind::string;
    const LanguageId language = text ? atom.frame.rule : atom.frame.next;
    if (language != kNothing) {
      if (languages.lengths(language)) counted.push_back(std::uint64_t{language} << 1 | (text ? 0u : 1u));
      else if (languages.all_but_some(language)) counted.push_back(std::uint64_t{kAnyText} << 1 | 1u);
      else walked.push_back(language);
      const std::uint64_t behind = add_bytes(finish_of(atom.rest), text ? 1 : 3 + longest_value(atom.frame));
      behind_most = std::max(behind_most, behind);
    }
    if (!text && atom.frame.low < atom.frame.high) {
      atom.frame.next = kNothing;
      mask.finish_max = std::max(mask.finish_max, finish_max_of(atom));
      allow_ordered(atom.frame, mask.bits);
    }
  }
  std::sort(counted.begin(), counted.end());
  counted.erase(std::unique(counted.begin(), counted.end()), counted.end());
  const auto allow = [&](LanguageId language, bool is_key) {
    const Inside& inside = inside_of(language, is_key);
    merge(mask.bits, inside.bits);
    mask.finish_max = std::max(mask.finish_max, add_bytes(add_bytes(inside.finish_max, kMemoryBytes), behind_most));
  };
  for (const std::uint64_t one : counted) allow(static_cast<LanguageId>(one >> 1), one & 1);
  if (!walked.empty()) allow(walked.size() == 1 ? walked[0] : languages.any_of(walked), true);
}

/// The unquoted tokens that ordered keys may go on with.
void Residuals::allow_ordered(const Frame& key, std::span<std::uint32_t> bits) {
  const Vocabulary::Trie& trie = vocabulary_.tries().unquoted;
  const std::vector<bool>& open = cases_->open(key.rule);
  const Order& order = cases_->order(key.rule);
  std::vector<std::uint32_t> path{0};  // nodes for what is left of the last key, as far as there are any
  std::string_view last;
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    if (!open[order.sorted[i]]) continue;
    const std::string_view left =
        std::string_view(cases_->key_spelled(order.members[order.sorted[i]].key)).substr(key.depth);
    const auto apart = std::mismatch(left.begin(), left.end(), last.begin(), last.end()).first;
    path.resize(std::min<std::size_t>(path.size(), static_cast<std::size_t>(apart - left.begin()) + 1));
    while (path.size() <= left.size()) {
      const std::uint32_t node = trie.find(path.back(), left.substr(path.size() - 1, 1));
      if (node == Vocabulary::Trie::kNone) break;
      path.push_back(node);
      for (std::uint32_t t = trie.first[node]; t < trie.first[node + 1]; ++t) set(bits, trie.tokens[t]);
    }
    last = left;
  }
}

/// Bytes of the dearest value that a key outside the order can have, and what is needed behind it.
std::uint64_t Residuals::longest_value(const Frame& key) {
  const std::vector<LanguageId>& questions = cases_->questions(key.rule);
  if (questions.size() > kExamplesMax) return kEndless;
  std::uint64_t most = 0;
  for (std::uint64_t answers = 0; answers < std::uint64_t{1} << questions.size(); ++answers) {
    const auto some = cases_->example(key.rule, answers);
    if (!some) continue;
    for (const Cases::ObjectStep& step : cases_->take(key.rule, *some)) {
      const std::uint64_t members = cases_->finish_members(step.rest, false);
      most = std::max(most, add_bytes(cases_->finish(step.value), add_bytes(members, 2)));
    }
  }
  return most;
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
  mask.unsure.clear();
  if (is_full() || states_[kin].exact) {  // what is compared makes states that no other text meets
    const Scratch scratch(*this);
    fill(kin, false, mask);
  } else {
    drop_rows_if_many();
    fill(kin, true, mask);
  }
  return mask;
}

/// More bytes than the kin needs, where keys must differ from those written.
std::uint64_t Residuals::memory_bytes(StateId id) {
  if (states_[id].memory == Memory::none) return 0;
  bool scarce = false;
  scarce_keys(id, scarce);
  return scarce ? kScarceBytes : kMemoryBytes;
}

void Residuals::mask(StateId id, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  cases_->refuel();
  const State state = states_[id];
  const Mask& shared = mask_of_kin(state.kin);
  const bool limited = bytes_max != kNoLimit && add_bytes(shared.finish_max, memory_bytes(id)) > bytes_max;
  if (!limited) {
    std::copy(shared.bits.begin(), shared.bits.end(), bits.begin());
    if (state.memory != Memory::none) forget_repeats(id, bits);
    if (id != state.kin) compare_items(id, shared, bytes_max, bits);
    return;
  }
  std::fill(bits.begin(), bits.end(), 0u);
  if (id == state.kin && !state.records && !is_full()) {
    drop_rows_if_many();
    walk(vocabulary_.tries().all, id, true, bytes_max, bits);
  } else {
    const Scratch scratch(*this);
    walk(vocabulary_.tries().all, id, false, bytes_max, bits);
  }
}

void Residuals::add_mask(StateId id, std::span<std::uint32_t> bits, std::uint64_t bytes_max) {
  std::vector<std::uint32_t> own(bits.size());
  mask(id, own, bytes_max);
  merge(bits, own);
}

/// Keys outside the order that were written, in the objects that a token can get back to. Nothing
/// where their keys can always go on: no list of written ones is in the way of another.
std::vector<std::string> Residuals::scarce_keys(StateId id, bool& scarce) {
  std::vector<std::string> written;
  std::vector<StateId> level{id};
  scarce = false;
  // A token that leaves an object behind takes a byte for it.
  for (std::uint32_t depth = 0; depth <= vocabulary_.tries().all.depth_max && !level.empty(); ++depth) {
    std::vector<StateId> behind;
    for (const StateId at : level) {
      for (std::uint32_t i = 0; i < states_[at].count; ++i) {
        const Atom atom = atoms_[states_[at].first + i];
        if (states_[atom.rest].memory != Memory::none) behind.push_back(atom.rest);
        if (atom.frame.seen == kForgotten) continue;
        const LanguageId keys = cases_->extras(atom.frame.rule);
        if (keys == kNothing || cases_->plenty(keys)) continue;
        scarce = true;
        for (std::uint32_t seen = atom.frame.seen; seen > kEmpty; seen = seen_[seen].parent)
          written.push_back(spelled(seen_[seen].text));
      }
    }
    std::sort(behind.begin(), behind.end());
    behind.erase(std::unique(behind.begin(), behind.end()), behind.end());
    level = std::move(behind);
  }
  return written;
}

/// `bits`: the kin's mask. Clears the tokens that write a key a second time. Where keys are plenty
/// only a token that ends a key can do so: inside a key, by a quote right behind the rest of one
/// that was written, or, inside a key or another string, by writing a whole key behind it (three
/// quotes); elsewhere by writing a whole key (two). Where they are scarce, so can one that begins like a written key and
/// leaves no other to become.
void Residuals::forget_repeats(StateId id, std::span<std::uint32_t> bits) {
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
  const auto check = [&](TokenId token) {
    if (has(bits, token) && !admits(id, vocabulary_.bytes(token))) clear(bits, token);
  };
  bool scarce = false;
  const std::vector<std::string> written = scarce_keys(id, scarce);
  bool in_text = true;
  for (std::uint32_t i = 0; i < states_[id].count; ++i) {
    const Frame frame = atoms_[states_[id].first + i].frame;
    in_text = in_text && (frame.kind == FrameKind::key || frame.kind == FrameKind::string);
    if (frame.kind != FrameKind::key || frame.text == kForgotten || frame.text >= kAsked) continue;
    const std::string begun = spelled(frame.text);
    for (std::uint32_t seen = frame.seen; seen > kEmpty; seen = seen_[seen].parent) {
      const std::string key = spelled(seen_[seen].text);
      if (key.compare(0, begun.size(), begun) != 0) continue;
      std::uint32_t node = 0;
      for (std::size_t at = begun.size(); at < key.size() && node != Vocabulary::Trie::kNone; ++at) {
        node = trie.find(node, std::string_view(key).substr(at, 1));
        if (node == Vocabulary::Trie::kNone || !scarce) continue;
        for (std::uint32_t t = trie.first[node]; t < trie.first[node + 1]; ++t) check(trie.tokens[t]);
      }
      if (node != Vocabulary::Trie::kNone) node = trie.find(node, "\"");
      if (node == Vocabulary::Trie::kNone) continue;
      for (std::uint32_t t = trie.first[node]; t < trie.first[trie.end[node]]; ++t)
        check(trie.tokens[t]);
    }
  }
  const Vocabulary::Tries& tries = vocabulary_.tries();
  // Where none was written yet, a token must hold both keys.
  const bool some = states_[id].memory == Memory::of_some;
  // The second key need not be whole where it could become no other.
  const std::vector<TokenId>& tokens = in_text ? (scarce ? tries.quoted_twice : tries.quoted_thrice)
                                       : some ? tries.quoted_twice
                                       : scarce ? tries.quoted_thrice
                                                : tries.quoted_often;
  for (const TokenId token : tokens) check(token);
  if (written.empty()) return;
  for (const TokenId token : tries.quoted.tokens) {
    if (!has(bits, token)) continue;
    const std::string_view bytes = vocabulary_.bytes(token);
    const std::string_view begun = bytes.substr(bytes.rfind('"') + 1);
    const bool is_written = std::any_of(written.begin(), written.end(),
                                        [&](const std::string& key) { return key.starts_with(begun); });
    if (!begun.empty() && is_written) check(token);
  }
}

/// Can the item that is being written certainly become one of many? Then that it must differ from a few
/// others leaves a way to go on.
bool Residuals::roomy(StateId id) {
  const State state = states_[id];
  for (std::uint32_t i = 0; i < state.count; ++i) {
    const Atom atom = atoms_[state.first + i];
    const Frame& frame = atom.frame;
    switch (frame.kind) {
      case FrameKind::value:
      case FrameKind::colon:
        if (cases_->many(frame.rule)) return true;
        break;
      case FrameKind::bare:
      case FrameKind::string:
        if (!cases_->finite(frame.rule)) return true;
        break;
      case FrameKind::object_open:
      case FrameKind::object_comma:
      case FrameKind::object_next:
        if (cases_->many_members(frame.rule)) return true;
        break;
      case FrameKind::key: {
        if (frame.next != kNothing && !cases_->finite(frame.next)) return true;
        const Order& order = cases_->order(frame.rule);
        const std::vector<bool>& open = cases_->open(frame.rule);
        for (std::uint32_t k = frame.low; k < frame.high; ++k) {
          if (open[order.sorted[k]] && cases_->many(order.members[order.sorted[k]].value)) return true;
        }
        break;
      }
      case FrameKind::array_open:
      case FrameKind::array_item:
      case FrameKind::array_next:
      case FrameKind::text:
        continue;  // what lies behind an item is no part of it
    }
    if (roomy(atom.rest)) return true;
  }
  return false;
}

/// `bits`: the kin's mask. Clears the tokens that go on as only another item would let them.
void Residuals::compare_items(StateId id, const Mask& kin, std::uint64_t bytes_max,
                              std::span<std::uint32_t> bits) {
  for (const TokenId token : kin.unsure) {
    if (has(bits, token) && !admits(id, vocabulary_.bytes(token), bytes_max)) clear(bits, token);
  }
}

bool Residuals::admits(StateId state, std::string_view token, std::uint64_t bytes_max) {
  const Scratch scratch(*this);
  for (std::size_t i = 0; i < token.size() && state != kDead; ++i)
    state = step(state, static_cast<std::uint8_t>(token[i]));
  return state != kDead && (bytes_max == kNoLimit || finish_of(state) <= bytes_max);
}

bool Residuals::token_goes_on(StateId state, std::string_view begun) {
  const std::lock_guard lock(mutex_);
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
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
