#include "grammar/compile.h"

#include <algorithm>

#include "grammar/grammar.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kSpacesMax = 255;
constexpr std::uint32_t kDepthLimit = 1024;  // the schema reader recurses this deep at most

/// Every text that a grammar allows must be spellable from every byte on, so that a budget counted
/// in bytes can always be kept: each byte of printable ASCII and of UTF-8 needs a token of its own.
/// Controls only ever come as part of optional whitespace.
Result<void> check_bytes(const Vocabulary& vocabulary) {
  for (unsigned byte = 0x20; byte <= 0xF4; ++byte) {
    if (byte == 0xC0 || byte == 0xC1 || vocabulary.trie().single[byte]) continue;
    return refuse(ErrorCode::unsupported,
                  "the vocabulary has no token for the single byte " + std::to_string(byte) +
                      "; a byte-level vocabulary is needed",
                  "$");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Grammar>> compile(std::string_view schema,
                                               std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options) {
  if (auto ok = check_bytes(*vocabulary); !ok) return tl::unexpected<Error>(ok.error());
  Fuel fuel(options.fuel);
  auto schemas = read_schema(
      schema, SchemaLimits{std::min(options.depth_max, kDepthLimit), options.strict}, fuel);
  if (!schemas) return tl::unexpected<Error>(schemas.error());
  auto rules = make_rules(*schemas, fuel);
  if (!rules) return tl::unexpected<Error>(rules.error());
  const std::uint32_t spaces =
      options.whitespace == Whitespace::compact ? 0 : std::min(options.whitespace_max, kSpacesMax);
  return std::make_shared<const Grammar>(std::move(*schemas), std::move(*rules),
                                         std::move(vocabulary), spaces);
}

}  // namespace praxis::grammar
