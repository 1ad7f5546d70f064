#include "plugins/author.h"
#include "plugins/calculator/evaluate.h"

namespace praxis::plugins::calculator {
namespace {

constexpr std::string_view kTools = R"([{
  "name": "calculator",
  "description": "Evaluate an arithmetic expression exactly.",
  "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
  "effect": "pure",
  "deadline_ms": 5000,
  "output_bytes_max": 16384
}])";

class Calculator final : public Plugin {
 public:
  std::string_view tools() const override { return kTools; }

  Answer call(const Request& request) override {
    const Answer expression = request.string("expression");
    if (!expression) return expression;
    return evaluate(*expression);
  }
};

Opened make(const Config& config) {
  if (!config.values.empty()) return refuse("the calculator takes no configuration: {}");
  return std::make_unique<Calculator>();
}

}  // namespace
}  // namespace praxis::plugins::calculator

PRAXIS_PLUGIN(praxis::plugins::calculator::make, "calculator", "1.0")
