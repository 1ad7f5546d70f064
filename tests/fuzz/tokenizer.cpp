// By the first byte: a tokenizer.json of any bytes, a text of any bytes for tokenizers that load,
// or a pattern of any bytes. No text becomes a control id, and what was encoded decodes again.
#include "engine/tokenizer.h"

#include <cstdlib>

#include "engine/normalize.h"
#include "engine/split.h"
#include "engine/utf8.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace praxis::engine;

/// A JSON string of any text.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string file_of(std::string_view normalizer, std::string_view pattern) {
  std::string vocab;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    std::string character;
    utf8::append(character, itself ? byte : next++);
    vocab += json_string(character) + ":" + std::to_string(byte) + ",";
  }
  return R"({"added_tokens":[{"id":300,"content":"<think>"},{"id":301,"content":"ab"}],)"
         R"("normalizer":)" +
         std::string(normalizer) +
         R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":)"
         R"({"Regex":)" +
         json_string(pattern) +
         R"(},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,)"
         R"("use_regex":false}]},"model":{"ignore_merges":true,"vocab":{)" +
         vocab +
         R"("<t":256,"hi":257,"nk":258,"<thi":259,"nk>":260,"<think>":300,"ab":301},)"
         R"("merges":["< t","h i","n k",["<t","hi"],"nk >","<thi nk>","a b"]}})";
}

constexpr std::string_view kPatterns[] = {
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
};

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      "f" + file_of("null", "\\s+"),
      "f" + file_of(R"({"type":"NFC"})", kPatterns[0]),
      "t<think>ab</think> 12 \r\n e\xCC\x81 \xE2\x82",
      "p" + std::string(kPatterns[0]),
      "p" + std::string(kPatterns[1]),
      "p(?:a|(?>b)|(?<=c)d{1,3}?)+[^\\S\\n\\p{Han}\\u4E00-\\x{9FFF}]*",
  };
  return kSeeds;
}

const Tokenizer& loaded(std::string_view normalizer, std::string_view pattern) {
  auto tokenizer = Tokenizer::parse(file_of(normalizer, pattern), "own");
  if (!tokenizer) std::abort();
  return *new Tokenizer(std::move(*tokenizer));
}

void check(const Tokenizer& tokenizer, std::string_view text, bool normalizes) {
  const auto ids = tokenizer.encode_text(text);
  std::string streamed;
  Utf8Stream stream;
  for (const TokenId id : ids) {
    if (tokenizer.is_control(id)) std::abort();
    streamed += stream.push(tokenizer.bytes(id));
  }
  streamed += stream.finish();
  std::string valid;
  utf8::append_valid(valid, text);
  if (normalizes) valid = nfc(valid);
  if (tokenizer.decode(ids) != valid || streamed != valid) std::abort();
}

void read_file(std::string_view file) {
  const auto tokenizer = Tokenizer::parse(file, "fuzz");
  if (!tokenizer) {
    if (tokenizer.error().what.empty() || tokenizer.error().where != "fuzz") std::abort();
    return;
  }
  for (const TokenId id : tokenizer->encode_text("<think>ab 12\n\xE2\x82 e\xCC\x81")) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= tokenizer->size()) std::abort();
    if (tokenizer->is_control(id)) std::abort();
  }
  for (const std::string& name : tokenizer->control_names()) {
    if (!tokenizer->control(name)) std::abort();
    for (const TokenId id : tokenizer->encode_text(name)) {
      if (tokenizer->is_control(id)) std::abort();
    }
  }
}

void read_pattern(std::string_view pattern) {
  auto compiled = Pattern::compile(pattern);
  if (!compiled) {
    if (compiled.error().what.empty()) std::abort();
    return;
  }
  Splitter splitter;
  splitter.add_split(std::move(*compiled));
  std::string text = "aab 12'S \r\n\n e\xCC\x81\xE6\x97\xA5!";
  text += std::string(2000, 'a') + std::string(500, ' ');
  std::string together;
  splitter.run(text, [&](std::string_view word) {
    if (word.empty()) std::abort();
    together += word;
  });
  if (together != text) std::abort();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const Tokenizer& plain = loaded("null", kPatterns[0]);
  static const Tokenizer& normalizing = loaded(R"({"type":"NFC"})", kPatterns[1]);
  switch (data[0]) {
    case 'f':
      read_file(rest);
      break;
    case 't':
      check(plain, rest, false);
      check(normalizing, rest, true);
      break;
    case 'p':
      read_pattern(rest);
      break;
    default:
      break;
  }
  return 0;
}
