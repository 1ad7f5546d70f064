#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace praxis::engine {

/// Well-formed text as a matcher that knows Unicode 14 (Debian 12's PCRE2) must see it to match as
/// one that knows Unicode 16 (Hugging Face's): a character assigned since then is replaced by an
/// old one of the same general category and as many bytes, so that places in the two texts are the
/// same. Nothing when the text has none. A pattern that names such a character, its block or its
/// script (other than Han) would see the difference; no known tokenizer's does.
std::optional<std::string> with_older_characters(std::string_view text);

}  // namespace praxis::engine
