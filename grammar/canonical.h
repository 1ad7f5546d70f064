#pragma once
// Forced text as the tokens that the model's own tokenizer would have made of it.

#include <functional>
#include <string_view>
#include <vector>

#include "grammar/vocabulary.h"

namespace praxis::grammar {

/// The first tokens of `bytes`: as many as stay the same whatever follows. `goes_on(tail)`: may a
/// token follow that begins with `tail`, the last bytes of `bytes`, and goes on beyond them? If the
/// canonical encoding does not spell `bytes` (it normalizes), the tokens stop where it departs.
std::vector<TokenId> certain_tokens(const Vocabulary& vocabulary, std::string_view bytes,
                                    const std::function<bool(std::string_view)>& goes_on);

}  // namespace praxis::grammar
