#include "grammar/residual.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "grammar/scratch.h"

namespace praxis::grammar {
namespace {

static_assert(sizeof(Frame) == 32, "frames are compared as bytes and must have no padding");
static_assert(sizeof(Atom) == 36, "atoms too");

constexpr std::uint32_t kManyAtoms = 8;

std::uint32_t mix(std::uint32_t hash, std::uint32_t word) {
  hash = (hash ^ word) * 0x9E3779B1u;
  return hash ^ (hash >> 15);
}

std::uint32_t hash_atoms(std::span<const Atom> atoms, bool complete, std::uint32_t history) {
  std::uint32_t hash = mix(complete, history);
  for (const Atom& atom : atoms) {
    std::array<std::uint32_t, sizeof(Atom) / 4> words;
    std::memcpy(words.data(), &atom, sizeof(Atom));
    for (const std::uint32_t word : words) hash = mix(hash, word);
  }
  return hash;
}

int compare(const Frame& a, const Frame& b) { return std::memcmp(&a, &b, sizeof(Frame)); }

/// Does the frame stand for an array or object that is open?
bool is_open(FrameKind kind) {
  switch (kind) {
    case FrameKind::array_open:
    case FrameKind::array_item:
    case FrameKind::array_next:
    case FrameKind::object_open:
    case FrameKind::object_comma:
    case FrameKind::object_next:
    case FrameKind::key:
    case FrameKind::choice_colon:
    case FrameKind::choice_open:
    case FrameKind::choice:
      return true;
    case FrameKind::value:
    case FrameKind::bare:
    case FrameKind::string:
    case FrameKind::colon:
    case FrameKind::text:
      return false;
  }
  return false;
}

}  // namespace

void HashIndex::add(std::uint32_t hash) {
  hashes_.push_back(hash);
  chain_.push_back(kNone);
  if (hashes_.size() * 2 <= heads_.size()) return link(size() - 1);
  heads_.assign(std::max<std::size_t>(64, heads_.size() * 2), kNone);
  for (std::uint32_t entry = 0; entry < size(); ++entry) link(entry);
}

void HashIndex::link(std::uint32_t entry) {
  std::uint32_t& head = heads_[hashes_[entry] & (heads_.size() - 1)];
  chain_[entry] = head;
  head = entry;
}

void HashIndex::truncate(std::uint32_t size) {
  while (hashes_.size() > size) {  // the newest entry is the head of its chain
    heads_[hashes_.back() & (heads_.size() - 1)] = chain_.back();
    hashes_.pop_back();
    chain_.pop_back();
  }
}

Residuals::Residuals(const Grammar& grammar, std::unique_ptr<Cases> cases, std::string suffix,
                     std::optional<LanguageId> text)
    : cases_(std::move(cases)),
      vocabulary_(*grammar.vocabulary),
      spaces_max_(static_cast<std::uint8_t>(grammar.options.whitespace_max)),
      pretty_(grammar.options.whitespace == Whitespace::pretty),
      indent_(grammar.options.indent),
      suffix_(std::move(suffix)),
      is_text_(text.has_value()) {
  states_.resize(2);  // kDead and kEnd
  states_[kEnd].complete = true;
  states_[kEnd].kin = kEnd;
  states_[kEnd].finish = 0;
  states_[kDead].finish = kEndless;
  state_index_.add(hash_atoms({}, false, 0));
  state_index_.add(hash_atoms({}, true, 0));
  texts_.push_back(Text{kForgotten, 0, 0});
  texts_.push_back(Text{kForgotten, 0, 0});
  seen_.push_back(Seen{kForgotten, kForgotten});
  seen_.push_back(Seen{kForgotten, kForgotten});
  for (int i = 0; i < 2; ++i) {
    text_index_.add(0);
    seen_index_.add(0);
  }
  masks_.push_back(std::make_shared<Mask>());  // masks_[0] belongs to no state

  StateId rest = kEnd;
  if (!suffix_.empty()) {
    Frame behind;
    behind.kind = FrameKind::text;
    rest = single(behind, kEnd);
  }
  if (text) {
    Next next;
    step_bare(*text, rest, next);
    if (!next.atoms.empty() || next.complete) start_ = intern(next.atoms, next.complete);
    return;
  }
  Frame root;
  root.kind = FrameKind::value;
  root.rule = cases_->root();
  root.spaces = pretty_ ? 0 : spaces_max_;  // no whitespace before the value
  if (cases_->finish(cases_->root()) != kEndless) start_ = single(root, rest);
}

Result<void> Residuals::check() {
  const std::lock_guard lock(mutex_);
  cases_->ask_ahead();
  if (cases_->limit()) return tl::unexpected<Error>(*cases_->limit());
  if (start_ == kDead)
    return refuse(ErrorCode::unsatisfiable, "no value satisfies the schema here; loosen it", cases_->blame(cases_->root()));
  return {};
}

std::optional<Error> Residuals::limit() const {
  const std::lock_guard lock(mutex_);
  return cases_->limit();
}

StateId Residuals::single(const Frame& frame, StateId rest) {
  std::vector<Atom> atoms{Atom{frame, rest}};
  return intern(atoms, false);
}

/// The rests of atoms with equal frames.
StateId Residuals::unite(std::span<const Atom> alike) {
  const auto first = alike[0].rest;
  if (std::ranges::all_of(alike, [&](const Atom& atom) { return atom.rest == first; })) return first;
  std::vector<Atom> atoms;
  bool complete = false;
  for (const Atom& atom : alike) {
    const State& state = states_[atom.rest];
    atoms.insert(atoms.end(), atoms_.begin() + state.first,
                 atoms_.begin() + state.first + state.count);
    complete = complete || state.complete;
  }
  return intern(atoms, complete);
}

/// `atoms` in any order, possibly with equal frames; left sorted and merged.
StateId Residuals::intern(std::vector<Atom>& atoms, bool complete, std::uint32_t history) {
  if (atoms.size() > 1) {
    std::sort(atoms.begin(), atoms.end(), [](const Atom& a, const Atom& b) {
      const int order = compare(a.frame, b.frame);
      return order != 0 ? order < 0 : a.rest < b.rest;
    });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < atoms.size();) {
      std::size_t end = i + 1;
      while (end < atoms.size() && compare(atoms[i].frame, atoms[end].frame) == 0) ++end;
      const StateId rest = unite(std::span(atoms).subspan(i, end - i));
      atoms[kept] = atoms[i];
      atoms[kept++].rest = rest;
      i = end;
    }
    atoms.resize(kept);
  }
  bool records = false, exact = false, unsure = false, idle = !atoms.empty() && !complete;
  for (const Atom& atom : atoms) {
    idle = idle && is_idle(atom.frame);
    const ArrayCase* array = comparing(atom.frame);
    records = records || array != nullptr || states_[atom.rest].records;
    exact = exact || (array != nullptr && array->repeated) || states_[atom.rest].exact;
    unsure = unsure || atom.frame.unsure != 0;
  }
  if (!records) history = kForgotten;
  const std::uint32_t hash = hash_atoms(atoms, complete, history);
  const StateId known = state_index_.find(hash, [&](StateId id) {
    const State& state = states_[id];
    return state.complete == complete && state.count == atoms.size() && state.history == history &&
           (atoms.empty() ||
            std::memcmp(&atoms_[state.first], atoms.data(), atoms.size() * sizeof(Atom)) == 0);
  });
  if (known != HashIndex::kNone) return known;

