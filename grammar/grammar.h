#pragma once
// What compile() makes: the schema or the texts, and the residual states that matchers have met so
// far, shared by all of them.

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grammar/cases.h"
#include "grammar/compile.h"
#include "grammar/schema.h"

namespace praxis::grammar {

class Residuals;

/// The schema document as the options would have it read.
Result<Schemas> read_schemas(std::string_view schema, const CompileOptions& options, Fuel& fuel);

/// Raw text: one of the texts or, without any, what the pattern matches from start to end.
struct RawText {
  std::string pattern;
  std::vector<std::string> texts;
  /// Fails where the pattern is refused, no text is left, or a limit was met.
  Result<LanguageId> language(Languages& languages, const Vocabulary& vocabulary, Fuel& fuel) const;
};

class Grammar {
 public:
  Grammar(Schemas schemas_in, std::shared_ptr<const Vocabulary> vocabulary_in,
          const CompileOptions& options_in)
      : schemas(std::move(schemas_in)), vocabulary(std::move(vocabulary_in)), options(options_in) {}
  Grammar(RawText raw_in, std::shared_ptr<const Vocabulary> vocabulary_in,
          const CompileOptions& options_in)
      : raw(std::move(raw_in)), vocabulary(std::move(vocabulary_in)), options(options_in) {}

  /// The states of "a value, then the text `suffix`". One store serves all who ask with the same
  /// suffix until it is full; then new ones get a fresh store, and the old one goes with its users.
  /// At most kSuffixesMax suffixes are kept.
  std::shared_ptr<Residuals> residuals(std::string_view suffix) const;
  /// Makes the first store; fails where the schema cannot be decided or nothing satisfies it.
  Result<void> open(Fuel& fuel) const;

  const Schemas schemas;             // without any, where the text is raw
  const std::optional<RawText> raw;
  const std::shared_ptr<const Vocabulary> vocabulary;
  const CompileOptions options;

 private:
  Result<std::shared_ptr<Residuals>> make(std::string_view suffix, Fuel& fuel) const;

  static constexpr std::size_t kSuffixesMax = 4;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::string, std::shared_ptr<Residuals>>> stores_;  // latest first
};

}  // namespace praxis::grammar
