#include "grammar/compile.h"

#include <algorithm>

#include "grammar/grammar.h"
#include "grammar/residual.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kSpacesMax = 255;
constexpr std::uint32_t kDepthLimit = 1024;  // the schema reader recurses this deep at most

/// Every text that a grammar allows must be spellable from every byte on, so that a budget counted
/// in bytes can always be kept: each byte of printable ASCII and of UTF-8 needs a token of its own.
/// Of the controls only the line break of pretty printing must ever come.
Result<void> check_bytes(const Vocabulary& vocabulary, Whitespace whitespace) {
  if (whitespace == Whitespace::pretty && !vocabulary.tries().single['\n'])
    return refuse(ErrorCode::unsupported, "the vocabulary has no token for a line break alone; write compact", "$");
  for (unsigned byte = 0x20; byte <= 0xF4; ++byte) {
    if (byte == 0xC0 || byte == 0xC1 || vocabulary.tries().single[byte]) continue;
    return refuse(ErrorCode::unsupported,
                  "the vocabulary has no token for the single byte " + std::to_string(byte) +
                      "; a byte-level vocabulary is needed",
                  "$");
  }
  return {};
}

Result<std::shared_ptr<const Grammar>> compile_raw(RawText raw,
                                                   std::shared_ptr<const Vocabulary> vocabulary,
                                                   const CompileOptions& options) {
  if (auto ok = check_bytes(*vocabulary, Whitespace::compact); !ok) return tl::unexpected<Error>(ok.error());
  Fuel fuel(options.fuel);
  CompileOptions kept = options;
  kept.whitespace = Whitespace::compact;
  kept.whitespace_max = 0;
  auto grammar = std::make_shared<const Grammar>(std::move(raw), std::move(vocabulary), kept);
  if (auto ok = grammar->open(fuel); !ok) return tl::unexpected<Error>(ok.error());
  return grammar;
}

}  // namespace

Result<Schemas> read_schemas(std::string_view schema, const CompileOptions& options, Fuel& fuel) {
  auto schemas = read_schema(
      schema, SchemaLimits{.depth_max = std::min(options.depth_max, kDepthLimit), .strict = options.strict},
      fuel);
  if (schemas && options.formats == Formats::annotations) {
    for (Schema& one : schemas->schemas) one.format.reset();
  }
  return schemas;
}

Result<std::shared_ptr<const Grammar>> compile(std::string_view schema,
                                               std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options) {
  if (auto ok = check_bytes(*vocabulary, options.whitespace); !ok) return tl::unexpected<Error>(ok.error());
  Fuel fuel(options.fuel);
  auto schemas = read_schemas(schema, options, fuel);
  if (!schemas) return tl::unexpected<Error>(schemas.error());
  CompileOptions kept = options;
  kept.whitespace_max =
      options.whitespace == Whitespace::bounded ? std::min(options.whitespace_max, kSpacesMax) : 0;
  auto grammar = std::make_shared<const Grammar>(std::move(*schemas), std::move(vocabulary), kept);
  if (auto ok = grammar->open(fuel); !ok) return tl::unexpected<Error>(ok.error());
  return grammar;
}

Result<std::shared_ptr<const Grammar>> compile_regex(std::string_view pattern,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options) {
  return compile_raw(RawText{std::string(pattern), {}}, std::move(vocabulary), options);
}

Result<std::shared_ptr<const Grammar>> compile_choice(std::span<const std::string> texts,
                                                      std::shared_ptr<const Vocabulary> vocabulary,
                                                      const CompileOptions& options) {
  if (texts.empty())
    return refuse(ErrorCode::unsatisfiable, "there is nothing to choose from; give at least one text", "choice");
  return compile_raw(RawText{{}, {texts.begin(), texts.end()}}, std::move(vocabulary), options);
}

Result<std::shared_ptr<Residuals>> Grammar::make(std::string_view suffix, Fuel& fuel) const {
  CaseOptions case_options;
  case_options.any_order = options.order == KeyOrder::any;
  auto cases = Cases::create(schemas, case_options, fuel);
  if (!cases) return tl::unexpected<Error>(cases.error());
  std::optional<LanguageId> text;
  if (raw) {
    auto language = raw->language((*cases)->languages(), *vocabulary, fuel);
    if (!language) return tl::unexpected<Error>(language.error());
    text = *language;
  }
  return std::make_shared<Residuals>(*this, std::move(*cases), std::string(suffix), text);
}

Result<void> Grammar::open(Fuel& fuel) const {
  auto made = make("", fuel);
  if (!made) return tl::unexpected<Error>(made.error());
  if (auto ok = (*made)->check(); !ok) return ok;
  const std::lock_guard lock(mutex_);
  stores_.emplace_front("", std::move(*made));
  return {};
}

std::shared_ptr<Residuals> Grammar::residuals(std::string_view suffix) const {
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(stores_.begin(), stores_.end(),
                                  [&](const auto& s) { return s.first == suffix; });
  if (known != stores_.end() && !known->second->full()) {
    stores_.splice(stores_.begin(), stores_, known);
    return stores_.front().second;
  }
  if (known != stores_.end()) stores_.erase(known);
  if (stores_.size() >= kSuffixesMax) stores_.pop_back();
  Fuel fuel(options.fuel);
  stores_.emplace_front(std::string(suffix), make(suffix, fuel).value());  // the schema compiled once
  return stores_.front().second;
}

}  // namespace praxis::grammar
