#include "grammar/structure.h"

#include <algorithm>

#include "grammar/canonical.h"
#include "grammar/places.h"

namespace praxis::grammar {
namespace {

/// What every fork of a structure shares.
struct Plan {
  StructureSpec spec;
  std::shared_ptr<const Vocabulary> vocabulary;
  Program program;
  ProgramReader reader{program, *vocabulary};
};

/// What a token changes.
struct Now {
  Places places;
  std::uint32_t used = 0;     // tokens so far
  std::uint32_t thought = 0;  // of these, freely chosen ones in the thinking
  bool close_soon = false;    // close_thinking() was called
  bool cut = false;
};

}  // namespace

struct Structure::State {
  std::shared_ptr<const Plan> plan;
  Now now;
  std::vector<Now> past;  // before each token; at most tokens_max of them

  std::uint32_t left(const Now& at) const { return plan->spec.tokens_max - at.used; }
  const Node& node(const Position& place) const { return plan->reader.node(place); }
  bool in(const Now& at, NodeId id) const { return plan->reader.in(at.places, id); }

  std::optional<Now> after(const Now& at, TokenId id) const;
  void close_if_due(Now& at) const;
  std::vector<TokenId> forced_now() const;
};

/// The state behind a token, if it may be.
std::optional<Now> Structure::State::after(const Now& at, TokenId id) const {
  const Vocabulary& vocabulary = *plan->vocabulary;
  if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary.size() || left(at) == 0)
    return std::nullopt;
  Now next = at;
  next.places = plan->reader.after(at.places, id);
  ++next.used;
  if (next.places.empty() || plan->reader.finish(next.places) > left(next)) return std::nullopt;
  if (in(at, plan->program.thinking) && !vocabulary.bytes(id).empty()) ++next.thought;
  next.cut = at.cut || (in(at, plan->program.free_text) && id == plan->spec.end && left(at) == 1);
  close_if_due(next);
  return next;
}

/// The thinking is closed when its budget is spent, when a loop was reported, and when one more
/// free token would leave too little for what has to come.
void Structure::State::close_if_due(Now& at) const {
  const Program& program = plan->program;
  if (!in(at, program.thinking)) return;
  const std::uint32_t tokens_max = plan->spec.thinking->tokens_max;
  const bool spent = tokens_max > 0 && at.thought >= tokens_max;
  if (!spent && !at.close_soon && left(at) > program.nodes[program.thinking].finish) return;
  at.places.clear();
  plan->reader.enter(program.close_thinking, 1, at.places);
}

Result<Structure> Structure::create(StructureSpec spec,
                                    std::shared_ptr<const Vocabulary> vocabulary) {
  auto program = make_program(spec, vocabulary);
  if (!program) return tl::unexpected<Error>(program.error());
  const std::uint64_t least = program->nodes[program->start].finish;
  if (least > spec.tokens_max) {
    return refuse(ErrorCode::budget,
                  "an output may need " + std::to_string(least) + " tokens at least, but only " +
                      std::to_string(spec.tokens_max) + " are allowed; raise the limit to " +
                      std::to_string(least),
                  "tokens_max");
  }
  auto state = std::make_unique<State>();
  state->plan = std::shared_ptr<const Plan>(
      new Plan{std::move(spec), std::move(vocabulary), std::move(*program)});
  state->plan->reader.enter(state->plan->program.start, 1, state->now.places);
  state->close_if_due(state->now);
  return Structure(std::move(state));
}

Structure::Structure(std::unique_ptr<State> state) : state_(std::move(state)) {}
Structure::Structure(Structure&&) noexcept = default;
Structure& Structure::operator=(Structure&&) noexcept = default;
Structure::~Structure() = default;

Structure Structure::fork() const { return Structure(std::make_unique<State>(*state_)); }

void Structure::mask(std::span<std::uint32_t> bits) const {
  std::fill(bits.begin(), bits.end(), 0u);
  const std::uint32_t left = state_->left(state_->now);
  if (left > 0) state_->plan->reader.mask(state_->now.places, left - 1, bits);
}

bool Structure::accept(TokenId id) {
  State& s = *state_;
  auto next = s.after(s.now, id);
  if (!next) return false;
  s.past.push_back(std::move(s.now));
  s.now = std::move(*next);
  return true;
}

std::size_t Structure::validate(std::span<const TokenId> draft) const {
  std::optional<Now> at = state_->now;
  std::size_t held = 0;
  for (; held < draft.size(); ++held) {
    at = state_->after(*at, draft[held]);
    if (!at) break;
  }
  return held;
}

void Structure::rollback(std::size_t tokens) {
  State& s = *state_;
  tokens = std::min(tokens, s.past.size());
  if (tokens == 0) return;
  const std::size_t kept = s.past.size() - tokens;
  s.now = std::move(s.past[kept]);
  s.past.resize(kept);
}

/// The next tokens that are certain; empty at a choice.
std::vector<TokenId> Structure::State::forced_now() const {
  const ProgramReader& reader = plan->reader;
  const Places& places = now.places;
  if (places.empty() || left(now) == 0) return {};
  if (in(now, plan->program.free_text)) {
    return left(now) == 1 ? std::vector<TokenId>{plan->spec.end} : std::vector<TokenId>{};
  }
  const Node& first = node(places[0]);
  const bool one_control = std::all_of(places.begin(), places.end(), [&](const Position& p) {
    return node(p).kind == Node::Kind::control && node(p).control == first.control;
  });
  if (one_control) return {first.control};
  std::string bytes;
  Places behind = places;
  for (int only = 0; (only = reader.only_byte(behind)) >= 0;) {
    bytes += static_cast<char>(only);
    behind = reader.step(behind, static_cast<std::uint8_t>(only));
  }
  return certain_tokens(*plan->vocabulary, bytes, [&](std::string_view begun) {
    return reader.token_goes_on(behind, begun);
  });
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
  const Places& places = s.now.places;
  for (const Position& place : places) {
    if (s.node(place).kind == Node::Kind::free || s.node(place).kind == Node::Kind::value)
      return s.node(place).phase;
  }
  return places.empty() ? Phase::finished : s.node(places[0]).phase;
}

void Structure::close_thinking() {
  state_->now.close_soon = true;
  state_->close_if_due(state_->now);
}

bool Structure::cut() const { return state_->now.cut; }

std::uint32_t Structure::tokens_to_finish() const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(state_->plan->reader.finish(state_->now.places), ~0u));
}

}  // namespace praxis::grammar
