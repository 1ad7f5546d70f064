// Praxis behind the bench's interface: one compiled grammar, one matcher.
//   --opt order=any          keys in any order (default: as written)
//   --opt whitespace=compact or pretty (default: bounded)
//   --opt escapes=ascii
#include <cstring>

#include "engine.h"
#include "grammar/matcher.h"

namespace {

using namespace praxis::grammar;

class Praxis final : public Engine {
 public:
  void init(const Vocab& vocab, const Options& options) override {
    std::vector<std::string> bytes = vocab.bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (vocab.special[i]) bytes[i].clear();
    }
    for (const int id : vocab.eos) {
      bytes[static_cast<std::size_t>(id)].clear();
      stops_.push_back(static_cast<TokenId>(id));
    }
    // The bench never asks for canonical tokens.
    vocabulary_ = std::make_shared<Vocabulary>(std::move(bytes), [](std::string_view) {
      return std::vector<TokenId>();
    });
    const auto is = [&](const char* key, const char* value) {
      const auto at = options.find(key);
      return at != options.end() && at->second == value;
    };
    options_.whitespace = is("whitespace", "compact")  ? Whitespace::compact
                          : is("whitespace", "pretty") ? Whitespace::pretty
                                                       : Whitespace::bounded;
    if (is("escapes", "ascii")) options_.escapes = Escapes::ascii;
    options_.whitespace_max = 255;  // pretty printed nesting
    if (is("order", "any")) options_.order = KeyOrder::any;
  }
  bool compile(const std::string& schema, std::string* why) override {
    matcher_.reset();
    grammar_.reset();
    auto made = praxis::grammar::compile(schema, vocabulary_, options_);
    if (!made) {
      *why = made.error().where + ": " + made.error().what;
      return false;
    }
    grammar_ = std::move(*made);
    return true;
  }
  void start() override { matcher_ = std::make_unique<Matcher>(grammar_); }
  void mask(std::uint32_t* bits) override {
    matcher_->mask(std::span(bits, vocabulary_->mask_words()));
    if (!matcher_->complete()) return;
    for (const TokenId id : stops_) bits[id / 32] |= 1u << (id % 32);
  }
  bool accept(int token) override { return matcher_->accept(token); }
  std::string forced() override { return matcher_->forced_bytes(); }

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<TokenId> stops_;
  CompileOptions options_;
  std::shared_ptr<const Grammar> grammar_;
  std::unique_ptr<Matcher> matcher_;
};

}  // namespace

std::unique_ptr<Engine> make_engine() { return std::make_unique<Praxis>(); }
