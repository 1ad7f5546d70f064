#pragma once
// R1-0528 and its Qwen 3 distill: the model opens its thinking itself, also after tool results.

#include <memory>
#include <tl/expected.hpp>

#include "agent/dialect/dialect.h"

namespace praxis::agent {

tl::expected<std::unique_ptr<Dialect>, DialectError> make_r1_0528(
    const engine::Tokenizer& tokenizer);

}  // namespace praxis::agent
