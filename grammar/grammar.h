#pragma once
// What compile() makes: the schemas for whole values, the rules for generation, and the residual
// states that matchers have met so far, shared by all of them.

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "grammar/compile.h"
#include "grammar/rules.h"
#include "grammar/schema.h"

namespace praxis::grammar {

class Residuals;

class Grammar {
 public:
  Grammar(Schemas schemas_in, Rules rules_in, std::shared_ptr<const Vocabulary> vocabulary_in,
          std::uint32_t spaces_max_in)
      : schemas(std::move(schemas_in)),
        rules(std::move(rules_in)),
        vocabulary(std::move(vocabulary_in)),
        spaces_max(spaces_max_in) {}

  /// The states of "a value, then the text `suffix`". One store serves all who ask with the same
  /// suffix until it is full; then new ones get a fresh store, and the old one goes with its users.
  /// At most kSuffixesMax suffixes are kept.
  std::shared_ptr<Residuals> residuals(std::string_view suffix) const;

  const Schemas schemas;
  const Rules rules;
  const std::shared_ptr<const Vocabulary> vocabulary;
  const std::uint32_t spaces_max;  // whitespace bytes in a row; 0: compact

 private:
  static constexpr std::size_t kSuffixesMax = 4;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::string, std::shared_ptr<Residuals>>> stores_;  // latest first
};

}  // namespace praxis::grammar