  State state;
  state.complete = complete;
  state.history = history;
  state.records = records;
  state.exact = exact;
  state.unsure = unsure;
  state.idle = idle;
  if (!atoms.empty())  // all are at the same one, having read the same brackets
    state.level = states_[atoms[0].rest].level + (is_open(atoms[0].frame.kind) ? 1 : 0);
  if (complete) state.finish = 0;
  std::vector<Atom> kin_atoms;
  bool same = history == kForgotten || exact;
  for (const Atom& atom : atoms) {
    const State& rest = states_[atom.rest];
    const bool open = atom.frame.seen != kForgotten ||
                      (atom.frame.text != kForgotten && atom.frame.text < kAsked);
    const Memory own = atom.frame.seen > kEmpty ? Memory::of_some
                       : open                   ? Memory::of_none_written
                                                : Memory::none;
    state.memory = std::max({state.memory, rest.memory, own});
    if (exact) continue;
    kin_atoms.push_back(Atom{kin_of(atom.frame), rest.kin});
    same = same && rest.kin == atom.rest && compare(kin_atoms.back().frame, atom.frame) == 0;
  }
  const StateId kin =
      same ? kDead : intern(kin_atoms, complete);  // a kin is its own kin: no deeper
  const auto id = static_cast<StateId>(states_.size());
  state.kin = same ? id : kin;
  state.first = static_cast<std::uint32_t>(atoms_.size());
  state.count = static_cast<std::uint32_t>(atoms.size());
  atoms_.insert(atoms_.end(), atoms.begin(), atoms.end());
  states_.push_back(state);
  state_index_.add(hash);
  return id;
}

