#include "grammar/matcher.h"

#include <algorithm>

#include "grammar/canonical.h"
#include "grammar/residual.h"

namespace praxis::grammar {

struct Matcher::State {
  std::shared_ptr<const Grammar> grammar;  // owns what `residuals` refers to
  std::shared_ptr<Residuals> residuals;
  StateId now = Residuals::kDead;
  std::vector<StateId> history;  // the states before each accept
};

Matcher::Matcher(std::shared_ptr<const Grammar> grammar) : state_(std::make_unique<State>()) {
  state_->residuals = grammar->residuals("");
  state_->grammar = std::move(grammar);
  state_->now = state_->residuals->start();
}

Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

void Matcher::mask(std::span<std::uint32_t> bits, std::uint64_t bytes_max) const {
  state_->residuals->mask(state_->now, bits, bytes_max);
}

SharedMask Matcher::shared_mask(std::uint64_t bytes_max) const {
  return state_->residuals->shared_mask(state_->now, bytes_max);
}

bool Matcher::accept(TokenId id) {
  const Vocabulary& vocabulary = *state_->grammar->vocabulary;
  if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary.size() || vocabulary.bytes(id).empty())
    return false;
  return accept_bytes(vocabulary.bytes(id));
}

bool Matcher::accept_bytes(std::string_view bytes) {
  const StateId next = state_->residuals->advance(state_->now, bytes);
  if (next == Residuals::kDead) return false;
  state_->history.push_back(state_->now);
  state_->now = next;
  return true;
}

void Matcher::rollback(std::uint32_t accepts) {
  auto& history = state_->history;
  for (; accepts > 0 && !history.empty(); --accepts) {
    state_->now = history.back();
    history.pop_back();
  }
}

std::string Matcher::forced_bytes() const {
  StateId after;
  return state_->residuals->forced(state_->now, after);
}

std::vector<TokenId> Matcher::forced() const {
  StateId after;
  const std::string bytes = state_->residuals->forced(state_->now, after);
  const bool ended = state_->residuals->ended(after);
  return certain_tokens(*state_->grammar->vocabulary, bytes, [&](std::string_view begun) {
    return !ended && state_->residuals->token_goes_on(after, begun);
  });
}

std::uint32_t Matcher::validate(std::span<const TokenId> draft) const {
  const Vocabulary& vocabulary = *state_->grammar->vocabulary;
  StateId now = state_->now;
  std::uint32_t held = 0;
  for (const TokenId id : draft) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary.size() ||
        vocabulary.bytes(id).empty())
      break;
    now = state_->residuals->advance(now, vocabulary.bytes(id));
    if (now == Residuals::kDead) break;
    ++held;
  }
  return held;
}

Matcher Matcher::fork() const {
  Matcher copy(state_->grammar);
  *copy.state_ = *state_;
  return copy;
}

bool Matcher::complete() const { return state_->residuals->complete(state_->now); }

bool Matcher::dead_end_only_stop() const { return state_->residuals->ended(state_->now); }

std::uint32_t Matcher::tokens_to_finish() const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(state_->residuals->finish(state_->now), ~0u));
}

std::optional<Error> Matcher::limit() const { return state_->residuals->limit(); }

}  // namespace praxis::grammar
