#include "engine/tokenizer_file.h"

#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "engine/json_events.h"
#include "engine/utf8.h"

namespace praxis::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kOtherValuesMax = 1 << 20;  // outside vocab and merges

// GPT-2's pattern, which ByteLevel applies when `use_regex` is on.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// The characters that stand for bytes in the file, as GPT-2 chose them: a printable Latin-1
/// character for itself, the other bytes in order from U+0100.
std::optional<std::string> to_bytes(std::string_view characters) {
  static const std::array<int, 0x144> kByteOf = [] {
    std::array<int, 0x144> table;
    table.fill(-1);
    std::size_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                          (byte >= 0xAE && byte <= 0xFF);
      table[itself ? static_cast<std::size_t>(byte) : next++] = byte;
    }
    return table;
  }();
  std::string out;
  out.reserve(characters.size());
  for (std::size_t i = 0; i < characters.size();) {
    const std::string_view rest = characters.substr(i);
    const char32_t scalar = utf8::scalar(rest);
    if (scalar >= kByteOf.size() || kByteOf[scalar] < 0) return std::nullopt;
    out += static_cast<char>(kByteOf[scalar]);
    i += utf8::front(rest).bytes;
  }
  return out;
}

/// Every byte that well-formed UTF-8 can hold.
bool occurs_in_utf8(int byte) { return byte != 0xC0 && byte != 0xC1 && byte < 0xF5; }

/// model.vocab and model.merges flow into plain arrays; all else, which is small, becomes a tree.
class FileReader final : public JsonEvents {
 public:
  struct Word {
    std::string characters;
    TokenId id;
  };
  struct MergeText {
    std::uint32_t begin, left_size, size;  // left and right side by side in merge_text
  };
  std::vector<Word> vocab;
  std::string merge_text;
  std::vector<MergeText> merges;
  bool has_vocab = false, has_merges = false;
  json other;

  bool on_object() override {
    if (in_ == In::other && at_member("vocab")) {
      in_ = In::vocab;
      return has_vocab = add(nullptr) != nullptr;  // that it stands once is seen in the tree
    }
    if (in_ != In::other) return wrong("an object");
    return open(json::object());
  }
  bool on_object_end() override {
    if (in_ == In::vocab) return in_ = In::other, true;
    open_.pop_back();
    return true;
  }
  bool on_array() override {
    if (in_ == In::merges) {
      pair_size_ = 0;
      return in_ = In::pair, true;
    }
    if (in_ == In::other && at_member("merges")) {
      in_ = In::merges;
      return has_merges = add(nullptr) != nullptr;
    }
    if (in_ != In::other) return wrong("an array");
    return open(json::array());
  }
  bool on_array_end() override {
    if (in_ == In::pair) {
      if (pair_size_ != 2) return refuse("model.merges: a pair must hold two strings");
      in_ = In::merges;
    } else if (in_ == In::merges) {
      in_ = In::other;
    } else {
      open_.pop_back();
    }
    return true;
  }
  bool on_key(std::string& key) override {
    if (in_ != In::vocab) {
      if (open_.back()->contains(key)) return refuse("the member " + shown(key) + " stands twice");
      key_ = key;
      return true;
    }
    if (key.empty() || key.size() > kTokenBytesMax) {
      return refuse("model.vocab: token " + shown(key) + " has " + std::to_string(key.size()) +
                    " bytes; 1 to " + std::to_string(kTokenBytesMax) + " are possible");
    }
    vocab.push_back(Word{std::move(key), -1});
    return true;
  }
  bool on_string(std::string& value) override {
    if (in_ == In::other) return add(std::move(value)) != nullptr;
    if (in_ == In::vocab) return wrong("a string");
    return in_ == In::merges ? merge_line(value) : merge_side(value);
  }
  bool on_unsigned(std::uint64_t value) override {
    if (in_ == In::other) return add(value) != nullptr;
    if (in_ != In::vocab) return wrong("a number");
    if (value > static_cast<std::uint64_t>(kTokenIdMax)) {
      return refuse("model.vocab: token " + shown(vocab.back().characters) + " has id " +
                    std::to_string(value) + "; the limit is " + std::to_string(kTokenIdMax));
    }
    vocab.back().id = static_cast<TokenId>(value);
    return true;
  }
  bool on_bool(bool value) override {
    return in_ == In::other ? add(value) != nullptr : wrong("a boolean");
  }
  bool on_null() override { return in_ == In::other ? add(nullptr) != nullptr : wrong("null"); }
  bool on_other_number(const std::string& written) override {
    // Kept as text: no member that is read may hold one, and the errors can show it.
    return in_ == In::other ? add(written) != nullptr : wrong("the number " + shown(written));
  }

