#include "grammar/languages.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "grammar/expressions.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kSearchMax = 20'000;  // residuals of one search
constexpr std::size_t kSampleSteps = 20'000;
constexpr std::uint64_t kExpansionWork = 64;  // of a search: besides the derivatives

}  // namespace

struct Languages::Store {
  enum class Life : std::uint8_t { unknown, alive, given_up };

  explicit Store(std::uint32_t nodes_max) : expressions(nodes_max) {}

  Expressions expressions;
  std::vector<Life> lives;  // by id; the empty ones are known by their bound
  std::uint64_t doubts = 0;  // cautious answers given

  /// Runs one operation; if a limit was met inside, nothing is the cautious result.
  template <class Operation>
  LanguageId guarded(Operation&& operation) {
    const std::uint64_t before = expressions.failures();
    const LanguageId out = operation();
    if (expressions.failures() == before) return out;
    ++doubts;
    return kNothing;
  }

  Life& life(LanguageId id) {
    if (id >= lives.size()) lives.resize(std::max<std::size_t>(id + 1, expressions.size()));
    if (lives[id] == Life::unknown && expressions.trim(id)) lives[id] = Life::alive;
    return lives[id];
  }

  struct Answer {
    std::uint64_t bytes = kEndless;
    bool proven = true;
  };
  Answer search(LanguageId start, bool any);
  std::vector<std::pair<std::uint8_t, LanguageId>> residuals(LanguageId id);
};

/// One (byte, residual) for each class of bytes that leads anywhere.
std::vector<std::pair<std::uint8_t, LanguageId>> Languages::Store::residuals(LanguageId id) {
  Expressions::Starts starts{};
  expressions.class_starts(id, starts);
  starts[0] = true;
  std::vector<std::pair<std::uint8_t, LanguageId>> out;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    if (!starts[byte]) continue;
    const LanguageId next = expressions.step(id, static_cast<std::uint8_t>(byte));
    if (next != kNothing) out.emplace_back(static_cast<std::uint8_t>(byte), next);
  }
  return out;
}

/// A* over residuals (Hart, Nilsson, Raphael 1968), every byte costing one, with the lower bounds
/// of the expressions as the estimate; afterwards every expanded residual has a better bound
/// (Koenig, Likhachev, "Adaptive A*", 2005). With `any`, the first residual known to be alive ends
/// the search and the number of bytes is only some finite one.
Languages::Store::Answer Languages::Store::search(LanguageId start, bool any) {
  const Expressions::Bound known = expressions.refined(start);
  if (known.exact) return Answer{known.bytes, true};
  if (any && life(start) == Life::alive) return Answer{known.bytes, true};
  if (life(start) == Life::given_up || expressions.spent()) {
    ++doubts;
    return Answer{kEndless, false};
  }

  struct Visit {
    std::uint64_t distance;
    LanguageId from;
    bool expanded = false;
  };
  struct Entry {
    std::uint64_t estimate, distance;
    LanguageId id;
    bool operator<(const Entry& other) const {  // the largest is taken first
      if (estimate != other.estimate) return estimate > other.estimate;
      if (distance != other.distance) return distance < other.distance;
      return id > other.id;
    }
  };
  std::unordered_map<LanguageId, Visit> visits;
  std::priority_queue<Entry> open;
  const std::uint64_t failures = expressions.failures();
  visits.emplace(start, Visit{0, start});
  open.push(Entry{known.bytes, 0, start});
  std::optional<LanguageId> found;
  std::size_t expanded = 0;
  while (!open.empty() && !found) {
    const Entry entry = open.top();
    open.pop();
    Visit& visit = visits.at(entry.id);
    if (entry.distance != visit.distance) continue;  // a shorter way was found since
    if (expressions.bound(entry.id).exact) {
      found = entry.id;
      break;
    }
    if (++expanded > kSearchMax || !expressions.spend(kExpansionWork)) break;
    visit.expanded = true;
    for (const auto& [byte, next] : residuals(entry.id)) {
      const Expressions::Bound bound = expressions.bound(next);
      if (bound.bytes >= kEndless) continue;
      const std::uint64_t distance = entry.distance + 1;
      const auto [at, added] = visits.try_emplace(next, Visit{distance, entry.id});
      if (!added) {
        if (at->second.distance <= distance) continue;
        at->second = Visit{distance, entry.id};
      }
      if (any && (bound.exact || life(next) == Life::alive)) {
        found = next;
        break;
      }
      open.push(Entry{distance + bound.bytes, distance, next});
    }
  }
  if (!found) {
    const bool proven = expanded <= kSearchMax && expressions.failures() == failures;
    if (!proven) {
      ++doubts;
      // Where only the work for now was not enough, the next question may get further.
      if (!expressions.spent()) life(start) = Life::given_up;
      return Answer{kEndless, false};
    }
    for (const auto& [id, visit] : visits) expressions.learn(id, {kEndless, true});
    return Answer{};
  }
  const std::uint64_t rest = expressions.bound(*found).bytes;
  const std::uint64_t total = visits.at(*found).distance + rest;
  if (!any) {
    for (const auto& [id, visit] : visits)
      if (visit.expanded && visit.distance < total)
        expressions.learn(id, {total - visit.distance, false});
  }
  for (LanguageId id = *found;; id = visits.at(id).from) {
    life(id) = Life::alive;
    if (!any) expressions.learn(id, {total - visits.at(id).distance, true});
    if (id == start) break;
  }
  return Answer{total, true};
}

