#include "grammar/structure.h"

#include <algorithm>

#include "grammar/canonical.h"
#include "grammar/grammar.h"
#include "grammar/program.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

/// One place in the program; which fields mean something depends on the node's kind.
struct Place {
  NodeId node = 0;
  std::uint32_t calls = 1;          // the call this is in, or would be in
  std::uint32_t offset = 0;         // text, names: bytes read
  std::uint32_t low = 0, high = 0;  // names: those that begin like what was read
  StateId state = 0;                // value
  bool operator==(const Place&) const = default;
};

/// All places where the output may be. Mostly one.
using Places = std::vector<Place>;

void allow(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] |= 1u << (static_cast<std::uint32_t>(id) % 32);
}

}  // namespace

struct Structure::State {
  StructureSpec spec;
  std::shared_ptr<const Vocabulary> vocabulary;
  Program program;
  Places places;
  std::uint32_t used = 0;     // tokens so far
  std::uint32_t thought = 0;  // of these, freely chosen ones in the thinking
  bool close_soon = false;    // close_thinking() was called
  bool cut = false;

  std::uint32_t left() const { return spec.tokens_max - used; }
  const Node& node(const Place& place) const { return program.nodes[place.node]; }

  // Places reached without reading anything are added, too.
  void enter(NodeId id, std::uint32_t calls, Places& places) const;
  void settle(const Place& place, Places& places) const;
  void step_place(const Place& place, std::uint8_t byte, Places& next) const;
  Places step(const Places& from, std::uint8_t byte) const;
  Places after(TokenId id) const;
  std::uint64_t finish(const Place& place) const;
  std::uint64_t finish(const Places& all) const;
  int only_byte(const Places& all) const;
  bool token_goes_on(const Places& from, std::string_view begun) const;
  void walk(const Place& from, std::uint64_t tokens_max, std::span<std::uint32_t> bits) const;
  bool in(NodeId id) const;
  void close_if_due();
  std::vector<TokenId> forced_now() const;
};

void Structure::State::enter(NodeId id, std::uint32_t calls, Places& places) const {
  Place place;
  place.node = id;
  place.calls = calls;
  const Node& node = program.nodes[id];
  if (node.kind == Node::Kind::names) place.high = static_cast<std::uint32_t>(node.names.size());
  if (node.kind == Node::Kind::value) place.state = node.residuals->start();
  settle(place, places);
}

void Structure::State::settle(const Place& place, Places& places) const {
  const Node& here = node(place);
  const auto keep = [&](const Place& p) {
    if (std::find(places.begin(), places.end(), p) == places.end()) places.push_back(p);
  };
  switch (here.kind) {
    case Node::Kind::text:
      if (place.offset == here.text.size()) return enter(here.next, place.calls, places);
      return keep(place);
    case Node::Kind::names: {
      Place longer = place;
      if (here.names[place.low].name.size() == place.offset) {  // sorted: the shortest is the first
        enter(here.names[place.low].next, place.calls, places);
        ++longer.low;
      }
      if (longer.low < longer.high) keep(longer);
      return;
    }
    case Node::Kind::value:
      if (here.residuals->complete(place.state)) enter(here.next, place.calls, places);
      if (!here.residuals->ended(place.state)) keep(place);
      return;
    case Node::Kind::free:
      keep(place);
      [[fallthrough]];
    case Node::Kind::split:
      for (const NodeId branch : here.branches) enter(branch, place.calls, places);
      return;
    case Node::Kind::again:
      if (place.calls < spec.calls_max) enter(here.next, place.calls + 1, places);
      return;
    case Node::Kind::control:
    case Node::Kind::finished:
      return keep(place);
  }
}

void Structure::State::step_place(const Place& place, std::uint8_t byte, Places& next) const {
  const Node& here = node(place);
  Place moved = place;
  switch (here.kind) {
    case Node::Kind::text:
      if (static_cast<std::uint8_t>(here.text[place.offset]) != byte) return;
      ++moved.offset;
      return settle(moved, next);
    case Node::Kind::names: {
      const auto at = [&](std::uint32_t i) {
        return static_cast<std::uint8_t>(here.names[i].name[place.offset]);
      };
      while (moved.low < moved.high && at(moved.low) < byte) ++moved.low;
      moved.high = moved.low;
      while (moved.high < place.high && at(moved.high) == byte) ++moved.high;
      if (moved.low == moved.high) return;
      ++moved.offset;
      return settle(moved, next);
    }
    case Node::Kind::value: {
      const char c = static_cast<char>(byte);
      moved.state = here.residuals->advance(place.state, std::string_view(&c, 1));
      if (moved.state != Residuals::kDead) settle(moved, next);
      return;
    }
    case Node::Kind::free:  // by whole tokens only
    case Node::Kind::split:
    case Node::Kind::again:
    case Node::Kind::control:
    case Node::Kind::finished:
      return;
  }
}

Places Structure::State::step(const Places& from, std::uint8_t byte) const {
  Places next;
  for (const Place& place : from) step_place(place, byte, next);
  return next;
}

