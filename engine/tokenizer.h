#pragma once
// Byte-level BPE as Hugging Face's tokenizer.json describes it. Two doors: encode_text() turns text
// into ids that are never control ids, control() turns a control token's name into its id.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/sampler.h"  // TokenId

namespace praxis::engine {

class Tokenizer {
 public:
  /// Reads tokenizer.json. Every added token, special or not, is a control token.
  static Result<Tokenizer> load(const std::filesystem::path& file);
  static Result<Tokenizer> parse(std::string_view json, std::string_view where);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Any bytes; broken UTF-8 becomes U+FFFD per maximal subpart. Thread-safe. Never a control id.
  std::vector<TokenId> encode_text(std::string_view text) const;
  /// The id of the added token with exactly this text, e.g. "<｜User｜>".
  std::optional<TokenId> control(std::string_view name) const;
  bool is_control(TokenId id) const;
  /// The bytes a token stands for; a control token's are its text. Empty for ids without an entry.
  std::string_view bytes(TokenId id) const;
  std::vector<std::string> control_names() const;  // in id order
  std::uint32_t size() const;                      // one past the highest id
  std::string decode(const std::vector<TokenId>& ids) const;  // broken UTF-8 becomes U+FFFD

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Streaming decode: bytes in, whole UTF-8 characters out.
class Utf8Stream {
 public:
  /// Returns what is complete so far; at most 3 bytes stay back. Broken UTF-8 becomes U+FFFD.
  std::string push(std::string_view bytes);
  std::string finish();  // what stayed back, as U+FFFD

 private:
  std::string pending_;
};

}  // namespace praxis::engine