Languages::Languages(std::uint32_t nodes_max) : store_(std::make_unique<Store>(nodes_max)) {}
Languages::~Languages() = default;

LanguageId Languages::text(std::string_view utf8) {
  return store_->guarded([&] { return store_->expressions.text(utf8); });
}

LanguageId Languages::texts(std::vector<std::string> utf8) {
  return store_->guarded([&] { return store_->expressions.texts(std::move(utf8)); });
}

LanguageId Languages::set(std::span<const CodePoints> ranges) {
  const CodePointSet valid =
      common(united(CodePointSet(ranges.begin(), ranges.end())), scalar_values());
  return store_->guarded([&] { return store_->expressions.characters(0, valid); });
}

LanguageId Languages::sequence(LanguageId first, LanguageId then) {
  return store_->guarded([&] { return store_->expressions.sequence(first, then); });
}

LanguageId Languages::repeat(LanguageId of, std::uint32_t min, std::uint32_t max) {
  return store_->guarded([&] { return store_->expressions.repeat(of, min, max); });
}

LanguageId Languages::length(std::uint32_t min, std::uint32_t max) {
  const CodePointSet any = scalar_values();
  return store_->guarded(
      [&] { return store_->expressions.repeat(store_->expressions.characters(0, any), min, max); });
}

LanguageId Languages::any_of(std::span<const LanguageId> languages) {
  return store_->guarded([&] {
    return store_->expressions.any_of({languages.begin(), languages.end()});
  });
}

LanguageId Languages::all_of(std::span<const LanguageId> languages) {
  return store_->guarded([&] {
    return store_->expressions.all_of({languages.begin(), languages.end()});
  });
}

LanguageId Languages::without(LanguageId from, LanguageId taken) {
  return store_->guarded([&] { return store_->expressions.without(from, taken); });
}

LanguageId Languages::automaton(std::unique_ptr<Automaton> automaton) {
  return store_->guarded([&] { return store_->expressions.automaton(std::move(automaton)); });
}

LanguageId Languages::declare(bool accepts_empty) {
  return store_->guarded([&] { return store_->expressions.declare(accepts_empty); });
}

void Languages::define(LanguageId declared, LanguageId as) {
  store_->expressions.define(declared, as);
}

LanguageId Languages::step(LanguageId id, std::uint8_t byte) {
  const std::uint64_t before = store_->expressions.failures();
  const LanguageId next = store_->expressions.step(id, byte);
  if (store_->expressions.failures() != before) ++store_->doubts;
  return next;
}

const std::array<LanguageId, 256>* Languages::row(LanguageId id) {
  return store_->expressions.row(id);
}

bool Languages::accepts_empty(LanguageId id) const { return store_->expressions.accepts_empty(id); }

bool Languages::matches(LanguageId id, std::string_view text) {
  for (const char byte : text) {
    id = step(id, static_cast<std::uint8_t>(byte));
    if (id == kNothing) return false;
  }
  return accepts_empty(id);
}

std::uint64_t Languages::shortest(LanguageId id) { return store_->search(id, false).bytes; }

std::optional<std::string> Languages::shortest_text(LanguageId id) const {
  std::string text;
  if (!store_->expressions.append_shortest(id, text)) return std::nullopt;
  return text;
}

bool Languages::knows_shortest(LanguageId id) const {
  return store_->expressions.bound(id).exact;
}

bool Languages::empty(LanguageId id) { return store_->search(id, true).bytes == kEndless; }

bool Languages::subset(LanguageId a, LanguageId b) {
  const std::uint64_t before = store_->expressions.failures();
  const LanguageId rest = store_->expressions.without(a, b);
  if (store_->expressions.failures() != before) {
    ++store_->doubts;
    return false;
  }
  const Store::Answer answer = store_->search(rest, true);
  return answer.proven && answer.bytes == kEndless;
}

bool Languages::disjoint(LanguageId a, LanguageId b) {
  const std::uint64_t before = store_->expressions.failures();
  const LanguageId both = store_->expressions.all_of({a, b});
  if (store_->expressions.failures() != before) {
    ++store_->doubts;
    return false;
  }
  const Store::Answer answer = store_->search(both, true);
  return answer.proven && answer.bytes == kEndless;
}

int Languages::only_byte(LanguageId id) {
  if (accepts_empty(id)) return -1;
  int only = -1;
  Expressions::Starts starts{};
  store_->expressions.class_starts(id, starts);
  starts[0] = true;
  for (int byte = 0; byte < 256; ++byte) {
    if (!starts[byte]) continue;
    if (empty(step(id, static_cast<std::uint8_t>(byte)))) continue;
    const bool wide = byte < 255 && !starts[byte + 1];
    if (only >= 0 || wide) return -1;
    only = byte;
  }
  return only;
}

