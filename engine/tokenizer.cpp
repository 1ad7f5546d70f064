#include "engine/tokenizer.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "engine/normalize.h"
#include "engine/tokenizer_file.h"
#include "engine/utf8.h"

namespace praxis::engine {

struct Tokenizer::Impl : TokenizerParts {};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) {
    const bool missing = failed == std::errc::no_such_file_or_directory;
    return tl::unexpected(Error{missing ? ErrorCode::not_found : ErrorCode::bad_file,
                                "cannot be read: " + failed.message(), file.string()});
  }
  if (size > kTokenizerBytesMax) {
    return tl::unexpected(Error{ErrorCode::bad_file,
                                "is " + std::to_string(size) + " bytes long; the limit is " +
                                    std::to_string(kTokenizerBytesMax),
                                file.string()});
  }
  std::string json(size, '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(json.data(), static_cast<std::streamsize>(size));
  if (!in) {
    return tl::unexpected(Error{ErrorCode::bad_file, "cannot be read", file.string()});
  }
  return parse(json, file.string());
}

Result<Tokenizer> Tokenizer::parse(std::string_view json, std::string_view where) {
  auto parts = read_tokenizer(json, where);
  if (!parts) return tl::unexpected(std::move(parts.error()));
  return Tokenizer(std::make_unique<Impl>(Impl{std::move(*parts)}));
}

std::vector<TokenId> Tokenizer::encode_text(std::string_view text) const {
  std::string rewritten;
  if (utf8::valid_prefix(text) != text.size()) {
    utf8::append_valid(rewritten, text);
    text = rewritten;
  }
  if (impl_->nfc) text = rewritten = nfc(text);
  std::vector<TokenId> ids;
  Bpe::Scratch scratch;
  impl_->splitter.run(text, [&](std::string_view word) { impl_->bpe.encode(word, scratch, ids); });
  return ids;
}

std::optional<TokenId> Tokenizer::control(std::string_view name) const {
  const auto place = impl_->controls.find(std::string(name));
  if (place == impl_->controls.end()) return std::nullopt;
  return place->second;
}

bool Tokenizer::is_control(TokenId id) const { return impl_->vocabulary.is_control(id); }

std::string_view Tokenizer::bytes(TokenId id) const { return impl_->vocabulary.bytes(id); }

std::vector<std::string> Tokenizer::control_names() const {
  std::vector<std::string> names;
  names.reserve(impl_->controls.size());
  const auto size = static_cast<TokenId>(impl_->vocabulary.size());
  for (TokenId id = 0; id < size; ++id) {
    if (is_control(id)) names.emplace_back(bytes(id));
  }
  return names;
}

std::uint32_t Tokenizer::size() const { return impl_->vocabulary.size(); }

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string raw;
  for (const TokenId id : ids) raw += bytes(id);
  std::string out;
  out.reserve(raw.size());
  utf8::append_valid(out, raw);
  return out;
}

}  // namespace praxis::engine
