#pragma once
// Whole values against schemas, read off the schema structs alone. What the mask lets through can
// so be judged by other code than the mask's own.

#include "grammar/check.h"
#include "grammar/languages.h"
#include "grammar/schema.h"

namespace praxis::grammar {

/// Patterns and formats of a document as languages, made once.
struct Texts;

class Validator {
 public:
  /// Fails where a pattern is refused. `schemas` must outlive the validator and stay as it is.
  static Result<Validator> create(const Schemas& schemas, Fuel& fuel);
  Validator(Validator&&) noexcept;
  ~Validator();

  /// Nothing: `value` satisfies schema `id`. Equality of values is JSON Schema's: 1 = 1.0, keys in
  /// any order. Fails with limit when fuel is spent, or the memory for patterns. Not thread-safe.
  Result<std::optional<Failure>> check(SchemaId id, const JsonDocument& document, JsonId value, Fuel& fuel);
  /// Nodes of its patterns and formats: they grow by what the texts checked so far have met.
  std::uint32_t size() const;

 private:
  explicit Validator(std::unique_ptr<Texts> texts);
  std::unique_ptr<Texts> texts_;
};

}  // namespace praxis::grammar