std::optional<Languages::Lengths> Languages::lengths(LanguageId id) const {
  return store_->expressions.lengths(id);
}

Languages::Lengths Languages::characters(LanguageId id) const { return store_->expressions.characters(id); }

void Languages::class_starts(LanguageId id, std::array<bool, 256>& starts) {
  store_->expressions.class_starts(id, starts);
}

std::optional<std::vector<CodePointSet>> Languages::sets(LanguageId id) {
  return store_->expressions.sets(id);
}

bool Languages::visibly_endless(LanguageId id) const { return store_->expressions.visibly_endless(id); }

bool Languages::visibly_holds(LanguageId id, LanguageId part) const {
  return store_->expressions.visibly_holds(id, part);
}

std::vector<LanguageId> Languages::parts(LanguageId id, std::size_t count_max) {
  const std::uint64_t before = store_->expressions.failures();
  std::vector<LanguageId> parts = store_->expressions.parts(id, count_max);
  return store_->expressions.failures() == before ? parts : std::vector<LanguageId>{id};
}

Languages::Unlimited Languages::unlimited(LanguageId id, std::uint32_t characters_min) {
  const std::uint64_t before = store_->expressions.failures();
  const Unlimited wide = store_->expressions.unlimited(id, characters_min);
  return store_->expressions.failures() == before ? wide : Unlimited{id, ~0u};
}

bool Languages::all_but_some(LanguageId id) const { return store_->expressions.all_but_some(id); }

Languages::Run Languages::run(LanguageId id) {
  Run loop;
  for (unsigned byte = 0x20; byte < 0x80; ++byte) {
    if (step(id, static_cast<std::uint8_t>(byte)) != id) continue;
    loop.bytes[byte / 64] |= std::uint64_t{1} << (byte % 64);
    loop.steps_max = ~0u;
  }
  if (loop.steps_max == 0) return store_->expressions.counted_run(id);
  // Characters of several bytes lead back if they do so wherever one character is read.
  const LanguageId through = sequence(kAnyCharacter, id);
  bool wide = true;
  for (unsigned lead = 0xC2; lead <= 0xF4 && wide; ++lead) {
    const auto byte = static_cast<std::uint8_t>(lead);
    wide = step(id, byte) == step(through, byte);
  }
  if (wide) loop.bytes[2] = loop.bytes[3] = ~std::uint64_t{0};
  return loop;
}

std::vector<std::string> Languages::samples(LanguageId id, std::size_t count) {
  struct Prefix {
    std::uint64_t bytes;  // of the shortest text that begins so
    std::string text;
    LanguageId rest;
    bool operator<(const Prefix& other) const {  // the largest is taken first
      if (bytes != other.bytes) return bytes > other.bytes;
      return text.size() != other.text.size() ? text.size() < other.text.size() : text > other.text;
    }
  };
  // Of each class of bytes at most three: a readable one and both ends.
  const auto choices = [&](LanguageId rest) {
    Expressions::Starts starts{};
    store_->expressions.class_starts(rest, starts);
    std::vector<std::uint8_t> out;
    for (int first = 0; first < 256;) {
      int next = first + 1;
      while (next < 256 && !starts[next]) ++next;
      const int last = next - 1;
      const int readable = first <= 'a' && 'a' <= last   ? 'a'
                           : first <= '0' && '0' <= last ? '0'
                                                         : first;
      for (const int byte : {readable, first, last}) out.push_back(static_cast<std::uint8_t>(byte));
      first = next;
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  };
  std::vector<std::string> out;
  std::priority_queue<Prefix> open;
  if (const std::uint64_t bytes = shortest(id); bytes != kEndless) open.push(Prefix{bytes, "", id});
  for (std::size_t steps = 0; !open.empty() && out.size() < count && steps < kSampleSteps;) {
    const Prefix prefix = open.top();
    open.pop();
    if (accepts_empty(prefix.rest) && prefix.bytes == prefix.text.size()) {
      out.push_back(prefix.text);
    }
    for (const std::uint8_t byte : choices(prefix.rest)) {
      ++steps;
      const LanguageId rest = step(prefix.rest, byte);
      const std::uint64_t bytes = shortest(rest);
      if (bytes == kEndless) continue;
      open.push(
          Prefix{prefix.text.size() + 1 + bytes, prefix.text + static_cast<char>(byte), rest});
    }
  }
  if (out.size() < count && !open.empty()) ++store_->doubts;
  return out;
}

void Languages::grant(std::uint64_t work) { store_->expressions.grant(work); }
bool Languages::exhausted() const { return store_->doubts > 0; }
std::uint64_t Languages::doubts() const { return store_->doubts; }
std::uint32_t Languages::size() const { return store_->expressions.size(); }

}  // namespace praxis::grammar
