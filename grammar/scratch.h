#pragma once
#include "grammar/residual.h"

namespace praxis::grammar {

// States, texts and lists are only ever appended, so taking back is cutting off. No row or mask may
// be made meanwhile: they would outlive what they name.
class Residuals::Scratch {
 public:
  explicit Scratch(Residuals& r)
      : r_(r),
        states_(r.states_.size()),
        atoms_(r.atoms_.size()),
        texts_(r.texts_.size()),
        seen_(r.seen_.size()) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    r_.states_.resize(states_);
    r_.atoms_.resize(atoms_);
    r_.texts_.resize(texts_);
    r_.seen_.resize(seen_);
    r_.state_index_.truncate(static_cast<std::uint32_t>(states_));
    r_.text_index_.truncate(static_cast<std::uint32_t>(texts_));
    r_.seen_index_.truncate(static_cast<std::uint32_t>(seen_));
  }

 private:
  Residuals& r_;
  std::size_t states_, atoms_, texts_, seen_;
};

}  // namespace praxis::grammar