 private:
  enum class In : std::uint8_t { other, vocab, merges, pair };

  bool at_member(std::string_view key) const {
    return open_.size() == 2 && model_open_ && open_.back()->is_object() && key_ == key;
  }
  json* add(json value) {
    if (++others_ > kOtherValuesMax) {
      refuse("more than " + std::to_string(kOtherValuesMax) +
             " values outside model.vocab and model.merges");
      return nullptr;
    }
    if (open_.empty()) return &(other = std::move(value));
    if (open_.back()->is_object()) return &((*open_.back())[key_] = std::move(value));
    open_.back()->push_back(std::move(value));
    return &open_.back()->back();
  }
  bool open(json container) {
    if (open_.empty() && !container.is_object()) return refuse("the document must be an object");
    if (open_.size() == 1) model_open_ = key_ == "model";
    json* place = add(std::move(container));
    if (place == nullptr) return false;
    open_.push_back(place);
    return true;
  }
  bool merge_line(const std::string& line) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      return refuse("model.merges: \"" + shown(line) + "\" is not two tokens and one space");
    }
    return add_merge(line.substr(0, space), line.substr(space + 1));
  }
  bool merge_side(std::string& side) {
    if (pair_size_++ == 0) return left_ = std::move(side), true;
    if (pair_size_ > 2) return refuse("model.merges: a pair must hold two strings");
    return add_merge(left_, side);
  }
  bool add_merge(const std::string& left, const std::string& right) {
    if (left.empty() || right.empty() || left.size() + right.size() > kTokenBytesMax) {
      return refuse("model.merges: \"" + shown(left) + "\" and \"" + shown(right) +
                    "\" must have 1 to " + std::to_string(kTokenBytesMax) + " bytes together");
    }
    if (merges.size() == kMergesMax) {
      return refuse("model.merges has more than " + std::to_string(kMergesMax) + " entries");
    }
    merges.push_back(MergeText{static_cast<std::uint32_t>(merge_text.size()),
                               static_cast<std::uint32_t>(left.size()),
                               static_cast<std::uint32_t>(left.size() + right.size())});
    merge_text += left;
    merge_text += right;
    return true;
  }
  bool wrong(const std::string& found) {
    switch (in_) {
      case In::vocab:
        return refuse("model.vocab: an id must be a whole number, not " + found);
      case In::merges:
        return refuse("model.merges: a merge must be \"a b\" or [a, b], not " + found);
      default:
        return refuse("model.merges: a pair must hold two strings, not " + found);
    }
  }

  In in_ = In::other;
  std::vector<json*> open_;  // the containers being filled, outermost first
  bool model_open_ = false;  // the second of them is `model`
  std::string key_, left_;
  std::size_t pair_size_ = 0, others_ = 0;
};

/// Checks what was read and builds the parts. Each step returns false with `error` set.
class Builder {
 public:
  Builder(FileReader& file, std::string_view where) : file_(file), where_(where) {}

  Result<TokenizerParts> run() {
    if (!file_.other.is_object()) {
      refuse("the document must be an object");
    } else if (check_model() && read_added_tokens() && read_normalizer() && read_decoder() &&
               read_pre_tokenizer() && fill_vocabulary() && fill_merges()) {
      return std::move(parts_);
    }
    return tl::unexpected(std::move(error_));
  }

