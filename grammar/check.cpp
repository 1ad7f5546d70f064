#include "grammar/check.h"

#include <mutex>
#include <utility>

#include "grammar/grammar.h"
#include "grammar/residual.h"
#include "grammar/validate.h"

namespace praxis::grammar {
namespace {

// Nesting of the text and steps that one check may take.
constexpr std::uint32_t kTextDepthMax = 1024;
constexpr std::uint64_t kTextFuel = 20'000'000;
// What texts have met of patterns is remembered up to here; then a validator begins afresh.
constexpr std::uint32_t kNodesKept = 1u << 16;

Result<std::optional<Failure>> judge(Validator& validator, std::string_view json) {
  Fuel fuel(kTextFuel);
  const auto document = read_json(json, kTextDepthMax, fuel);
  if (!document) return tl::unexpected<Error>(document.error());
  return validator.check(0, *document, 0, fuel);
}

}  // namespace

struct Checker::State {
  explicit State(Schemas read) : schemas(std::move(read)) {}

  /// The validator of the next check; what it holds of earlier ones is bounded.
  Result<Validator*> ready(std::uint64_t steps_max) {
    if (!validator || validator->size() > kNodesKept + size_fresh) {
      Fuel fuel(steps_max);
      auto made = Validator::create(schemas, fuel);
      if (!made) return tl::unexpected<Error>(made.error());
      validator = std::make_unique<Validator>(std::move(*made));
      size_fresh = validator->size();
    }
    return validator.get();
  }

  const Schemas schemas;
  std::mutex mutex;
  std::unique_ptr<Validator> validator;
  std::uint32_t size_fresh = 0;  // of the validator, before any check
};

Checker::Checker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;
Checker::~Checker() = default;

Result<Checker> Checker::create(std::string_view schema, const CompileOptions& options) {
  Fuel fuel(options.fuel);
  auto schemas = read_schemas(schema, options, fuel);
  if (!schemas) return tl::unexpected<Error>(schemas.error());
  auto state = std::make_unique<State>(std::move(*schemas));
  if (auto ready = state->ready(options.fuel); !ready) return tl::unexpected<Error>(ready.error());
  return Checker(std::move(state));
}

Result<std::optional<Failure>> Checker::check(std::string_view json) const {
  const std::lock_guard lock(state_->mutex);
  auto validator = state_->ready(kTextFuel);
  if (!validator) return tl::unexpected<Error>(validator.error());
  return judge(**validator, json);
}

Result<std::optional<Failure>> check(const Grammar& grammar, std::string_view json) {
  Fuel fuel(kTextFuel);
  auto validator = Validator::create(grammar.schemas, fuel);
  if (!validator) return tl::unexpected<Error>(validator.error());
  return judge(*validator, json);
}

Result<bool> validate(const Grammar& grammar, std::string_view text) {
  if (grammar.raw) {
    const auto residuals = grammar.residuals("");
    const StateId end = residuals->advance(residuals->start(), text);
    return end != Residuals::kDead && residuals->complete(end);
  }
  const auto failure = check(grammar, text);
  if (failure) return !failure->has_value();
  if (failure.error().code == ErrorCode::bad_json) return false;
  return tl::unexpected<Error>(failure.error());
}

}  // namespace praxis::grammar