bool Residuals::is_idle(const Frame& frame) const {
  return !pretty_ && frame.spaces > 0 && spaces_max_ - frame.spaces >= static_cast<int>(vocabulary_.tries().spaces_most);
}

StateId Residuals::step(StateId from, std::uint8_t byte) {
  Next next;
  if (states_[from].history != kForgotten) next.history = text_with(states_[from].history, byte);
  const std::uint32_t first = states_[from].first, count = states_[from].count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Atom atom = atoms_[first + i];  // a copy: stepping may add atoms
    step_frame(atom, byte, next);
  }
  if (next.atoms.empty()) return next.complete ? kEnd : kDead;
  return intern(next.atoms, next.complete, next.history);
}

Residuals::Row& Residuals::row_of(StateId id) {
  if (states_[id].row == 0) {
    Bytes starts{};
    add_starts(id, starts);
    rows_.push_back(std::make_unique<Row>());
    static_assert(kDead == 0);  // as which a row begins
    for (std::size_t word = 0; word < starts.size(); ++word) {
      for (std::uint64_t bits = starts[word]; bits != 0; bits &= bits - 1)
        (*rows_.back())[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))] = kUnknownState;
    }
    states_[id].row = static_cast<std::uint32_t>(rows_.size());
  }
  return *rows_[states_[id].row - 1];
}

StateId Residuals::step_cached(StateId from, std::uint8_t byte) {
  StateId& to = row_of(from)[byte];
  if (to == kUnknownState) to = step(from, byte);
  return to;
}

std::uint32_t Residuals::text_with(std::uint32_t text, std::uint8_t byte) {
  const std::uint32_t hash = mix(mix(1, text), byte);
  const auto known = text_index_.find(hash, [&](std::uint32_t i) {
    return i > kEmpty && texts_[i].parent == text && texts_[i].byte == byte;
  });
  if (known != HashIndex::kNone) return known;
  texts_.push_back(Text{text, byte, texts_[text].length + 1});
  text_index_.add(hash);
  return text_index_.size() - 1;
}

std::uint32_t Residuals::seen_with(std::uint32_t seen, std::uint32_t text) {
  const std::uint32_t hash = mix(mix(2, seen), text);
  const auto known = seen_index_.find(hash, [&](std::uint32_t i) {
    return i > kEmpty && seen_[i].parent == seen && seen_[i].text == text;
  });
  if (known != HashIndex::kNone) return known;
  seen_.push_back(Seen{seen, text});
  seen_index_.add(hash);
  return seen_index_.size() - 1;
}

bool Residuals::seen_has(std::uint32_t seen, std::uint32_t text) const {
  for (; seen > kEmpty; seen = seen_[seen].parent) {
    if (seen_[seen].text == text) return true;
  }
  return false;
}

std::string Residuals::spelled(std::uint32_t text) const {
  std::string out(texts_[text].length, '\0');
  for (std::size_t i = out.size(); i > 0; text = texts_[text].parent)
    out[--i] = static_cast<char>(texts_[text].byte);
  return out;
}

bool Residuals::is_full() const {
  constexpr std::size_t kIndexBytes = 12;
  if (cases_->bytes() > kCaseBytesMax) return true;
  return states_.size() * (sizeof(State) + kIndexBytes) + atoms_.size() * sizeof(Atom) +
             texts_.size() * (sizeof(Text) + kIndexBytes) +
             seen_.size() * (sizeof(Seen) + kIndexBytes) >
         kStateBytesMax;
}

