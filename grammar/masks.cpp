// Masks: the vocabulary's trie walked with the states, cached by kin.

#include <algorithm>
#include <bit>

#include "grammar/lexing.h"
#include "grammar/residual.h"
#include "grammar/scratch.h"
#include "grammar/sorted.h"

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
  enum Since : std::uint8_t { sure, gone_on, ended_again };  // behind an item that was not compared
  struct Visit {
    StateId state = kDead;
    Row* row = nullptr;  // once something below was asked for
    bool idle = false;
    Since since = sure;
  };
  std::vector<Visit> path(trie.depth_max + 1);
  path[0] = Visit{from, nullptr, states_[from].idle, sure};
  std::uint64_t finish_max = 0;
  for (std::uint32_t node = 1; node < trie.size();) {
    const std::uint8_t byte = trie.byte[node];
    Visit& parent = path[trie.depth[node] - 1];
    StateId here = parent.state;
    if (!parent.idle || !is_space(byte)) {
      if (cached && parent.row == nullptr) parent.row = &row_of(parent.state);
      if (!cached) here = step(parent.state, byte);
      else if (here = (*parent.row)[byte]; here == kUnknownState) here = (*parent.row)[byte] = step(parent.state, byte);
    }
    if (here == kDead) {
      node = trie.end[node];
      continue;
    }
    Visit& visit = path[trie.depth[node]];
    visit = Visit{here, nullptr, states_[here].idle, parent.since};
    if (unsure != nullptr) {
      if (visit.since == sure && states_[parent.state].unsure && byte == ',') visit.since = gone_on;
      if (visit.since == gone_on && states_[here].unsure) visit.since = ended_again;
    }
    if (trie.first[node] != trie.first[node + 1] &&
        (bytes_max == kNoLimit || finish_of(here) <= bytes_max)) {
      if (visit.since == ended_again || (visit.since == gone_on && !roomy(here)))
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
    const bool text = frame.kind == FrameKind::string || frame.kind == FrameKind::key ||
                      frame.kind == FrameKind::choice;
    if (text && frame.lex == 0) continue;
    mask.finish_max = walk(tries.all, id, cached, kNoLimit, mask.bits, unsure);
    return;
  }
  // What ends a text and goes on behind it is known by halves, where the same may follow whatever the text is.
  std::vector<StateId> behind;
  bool halved = cached && !state.records;
  for (std::uint32_t i = 0; i < state.count && halved; ++i) {
    const auto known = behind_text(Atom(atoms_[state.first + i]));
    if (known) behind.push_back(*known);
    else halved = false;
  }
  if (!halved) mask.finish_max = walk(tries.quoted, id, cached, kNoLimit, mask.bits, unsure);
  Languages& languages = cases_->languages();
  // Texts in canonical spelling and, of those of some length, in any: each language once, and those that
  // must be walked all in one.
  std::vector<std::uint64_t> counted;  // language, is it a key?
  std::vector<LanguageId> walked;
  std::uint64_t behind_most = 0;
  for (std::uint32_t i = 0; i < state.count; ++i) {
    Atom atom = atoms_[state.first + i];
    const Frame& frame = atom.frame;
    if (halved) allow_ending(frame, behind[i], mask);
    if (frame.kind == FrameKind::choice) {
      mask.finish_max = std::max(mask.finish_max, finish_max_of(atom));
      allow_texts(frame.low, frame.high, frame.depth, [&](std::uint32_t at) { return &choice_text(frame.rule, at); }, mask.bits);
      continue;
    }
    const bool text = frame.kind == FrameKind::string;
    const LanguageId language = text ? atom.frame.rule : atom.frame.next;
    if (language != kNothing) {
      if (languages.lengths(language)) counted.push_back(std::uint64_t{language} << 1 | (text ? 0u : 1u));
      else if (languages.all_but_some(language)) counted.push_back(std::uint64_t{kAnyText} << 1 | 1u);
      else walked.push_back(language);
      const std::uint64_t more = text ? 1 : 3 + longest_value(atom.frame, states_[atom.rest].level);
      behind_most = std::max(behind_most, add_bytes(finish_of(atom.rest), more));
    }
    if (!text && atom.frame.low < atom.frame.high) {
      atom.frame.next = kNothing;
      mask.finish_max = std::max(mask.finish_max, finish_max_of(atom));
      const std::vector<bool>& open = cases_->open(frame.rule);
      const Order& order = cases_->order(frame.rule);
      const auto spelling = [&](std::uint32_t at) {
        return open[order.sorted[at]] ? &cases_->key_spelled(order.members[order.sorted[at]].key) : nullptr;
      };
      allow_texts(frame.low, frame.high, frame.depth, spelling, mask.bits);
    }
  }
  std::sort(counted.begin(), counted.end());
  counted.erase(std::unique(counted.begin(), counted.end()), counted.end());
  const auto allow = [&](LanguageId language, bool is_key) {
    const Inside& inside = inside_of(language, is_key);
    merge(mask.bits, inside.bits);
    mask.finish_max = std::max(mask.finish_max, add_bytes(add_bytes(inside.finish_max, memory_bytes_most()), behind_most));
  };
  for (const std::uint64_t one : counted) allow(static_cast<LanguageId>(one >> 1), one & 1);
  if (!walked.empty()) allow(walked.size() == 1 ? walked[0] : languages.any_of(walked), true);
}