 private:
  bool refuse(std::string what, ErrorCode code = ErrorCode::bad_file) {
    error_ = Error{code, std::move(what), std::string(where_)};
    return false;
  }
  bool unsupported(const std::string& field, const json& value, const std::string& supported) {
    return refuse(field + " " + shown(value.dump(-1, ' ', false, json::error_handler_t::replace)) +
                      " is not supported; " + supported,
                  ErrorCode::unsupported);
  }
  /// Null when there is no such member.
  static const json& member(const json& object, const char* name) {
    static const json kNull;
    const auto place = object.find(name);
    return place == object.end() ? kNull : *place;
  }
  bool is_type(const json& value, std::string_view type) const {
    const json& name = member(value, "type");
    return name.is_string() && name.get_ref<const std::string&>() == type;
  }
  /// A boolean member; `missing` when it is not there, an error when that is nothing.
  bool flag(const json& object, const std::string& path, const char* name,
            std::optional<bool> missing, bool& out) {
    const json& value = member(object, name);
    if (value.is_null() && missing) return out = *missing, true;
    if (!value.is_boolean()) return refuse(path + "." + name + " must be true or false");
    return out = value.get<bool>(), true;
  }

  bool check_model() {
    const json& model = member(file_.other, "model");
    if (!model.is_object()) return refuse("model must be an object");
    if (model.contains("type") && !is_type(model, "BPE")) {
      return unsupported("model.type", model["type"], "\"BPE\" is");
    }
    if (!file_.has_vocab) return refuse("model.vocab must be an object of ids");
    if (!file_.has_merges) return refuse("model.merges must be an array");
    for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const json& affix = member(model, name);
      if (!affix.is_null() && affix != "") {
        return unsupported(std::string("model.") + name, affix, "null is");
      }
    }
    const json& dropout = member(model, "dropout");
    if (!dropout.is_null()) return unsupported("model.dropout", dropout, "null is");
    bool byte_fallback = false;
    if (!flag(model, "model", "byte_fallback", false, byte_fallback)) return false;
    if (byte_fallback) {
      return refuse(
          "model.byte_fallback is not supported: it belongs to vocabularies that are not "
          "byte-level",
          ErrorCode::unsupported);
    }
    return flag(model, "model", "ignore_merges", false, whole_words_);
  }

  bool read_added_tokens() {
    const json& added = member(file_.other, "added_tokens");
    if (added.is_null()) return true;
    if (!added.is_array()) return refuse("added_tokens must be an array");
    if (added.size() > kAddedTokensMax) {
      return refuse("added_tokens has " + std::to_string(added.size()) + " entries; the limit is " +
                    std::to_string(kAddedTokensMax));
    }
    for (std::size_t i = 0; i < added.size(); ++i) {
      const std::string path = "added_tokens[" + std::to_string(i) + "]";
      const json& content = member(added[i], "content");
      const json& id = member(added[i], "id");
      if (!content.is_string()) return refuse(path + ".content must be a string");
      const auto& text = content.get_ref<const std::string&>();
      if (text.empty() || text.size() > kTokenBytesMax) {
        return refuse(path + ".content must have 1 to " + std::to_string(kTokenBytesMax) +
                      " bytes");
      }
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::uint64_t{kTokenIdMax}) {
        return refuse(path + ".id must be a whole number up to " + std::to_string(kTokenIdMax));
      }
      if (!parts_.vocabulary.add(id.get<TokenId>(), text, true)) {
        return refuse(path + ".id " + id.dump() + " stands twice");
      }
      if (!parts_.controls.emplace(text, id.get<TokenId>()).second) {
        return refuse(path + ".content " + shown(text) + " stands twice");
      }
    }
    return true;
  }

  bool read_normalizer() {
    const json& normalizer = member(file_.other, "normalizer");
    if (normalizer.is_null()) return true;
    if (is_type(normalizer, "NFC")) return parts_.nfc = true;
    if (!is_type(normalizer, "Sequence") || !member(normalizer, "normalizers").is_array()) {
      return unsupported("normalizer", normalizer, "null, NFC and a Sequence of NFC are");
    }
    const json& steps = normalizer["normalizers"];
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!is_type(steps[i], "NFC")) {
        return unsupported("normalizer.normalizers[" + std::to_string(i) + "]", steps[i], "NFC is");
      }
      parts_.nfc = true;
    }
    return true;
  }

  bool read_decoder() {
    const json& decoder = member(file_.other, "decoder");
    if (decoder.is_null() || is_type(decoder, "ByteLevel")) return true;
    return unsupported("decoder", decoder, "ByteLevel is");
  }

  bool read_pre_tokenizer() {
    const json& pre = member(file_.other, "pre_tokenizer");
    if (is_type(pre, "ByteLevel")) return read_byte_level(pre, "pre_tokenizer");
    if (!is_type(pre, "Sequence") || !member(pre, "pretokenizers").is_array()) {
      return unsupported("pre_tokenizer", pre, "ByteLevel and a Sequence that ends in it are");
    }
    const json& steps = pre["pretokenizers"];
    if (steps.empty() || steps.size() > kSplitStagesMax) {
      return refuse("pre_tokenizer.pretokenizers has " + std::to_string(steps.size()) +
                    " entries; 1 to " + std::to_string(kSplitStagesMax) + " are possible");
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string path = "pre_tokenizer.pretokenizers[" + std::to_string(i) + "]";
      const bool last = i + 1 == steps.size();
      if (last && is_type(steps[i], "ByteLevel")) return read_byte_level(steps[i], path);
      if (last || !is_type(steps[i], "Split")) {
        return unsupported(path, steps[i], "Splits, then one ByteLevel, are");
      }
      if (!read_split(steps[i], path)) return false;
    }
    return true;
  }

  bool read_split(const json& split, const std::string& path) {
    const json& behavior = member(split, "behavior");
    if (behavior != "Isolated") {
      return unsupported(path + ".behavior", behavior, "\"Isolated\" is");
    }
    // When every piece is kept, it does not matter which of them matched.
    bool invert = false;
    if (!flag(split, path, "invert", false, invert)) return false;
    const json& pattern = member(split, "pattern");
    if (pattern.is_object() && pattern.size() == 1) {
      const json& literal = member(pattern, "String");
      const json& regex = member(pattern, "Regex");
      if (regex.is_string()) {
        return add_pattern(regex.get_ref<const std::string&>(), path + ".pattern.Regex");
      }
      if (literal.is_string() && !literal.get_ref<const std::string&>().empty()) {
        parts_.splitter.add_split(literal.get<std::string>());
        return true;
      }
    }
    return unsupported(path + ".pattern", pattern, "{\"Regex\": …} and {\"String\": …} are");
  }

  bool read_byte_level(const json& byte_level, const std::string& path) {
    bool add_prefix_space = false, use_regex = false;
    if (!flag(byte_level, path, "add_prefix_space", std::nullopt, add_prefix_space) ||
        !flag(byte_level, path, "use_regex", true, use_regex)) {
      return false;
    }
    if (add_prefix_space) parts_.splitter.add_prefix_space();
    return !use_regex || add_pattern(kGpt2Pattern, path);
  }

  bool add_pattern(std::string_view text, const std::string& path) {
    auto pattern = Pattern::compile(text);
    if (!pattern) return refuse(path + ": " + pattern.error().what, pattern.error().code);
    parts_.splitter.add_split(std::move(*pattern));
    return true;
  }

  bool fill_vocabulary() {
    words_.reserve(file_.vocab.size());
    std::set<std::string_view> unmapped;
    for (const FileReader::Word& word : file_.vocab) {
      const auto refuse_word = [&](const std::string& what) {
        return refuse("model.vocab: token " + shown(word.characters) + " " + what);
      };
      if (const auto control = parts_.controls.find(word.characters);
          control != parts_.controls.end()) {
        if (control->second == word.id) continue;  // the added token itself: never a word
        return refuse_word("has id " + std::to_string(word.id) + ", but " +
                           std::to_string(control->second) + " in added_tokens");
      }
      // Text of other characters than bytes stand for comes from no word; it can only be decoded.
      const auto mapped = to_bytes(word.characters);
      const std::string_view bytes = mapped ? std::string_view(*mapped) : word.characters;
      if (mapped ? !words_.insert(bytes, word.id) : !unmapped.insert(bytes).second) {
        return refuse_word("stands twice");
      }
      if (!parts_.vocabulary.add(word.id, bytes, false)) {
        return refuse_word("has id " + std::to_string(word.id) + ", which is taken");
      }
    }
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      if (occurs_in_utf8(b) && words_.find(std::string_view(&byte, 1)) < 0) {
        return refuse("model.vocab: byte " + std::to_string(b) +
                      " has no ordinary token, so text holding it could not be encoded");
      }
    }
    return true;
  }

  bool fill_merges() {
    std::vector<Bpe::Merge> merges;
    merges.reserve(file_.merges.size());
    const std::string_view text = file_.merge_text;
    for (std::size_t i = 0; i < file_.merges.size(); ++i) {
      const auto [begin, left_size, size] = file_.merges[i];
      const std::array<std::string_view, 3> sides = {
          text.substr(begin, left_size), text.substr(begin + left_size, size - left_size),
          text.substr(begin, size)};
      std::array<TokenId, 3> ids;
      bool control = false;  // a merge of or into a control token never happens
      for (std::size_t side = 0; side < 3; ++side) {
        const auto bytes = to_bytes(sides[side]);
        ids[side] = bytes ? words_.find(*bytes) : -1;
        if (ids[side] >= 0) continue;
        control = parts_.controls.count(std::string(sides[side])) != 0;
        if (!control) {
          return refuse("model.merges[" + std::to_string(i) + "]: " + shown(sides[side]) +
                        " is not in model.vocab");
        }
        break;
      }
      if (!control) merges.push_back(Bpe::Merge{ids[0], ids[1], ids[2]});
    }
    auto bpe = Bpe::make(std::move(words_), merges, whole_words_);
    if (!bpe) return refuse("model.merges: " + bpe.error().what);
    parts_.bpe = std::move(*bpe);
    return true;
  }

  FileReader& file_;
  std::string_view where_;
  Error error_;
  TokenizerParts parts_;
  TokenTable words_;  // ordinary tokens by their bytes
  bool whole_words_ = false;
};

}  // namespace