/// Where `id` leads, budgets aside; empty if nowhere.
Places Structure::State::after(TokenId id) const {
  const std::string_view bytes = vocabulary->bytes(id);
  Places next;
  for (const Place& place : places) {
    const Node& here = node(place);
    const bool free_control = place.node == program.free_text &&
                              std::find(spec.free_controls.begin(), spec.free_controls.end(), id) !=
                                  spec.free_controls.end();
    if (here.kind == Node::Kind::free && (!bytes.empty() || free_control)) settle(place, next);
    if (here.kind == Node::Kind::control && here.control == id) enter(here.next, place.calls, next);
  }
  if (bytes.empty()) return next;
  Places read = places;
  for (std::size_t i = 0; i < bytes.size() && !read.empty(); ++i)
    read = step(read, static_cast<std::uint8_t>(bytes[i]));
  for (const Place& place : read) {
    if (std::find(next.begin(), next.end(), place) == next.end()) next.push_back(place);
  }
  return next;
}

std::uint64_t Structure::State::finish(const Place& place) const {
  const Node& here = node(place);
  switch (here.kind) {
    case Node::Kind::text:
      return here.finish - place.offset;
    case Node::Kind::value:
      return add_bytes(here.residuals->finish(place.state), program.nodes[here.next].finish);
    case Node::Kind::names: {
      std::uint64_t least = kEndless;
      for (std::uint32_t i = place.low; i < place.high; ++i) {
        const Node::Name& name = here.names[i];
        least = std::min(
            least, add_bytes(name.name.size() - place.offset, program.nodes[name.next].finish));
      }
      return least;
    }
    default:
      return here.finish;
  }
}

std::uint64_t Structure::State::finish(const Places& all) const {
  std::uint64_t least = kEndless;
  for (const Place& place : all) least = std::min(least, finish(place));
  return least;
}

int Structure::State::only_byte(const Places& all) const {
  int only = -1;
  for (const Place& place : all) {
    const Node& here = node(place);
    int byte = -1;
    if (here.kind == Node::Kind::text) {
      byte = static_cast<std::uint8_t>(here.text[place.offset]);
    } else if (here.kind == Node::Kind::names) {
      const auto at = [&](std::uint32_t i) {
        return static_cast<std::uint8_t>(here.names[i].name[place.offset]);
      };
      if (at(place.low) == at(place.high - 1)) byte = at(place.low);
    } else if (here.kind == Node::Kind::value) {
      byte = here.residuals->only_byte(place.state);
    }
    if (byte < 0 || (only >= 0 && byte != only)) return -1;
    only = byte;
  }
  return only;
}

bool Structure::State::token_goes_on(const Places& from, std::string_view begun) const {
  const Vocabulary::Trie& trie = vocabulary->tries().all;
  const std::uint32_t root = trie.find(0, begun);
  if (root == Vocabulary::Trie::kNone) return false;
  std::vector<Places> path(trie.depth_max + 1);
  path[trie.depth[root]] = from;
  for (std::uint32_t node = root + 1; node < trie.end[root];) {
    Places here = step(path[trie.depth[node] - 1], trie.byte[node]);
    if (here.empty()) {
      node = trie.end[node];
      continue;
    }
    if (trie.first[node] != trie.first[node + 1]) return true;
    path[trie.depth[node]] = std::move(here);
    ++node;
  }
  return false;
}

/// Allows the text tokens that lead from `from` to where `tokens_max` tokens finish the output.
void Structure::State::walk(const Place& from, std::uint64_t tokens_max,
                            std::span<std::uint32_t> bits) const {
  const Vocabulary::Trie& trie = vocabulary->tries().all;
  std::vector<Places> path(trie.depth_max + 1);
  path[0] = Places{from};
  for (std::uint32_t node = 1; node < trie.size();) {
    Places here = step(path[trie.depth[node] - 1], trie.byte[node]);
    if (here.empty()) {
      node = trie.end[node];
      continue;
    }
    if (trie.first[node] != trie.first[node + 1] && finish(here) <= tokens_max) {
      for (std::uint32_t i = trie.first[node]; i < trie.first[node + 1]; ++i)
        allow(bits, trie.tokens[i]);
    }
    path[trie.depth[node]] = std::move(here);
    ++node;
  }
}

bool Structure::State::in(NodeId id) const {
  return id != kNoNode &&
         std::any_of(places.begin(), places.end(), [&](const Place& p) { return p.node == id; });
}

/// The thinking is closed when its budget is spent, when a loop was reported, and when one more
/// free token would leave too little for what has to come.
void Structure::State::close_if_due() {
  if (!in(program.thinking)) return;
  const std::uint32_t tokens_max = spec.thinking->tokens_max;
  const bool spent = tokens_max > 0 && thought >= tokens_max;
  if (!spent && !close_soon && left() > program.nodes[program.thinking].finish) return;
  places.clear();
  enter(program.close_thinking, 1, places);
}