/// The state behind the text that the atom is inside of, where it does not depend on the text.
std::optional<StateId> Residuals::behind_text(const Atom& atom) {
  const Frame& frame = atom.frame;
  if (frame.kind == FrameKind::string) return atom.rest;
  const bool no_matter = frame.kind == FrameKind::key && frame.low == frame.high && frame.next != kNothing &&
                         frame.text == kForgotten && frame.seen == kForgotten;
  if (!no_matter) return std::nullopt;
  Atom ended = atom;
  ended.frame.next = kEmptyText;
  Next next;
  end_key(ended, next);
  return intern(next.atoms, false);
}

const Residuals::Behind& Residuals::behind_of(StateId id) {
  const Vocabulary::Tries& tries = vocabulary_.tries();
  if (behind_.size() * tries.ending_words() * sizeof(std::uint32_t) > kEndingBytesMax) behind_.clear();
  const auto [at, added] = behind_.try_emplace(id);
  Behind& made = at->second;
  if (!added) return made;
  made.places.assign(tries.ending_words(), 0);
  for (std::uint32_t i = tries.ends.first[0]; i < tries.ends.first[1]; ++i) set(made.places, tries.ends.tokens[i]);
  made.finish_max = std::max(finish_max_of(id), walk(tries.ends, id, true, kNoLimit, made.places));
  return made;
}

void Residuals::allow_ending(const Frame& text, StateId rest, Mask& mask) {
  const bool is_key = text.kind == FrameKind::key;
  const std::vector<std::uint32_t>& ending = ending_of(is_key ? text.next : text.rule, is_key);
  const Behind& behind = behind_of(rest);
  const std::vector<TokenId>& tokens = vocabulary_.tries().quoted.tokens;
  for (std::size_t word = 0; word < ending.size(); ++word) {
    for (std::uint32_t bits = ending[word] & behind.places[word]; bits != 0; bits &= bits - 1)
      set(mask.bits, tokens[word * 32 + static_cast<std::size_t>(std::countr_zero(bits))]);
  }
  mask.finish_max = std::max(mask.finish_max, behind.finish_max);
}

/// Inside a key that may become a declared one or any other: the state of it as another, whatever was read of it
/// so far. So all such places in an object have most of their masks in common. kDead where there is none.
StateId Residuals::others_of(StateId id) {
  const State& state = states_[id];
  if (state.count != 1 || state.complete || state.records || is_full()) return kDead;
  const Atom atom = atoms_[state.first];
  const Frame& key = atom.frame;
  const bool both = key.kind == FrameKind::key && key.lex == 0 && key.low < key.high && key.next != kNothing;
  if (!both || key.text != kForgotten || !cases_->takes_any_others(key.rule)) return kDead;
  Frame other = key;
  other.low = other.high = other.depth = 0;
  other.next = kAnyText;
  return single(other, atom.rest);
}

/// The same as fill, `others` being the mask of others_of(id): it says too much only of tokens that end the key
/// as a declared one.
void Residuals::fill_beside(StateId id, const Mask& others, Mask& mask) {
  const Vocabulary::Tries& tries = vocabulary_.tries();
  const Atom atom = atoms_[states_[id].first];
  Frame key = atom.frame;
  mask.bits = others.bits;
  const Order& order = cases_->order(key.rule);
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    const std::string& spelled = cases_->key_spelled(order.members[order.sorted[i]].key);
    std::uint32_t node = tries.quoted.find(0, std::string_view(spelled).substr(key.depth));
    if (node != Vocabulary::Trie::kNone) node = tries.quoted.find(node, "\"");
    if (node == Vocabulary::Trie::kNone) continue;
    for (std::uint32_t t = tries.quoted.first[node]; t < tries.quoted.first[tries.quoted.end[node]]; ++t)
      clear(mask.bits, tries.quoted.tokens[t]);
  }
  key.next = kNothing;
  if (!has_candidate(key)) {
    mask.finish_max = others.finish_max;
    return;
  }
  Mask declared;
  declared.bits.swap(mask.bits);
  fill(single(key, atom.rest), true, declared);
  declared.bits.swap(mask.bits);
  mask.finish_max = std::max(others.finish_max, declared.finish_max);
}

