#pragma once
// What the dialects' tests share: tokenizers, and output streams in every tokenization.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect/dialect.h"
#include "grammar/vocabulary.h"

namespace praxis::agent::testing {

/// The shipped tiny model's tokenizer: V3's markers on a small byte-level vocabulary.
const engine::Tokenizer& tiny_tokenizer();
/// The same with only those of its control tokens whose name `keep` accepts.
engine::Tokenizer tiny_tokenizer_with(const std::function<bool(const std::string& name)>& keep);
/// tokenizer.json of real models, where `make oracles` has put them; empty without.
std::vector<std::filesystem::path> real_tokenizers();

/// The tiny tokenizer as the grammar sees it.
std::shared_ptr<const grammar::Vocabulary> tiny_vocabulary();

std::unique_ptr<Dialect> dialect_named(std::string_view name,
                                       const engine::Tokenizer& tokenizer = tiny_tokenizer());

/// One piece of an output: a control token by name, or text.
struct Piece {
  bool control = false;
  std::string text;
};
/// Cuts `marked` at the names of control tokens.
std::vector<Piece> pieces(std::string_view marked);
/// Text that is text, whatever it spells.
Piece literally(std::string_view text);

using Ids = std::vector<engine::TokenId>;
/// As the model's own tokenizer would write it.
Ids canonical(const std::vector<Piece>& pieces);
/// Every way of writing it: canonical; one byte a token; one character a token; and cut in two at
/// every byte, both halves canonical (in bytes, where the cut goes through a character).
void for_each_tokenization(const std::vector<Piece>& pieces,
                           const std::function<void(const Ids&, const std::string&)>& use);

/// All deltas of a stream, neighbours of one kind joined.
std::vector<ParsedDelta> parse(const Dialect& dialect, bool thinking, const Ids& ids);

ParsedDelta reasoning(std::string_view text);
ParsedDelta text(std::string_view text);
ParsedDelta call_name(std::uint32_t call, std::string_view name);
ParsedDelta call_arguments(std::uint32_t call, std::string_view json);
ParsedDelta call_end(std::uint32_t call);
std::string describe(const std::vector<ParsedDelta>& deltas);

}  // namespace praxis::agent::testing