bool Residuals::full() const {
  const std::lock_guard lock(mutex_);
  return is_full();
}

StateId Residuals::advance(StateId from, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  cases_->refuel();
  for (std::size_t i = 0; i < bytes.size() && from != kDead; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    // A row that a mask's walk made knows the way already; a state of many atoms is worth one.
    const State& state = states_[from];
    const bool cached = state.row != 0 || (state.count > kManyAtoms && !is_full());
    from = cached ? step_cached(from, byte) : step(from, byte);
  }
  return from;
}

bool Residuals::complete(StateId state) const {
  const std::lock_guard lock(mutex_);
  return states_[state].complete;
}

bool Residuals::ended(StateId state) const {
  const std::lock_guard lock(mutex_);
  return states_[state].complete && states_[state].count == 0;
}

std::uint64_t Residuals::finish(StateId state) {
  const std::lock_guard lock(mutex_);
  return finish_of(state);
}

/// Without recursion: a text may nest deeper than the stack.
std::uint64_t Residuals::finish_of(StateId id) {
  if (states_[id].finish != kUnknownFinish) return states_[id].finish;
  std::vector<StateId> open{id};
  while (!open.empty()) {
    const StateId at = open.back();
    const std::uint32_t first = states_[at].first, count = states_[at].count;
    const std::size_t before = open.size();
    for (std::uint32_t i = 0; i < count; ++i) {
      const StateId rest = atoms_[first + i].rest;
      if (states_[rest].finish == kUnknownFinish) open.push_back(rest);
    }
    if (open.size() > before) continue;
    std::uint64_t least = states_[at].complete ? 0 : kEndless;
    for (std::uint32_t i = 0; i < count && least > 0; ++i) {
      const Atom atom = atoms_[first + i];
      const std::uint64_t own = finish_of(atom);
      std::uint64_t behind = states_[atom.rest].finish;
      if (states_[at].exact) behind = std::min(behind, finish_by_repeating(at, own, atom.rest));
      least = std::min(least, add_bytes(own, behind));
    }
    states_[at].finish = least;
    open.pop_back();
  }
  return states_[id].finish;
}

/// Bytes behind an item of an array that needs two equal ones, if the item is done after `own` bytes
/// and then written again.
std::uint64_t Residuals::finish_by_repeating(StateId at, std::uint64_t own, StateId rest) {
  std::uint64_t least = kEndless;
  if (states_[at].history == kForgotten) return least;  // behind something else that is still open
  for (std::uint32_t i = 0; i < states_[rest].count; ++i) {
    const Atom atom = atoms_[states_[rest].first + i];
    if (atom.frame.kind != FrameKind::array_item || atom.frame.depth == kForgottenItem) continue;
    const std::uint64_t item = add_bytes(texts_[states_[at].history].length - atom.frame.depth, own);
    const Length again = cases_->length_repeating(atom.frame.rule, item);
    const std::uint64_t items = add_bytes(2, bytes_of(again, states_[atom.rest].level));
    least = std::min(least, add_bytes(items, states_[atom.rest].finish));
  }
  return least;
}

int Residuals::only_byte_of(const State& state) {
  if (state.complete || state.count == 0) return -1;
  const int only = only_byte_of(atoms_[state.first].frame);
  for (std::uint32_t i = 1; i < state.count; ++i) {
    if (only_byte_of(atoms_[state.first + i].frame) != only) return -1;
  }
  return only;
}

int Residuals::only_byte(StateId id) {
  const std::lock_guard lock(mutex_);
  const State state = states_[id];
  return only_byte_of(state);
}

std::string Residuals::forced(StateId from, StateId& after) {
  const std::lock_guard lock(mutex_);
  std::string bytes;
  for (int only = 0; bytes.size() < kForcedMax && (only = only_byte_of(State(states_[from]))) >= 0;) {
    bytes += static_cast<char>(only);
    from = step(from, static_cast<std::uint8_t>(only));
  }
  after = from;
  return bytes;
}

}  // namespace praxis::grammar