Result<Structure> Structure::create(StructureSpec spec,
                                    std::shared_ptr<const Vocabulary> vocabulary) {
  auto program = make_program(spec, vocabulary);
  if (!program) return tl::unexpected<Error>(program.error());
  auto state = std::make_unique<State>();
  state->spec = std::move(spec);
  state->vocabulary = std::move(vocabulary);
  state->program = std::move(*program);
  const std::uint64_t least = state->program.nodes[state->program.start].finish;
  if (least > state->spec.tokens_max) {
    return refuse(ErrorCode::budget,
                  "an output may need " + std::to_string(least) + " tokens at least, but only " +
                      std::to_string(state->spec.tokens_max) + " are allowed; raise the limit to " +
                      std::to_string(least),
                  "tokens_max");
  }
  state->enter(state->program.start, 1, state->places);
  state->close_if_due();
  return Structure(std::move(state));
}

Structure::Structure(std::unique_ptr<State> state) : state_(std::move(state)) {}
Structure::Structure(Structure&&) noexcept = default;
Structure& Structure::operator=(Structure&&) noexcept = default;
Structure::~Structure() = default;

void Structure::mask(std::span<std::uint32_t> bits) {
  State& s = *state_;
  std::fill(bits.begin(), bits.end(), 0u);
  if (s.left() == 0) return;
  const std::uint64_t after = s.left() - 1;  // tokens that are left behind the next one
  for (const Place& place : s.places) {
    const Node& node = s.node(place);
    switch (node.kind) {
      case Node::Kind::control:
        if (s.program.nodes[node.next].finish <= after) allow(bits, node.control);
        break;
      case Node::Kind::free: {
        if (node.finish > after) break;
        const auto& text = s.vocabulary->tries().text_tokens;
        for (std::size_t i = 0; i < text.size(); ++i) bits[i] |= text[i];
        if (place.node == s.program.free_text) {
          for (const TokenId id : s.spec.free_controls) allow(bits, id);
        }
        break;
      }
      case Node::Kind::value: {
        const std::uint64_t behind = s.program.nodes[node.next].finish;
        if (node.straddles) s.walk(place, after, bits);
        else if (behind <= after) node.residuals->add_mask(place.state, bits, after - behind);
        break;
      }
      case Node::Kind::text:
      case Node::Kind::names:
        s.walk(place, after, bits);
        break;
      case Node::Kind::split:
      case Node::Kind::again:
      case Node::Kind::finished:
        break;
    }
  }
}

bool Structure::accept(TokenId id) {
  State& s = *state_;
  if (id < 0 || static_cast<std::uint32_t>(id) >= s.vocabulary->size() || s.left() == 0)
    return false;
  Places next = s.after(id);
  if (next.empty() || s.finish(next) > s.left() - 1) return false;
  if (s.in(s.program.thinking) && !s.vocabulary->bytes(id).empty()) ++s.thought;
  s.cut = s.cut || (s.in(s.program.free_text) && id == s.spec.end && s.left() == 1);
  s.places = std::move(next);
  ++s.used;
  s.close_if_due();
  return true;
}

/// The next tokens that are certain; empty at a choice.
std::vector<TokenId> Structure::State::forced_now() const {
  if (places.empty() || left() == 0) return {};
  if (in(program.free_text))
    return left() == 1 ? std::vector<TokenId>{spec.end} : std::vector<TokenId>{};
  const Node& first = node(places[0]);
  const bool one_control = std::all_of(places.begin(), places.end(), [&](const Place& p) {
    return node(p).kind == Node::Kind::control && node(p).control == first.control;
  });
  if (one_control) return {first.control};
  std::string bytes;
  Places behind = places;
  for (int only = 0; (only = only_byte(behind)) >= 0;) {
    bytes += static_cast<char>(only);
    behind = step(behind, static_cast<std::uint8_t>(only));
  }
  return certain_tokens(*vocabulary, bytes,
                        [&](std::string_view begun) { return token_goes_on(behind, begun); });
}

std::vector<TokenId> Structure::forced() {
  std::vector<TokenId> all;
  for (;;) {
    const std::vector<TokenId> tokens = state_->forced_now();
    std::size_t accepted = 0;
    while (accepted < tokens.size() && accept(tokens[accepted])) ++accepted;
    all.insert(all.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(accepted));
    if (accepted == 0) return all;
  }
}

bool Structure::finished() const { return phase() == Phase::finished; }

Phase Structure::phase() const {
  // At a choice, what goes on if nothing new begins.
  const State& s = *state_;
  for (const Place& place : s.places) {
    if (s.node(place).kind == Node::Kind::free || s.node(place).kind == Node::Kind::value)
      return s.node(place).phase;
  }
  return s.places.empty() ? Phase::finished : s.node(s.places[0]).phase;
}

void Structure::close_thinking() {
  state_->close_soon = true;
  state_->close_if_due();
}

bool Structure::cut() const { return state_->cut; }

std::uint32_t Structure::tokens_to_finish() const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(state_->finish(state_->places), ~0u));
}

}  // namespace praxis::grammar
