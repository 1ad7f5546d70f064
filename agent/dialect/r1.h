#pragma once
// January R1 (its revision of February 2025) and the Qwen and Llama distills: the prompt opens the
// thinking. Two variants: `r1` is the distills' template to the byte, with its slips; `r1_fixed`
// says the same without them.

#include <memory>
#include <tl/expected.hpp>

#include "agent/dialect/dialect.h"

namespace praxis::agent {

enum class R1Variant : std::uint8_t { exact, fixed };

tl::expected<std::unique_ptr<Dialect>, DialectError> make_r1(R1Variant variant,
                                                             const engine::Tokenizer& tokenizer);

}  // namespace praxis::agent
