#pragma once
// Whole JSON texts against a schema: a verdict, and where and why it is no.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "grammar/compile.h"

namespace praxis::grammar {

/// Why a value is not admitted: the first failure met; of the branches of anyOf and oneOf the one
/// that lies deepest in the value.
struct Failure {
  std::string schema_path;    // $.properties.age.minimum
  std::string instance_path;  // $.age
  std::uint64_t byte = 0;     // of the value in the text it was read from, if known
};

/// A schema that judges and generates nothing, so it needs no vocabulary. Immutable to its users
/// and thread-safe; its checks take turns.
class Checker {
 public:
  /// Refuses what read_schema() refuses, and patterns, by schema path. Of the options, `order` and
  /// `whitespace` do not matter: every form of a value is judged.
  static Result<Checker> create(std::string_view schema, const CompileOptions& options = {});
  Checker(Checker&&) noexcept;
  Checker& operator=(Checker&&) noexcept;
  ~Checker();

  /// Nothing: `json` is one whole JSON text that satisfies the schema. Fails with bad_json, naming
  /// the byte, where it is no JSON, and with limit where it is too deep or takes too many steps.
  Result<std::optional<Failure>> check(std::string_view json) const;

 private:
  struct State;
  explicit Checker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The same verdict for the schema of a compiled grammar, in any form a schema allows (any key
/// order, any JSON whitespace).
Result<std::optional<Failure>> check(const Grammar& grammar, std::string_view json);

}  // namespace praxis::grammar