std::string_view Vocabulary::bytes(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) return {};
  const Token& token = tokens_[static_cast<std::size_t>(id)];
  return std::string_view(arena_).substr(token.begin, token.size);
}

bool Vocabulary::is_control(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < tokens_.size() &&
         tokens_[static_cast<std::size_t>(id)].control;
}

bool Vocabulary::add(TokenId id, std::string_view bytes, bool control) {
  const auto at = static_cast<std::size_t>(id);
  if (at >= tokens_.size()) tokens_.resize(at + 1);
  if (tokens_[at].taken) return false;
  tokens_[at] = Token{static_cast<std::uint32_t>(arena_.size()),
                      static_cast<std::uint32_t>(bytes.size()), true, control};
  arena_ += bytes;
  return true;
}

Result<TokenizerParts> read_tokenizer(std::string_view json, std::string_view where) {
  if (json.size() > kTokenizerBytesMax) {
    return tl::unexpected(Error{ErrorCode::bad_file,
                                "is " + std::to_string(json.size()) + " bytes long; the limit is " +
                                    std::to_string(kTokenizerBytesMax),
                                std::string(where)});
  }
  FileReader file;
  if (auto read = JsonSource(file, kDepthMax).read(json, where); !read) {
    return tl::unexpected(std::move(read.error()));
  }
  return Builder(file, where).run();
}

}  // namespace praxis::engine