/// The unquoted tokens that the texts [low, high) may go on with: sorted, `depth` bytes of each read; null
/// ones do not count.
template <class Spelling>
void Residuals::allow_texts(std::uint32_t low, std::uint32_t high, std::uint32_t depth, Spelling spelling,
                            std::span<std::uint32_t> bits) {
  const Vocabulary::Trie& trie = vocabulary_.tries().unquoted;
  std::vector<std::uint32_t> path{0};  // nodes for what is left of the last text, as far as there are any
  std::string_view last;
  for (std::uint32_t i = low; i < high; ++i) {
    const std::string* const text = spelling(i);
    if (text == nullptr) continue;
    const std::string_view left = std::string_view(*text).substr(depth);
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
std::uint64_t Residuals::longest_value(const Frame& key, std::uint32_t level) {
  const std::vector<LanguageId>& questions = cases_->questions(key.rule);
  if (questions.size() > kExamplesMax) return kEndless;
  std::uint64_t most = 0;
  for (std::uint64_t answers = 0; answers < std::uint64_t{1} << questions.size(); ++answers) {
    const auto some = cases_->example(key.rule, answers);
    if (!some) continue;
    for (const Cases::ObjectStep& step : cases_->take(key.rule, *some)) {
      const std::uint64_t members = bytes_of(cases_->length_of_members(step.rest, false), level);
      const std::uint64_t behind = add_bytes(members, 2 + (pretty_ ? 1 + line_bytes(level) : 0));
      most = std::max(most, add_bytes(bytes_of(cases_->length(step.value), level + 1), behind));
    }
  }
  return most;
}

/// More bytes than the kin needs, where keys must differ from those written.
std::uint64_t Residuals::memory_bytes(StateId id) {
  if (states_[id].memory == Memory::none) return 0;
  bool scarce = false;
  scarce_keys(id, scarce);
  return scarce ? memory_bytes_most() / kMemoryBytes * kScarceBytes : memory_bytes_most();
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

/// The frames of objects that remember their keys and that a token can get back to.
std::vector<Frame> Residuals::remembering(StateId id) const {
  std::vector<Frame> frames;
  std::vector<StateId> level{id};
  for (std::uint32_t depth = 0; depth <= vocabulary_.tries().all.depth_max && !level.empty(); ++depth) {
    std::vector<StateId> behind;
    for (const StateId at : level) {
      for (std::uint32_t i = 0; i < states_[at].count; ++i) {
        const Atom& atom = atoms_[states_[at].first + i];
        if (atom.frame.seen != kForgotten) frames.push_back(atom.frame);
        if (states_[atom.rest].memory != Memory::none) put_in(behind, atom.rest);
      }
    }
    level = std::move(behind);
  }
  return frames;
}

/// May a token write, between two of its quotes, a key that stands there already, or one that it has ended or
/// written before? `frames`: remembering().
bool Residuals::may_repeat(std::string_view token, const std::vector<Frame>& frames) const {
  if (token.find('\\') != std::string_view::npos) return true;  // some quotes are none
  std::vector<std::string_view> keys;
  const std::size_t first = token.find('"');
  for (std::size_t open = first, close = 0; (close = token.find('"', open + 1)) != std::string_view::npos; open = close) {
    const std::string_view key = token.substr(open + 1, close - open - 1);
    const auto is_there = [&](const Frame& frame) {
      const bool ended = frame.kind == FrameKind::key && texts_[frame.text].length + first == key.size();
      if (ended && spelled(frame.text).append(token, 0, first) == key) return true;
      for (std::uint32_t seen = frame.seen; seen > kEmpty; seen = seen_[seen].parent) {
        const std::uint32_t text = seen_[seen].text;
        if (texts_[text].length == key.size() && spelled(text) == key) return true;
      }
      return false;
    };
    if (std::find(keys.begin(), keys.end(), key) != keys.end() || std::any_of(frames.begin(), frames.end(), is_there)) return true;
    keys.push_back(key);
  }
  return false;
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
    in_text = in_text && (frame.kind == FrameKind::key || frame.kind == FrameKind::string ||
                          frame.kind == FrameKind::choice);
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
  const std::vector<Frame> open = scarce ? std::vector<Frame>() : remembering(id);
  for (const TokenId token : tokens) {
    if (has(bits, token) && (scarce || may_repeat(vocabulary_.bytes(token), open))) check(token);
  }
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
      case FrameKind::choice_colon:
      case FrameKind::choice_open:
      case FrameKind::choice:
        if (frame.high - frame.low > Cases::kFew) return true;
        break;
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
