#include "tests/agent/dialect_streams.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

namespace praxis::agent::testing {

namespace fs = std::filesystem;

namespace {

const fs::path kTinyTokenizer =
    fs::path(PRAXIS_SOURCE_DIR) / "examples/tiny_r1/model/tokenizer.json";

engine::Tokenizer parsed(const std::string& json, const std::string& where) {
  auto tokenizer = engine::Tokenizer::parse(json, where);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().where + ": " + tokenizer.error().what);
  return std::move(*tokenizer);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The token of each single byte.
const std::array<engine::TokenId, 256>& byte_tokens() {
  static const auto table = [] {
    std::array<engine::TokenId, 256> ids;
    ids.fill(-1);
    const auto& tokenizer = tiny_tokenizer();
    for (engine::TokenId id = 0; id < static_cast<engine::TokenId>(tokenizer.size()); ++id)
      if (!tokenizer.is_control(id) && tokenizer.bytes(id).size() == 1)
        ids[static_cast<unsigned char>(tokenizer.bytes(id)[0])] = id;
    return ids;
  }();
  return table;
}

void append_bytes(Ids& ids, std::string_view text) {
  for (const char c : text) ids.push_back(byte_tokens()[static_cast<unsigned char>(c)]);
}

void append_canonical(Ids& ids, std::string_view text) {
  const auto more = tiny_tokenizer().encode_text(text);
  ids.insert(ids.end(), more.begin(), more.end());
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

void append_characters(Ids& ids, std::string_view text) {
  while (!text.empty()) {
    std::size_t n = 1;
    while (n < text.size() && !starts_character(text[n])) ++n;
    append_canonical(ids, text.substr(0, n));
    text.remove_prefix(n);
  }
}

Ids tokenize(const std::vector<Piece>& pieces,
             const std::function<void(Ids&, std::string_view)>& append) {
  Ids ids;
  for (const Piece& piece : pieces) {
    if (piece.control) ids.push_back(tiny_tokenizer().control(piece.text).value());
    else append(ids, piece.text);
  }
  return ids;
}

}  // namespace

const engine::Tokenizer& tiny_tokenizer() {
  static const engine::Tokenizer tokenizer = parsed(read_file(kTinyTokenizer), "tiny_r1");
  return tokenizer;
}

engine::Tokenizer tiny_tokenizer_with(const std::function<bool(const std::string& name)>& keep) {
  auto json = nlohmann::json::parse(read_file(kTinyTokenizer));
  auto& added = json["added_tokens"];
  const auto refused = [&](const nlohmann::json& token) {
    return !keep(token["content"].get<std::string>());
  };
  added.erase(std::remove_if(added.begin(), added.end(), refused), added.end());
  return parsed(json.dump(), "tiny_r1 with fewer control tokens");
}

std::vector<fs::path> real_tokenizers() {
  std::vector<fs::path> found;
  const fs::path oracles = fs::path(PRAXIS_SOURCE_DIR) / "build/oracles";
  std::error_code none;
  for (fs::recursive_directory_iterator it(oracles, none), end; it != end; it.increment(none))
    if (it->path().filename() == "tokenizer.json") found.push_back(it->path());
  std::sort(found.begin(), found.end());
  return found;
}

std::shared_ptr<const grammar::Vocabulary> tiny_vocabulary() {
  const engine::Tokenizer& tokenizer = tiny_tokenizer();
  std::vector<std::string> bytes(tokenizer.size());
  for (std::uint32_t id = 0; id < tokenizer.size(); ++id)
    if (!tokenizer.is_control(static_cast<engine::TokenId>(id)))
      bytes[id] = tokenizer.bytes(static_cast<engine::TokenId>(id));
  return std::make_shared<grammar::Vocabulary>(
      std::move(bytes),
      [&tokenizer](std::string_view text) { return tokenizer.encode_text(text); });
}

std::unique_ptr<Dialect> dialect_named(std::string_view name, const engine::Tokenizer& tokenizer) {
  auto dialect = make_dialect(name, tokenizer);
  if (!dialect) throw std::runtime_error(dialect.error().where + ": " + dialect.error().what);
  return std::move(*dialect);
}

std::vector<Piece> pieces(std::string_view marked) {
  static const std::vector<std::string> names = tiny_tokenizer().control_names();
  std::vector<Piece> out;
  std::string text;
  while (!marked.empty()) {
    const auto name = std::find_if(names.begin(), names.end(),
                                   [&](const auto& n) { return marked.starts_with(n); });
    if (name == names.end()) {
      text += marked.front();
      marked.remove_prefix(1);
      continue;
    }
    if (!text.empty()) out.push_back({false, std::exchange(text, {})});
    out.push_back({true, *name});
    marked.remove_prefix(name->size());
  }
  if (!text.empty()) out.push_back({false, text});
  return out;
}

Piece literally(std::string_view text) { return {false, std::string(text)}; }

Ids canonical(const std::vector<Piece>& pieces) { return tokenize(pieces, append_canonical); }

void for_each_tokenization(const std::vector<Piece>& pieces,
                           const std::function<void(const Ids&, const std::string&)>& use) {
  use(canonical(pieces), "canonical");
  use(tokenize(pieces, append_bytes), "one byte a token");
  use(tokenize(pieces, append_characters), "one character a token");
  std::size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.control ? 0 : piece.text.size();
  for (std::size_t cut = 1; cut < bytes; ++cut) {
    std::size_t at = 0;
    const auto append = [&](Ids& ids, std::string_view text) {
      const std::size_t left = cut > at && cut < at + text.size() ? cut - at : text.size();
      at += text.size();
      const bool whole = left == text.size() || starts_character(text[left]);
      const auto& half = whole ? append_canonical : append_bytes;
      half(ids, text.substr(0, left));
      half(ids, text.substr(left));
    };
    use(tokenize(pieces, append), "cut at byte " + std::to_string(cut));
  }
}

std::vector<ParsedDelta> parse(const Dialect& dialect, bool thinking, const Ids& ids) {
  std::vector<ParsedDelta> all;
  const auto add = [&](std::vector<ParsedDelta> deltas) {
    for (ParsedDelta& delta : deltas) {
      const bool streams = delta.kind == ParsedDelta::Kind::reasoning ||
                           delta.kind == ParsedDelta::Kind::text ||
                           delta.kind == ParsedDelta::Kind::call_arguments;
      EXPECT_TRUE(!delta.text.empty() || delta.kind == ParsedDelta::Kind::call_end)
          << "an empty delta";
      EXPECT_NO_THROW((void)nlohmann::json(delta.text).dump()) << "half a character in a delta";
      if (streams && !all.empty() && all.back().kind == delta.kind && all.back().call == delta.call)
        all.back().text += delta.text;
      else all.push_back(std::move(delta));
    }
  };
  const auto parser = dialect.parser(thinking);
  for (const auto id : ids) add(parser->push(id));
  add(parser->finish());
  return all;
}

namespace {

ParsedDelta delta(ParsedDelta::Kind kind, std::string_view text, std::uint32_t call) {
  ParsedDelta out;
  out.kind = kind;
  out.text = text;
  out.call = call;
  return out;
}

}  // namespace

ParsedDelta reasoning(std::string_view text) {
  return delta(ParsedDelta::Kind::reasoning, text, 0);
}
ParsedDelta text(std::string_view text) { return delta(ParsedDelta::Kind::text, text, 0); }
ParsedDelta call_name(std::uint32_t call, std::string_view name) {
  return delta(ParsedDelta::Kind::call_name, name, call);
}
ParsedDelta call_arguments(std::uint32_t call, std::string_view json) {
  return delta(ParsedDelta::Kind::call_arguments, json, call);
}
ParsedDelta call_end(std::uint32_t call) { return delta(ParsedDelta::Kind::call_end, "", call); }

std::string describe(const std::vector<ParsedDelta>& deltas) {
  static constexpr const char* kKinds[] = {"reasoning", "text", "call_name", "call_arguments",
                                           "call_end"};
  std::ostringstream out;
  for (const ParsedDelta& d : deltas)
    out << "  " << kKinds[static_cast<int>(d.kind)] << ' ' << d.call << ' '
        << nlohmann::json(d.text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
        << '\n';
  return out.str();
}

}  // namespace praxis::agent::testing
