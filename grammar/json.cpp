#include "grammar/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/decimal.h"

namespace praxis::grammar {
namespace {

/// At most `bytes_max` bytes of `text`, cut between characters and marked as cut.
std::string shorten(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return std::string(text.substr(0, bytes_max)) + "...";
}

/// The parser's place in the text, told to the builder: its events come without one.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** reached = nullptr;

  const char& operator*() const { return *at; }
  Cursor& operator++() {
    *reached = ++at;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at == other.at; }
  bool operator!=(const Cursor& other) const { return at != other.at; }
};

/// Builds the document from nlohmann's events; every event may refuse by returning false.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, std::uint32_t depth_max, Fuel& fuel)
      : depth_max_(depth_max), fuel_(fuel), text_(text), reached_(text.data()) {}

  Cursor begin() { return Cursor{text_.data(), &reached_}; }
  Cursor end() { return Cursor{text_.data() + text_.size(), &reached_}; }

  JsonDocument document;
  Error error;

  bool null() override { return add(Json::Kind::null) != nullptr; }
  bool boolean(bool truth) override {
    Json* value = add(Json::Kind::boolean);
    if (value) value->truth = truth;
    return value;
  }
  bool number_integer(std::int64_t number) override {
    return add(Json::Kind::number, std::to_string(number));
  }
  bool number_unsigned(std::uint64_t number) override {
    return add(Json::Kind::number, std::to_string(number));
  }
  bool number_float(double, const std::string& text) override {
    return add(Json::Kind::number, text);
  }
  bool string(std::string& text) override { return add(Json::Kind::string, std::move(text)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::Kind::object); }
  bool start_array(std::size_t) override { return open(Json::Kind::array); }
  bool key(std::string& text) override {
    key_ = std::move(text);
    seen_ = offset();
    return true;
  }
  bool end_array() override { return close(); }
  bool end_object() override {
    const Json& object = document.values[open_.back().value];
    std::vector<const std::string*> keys;
    keys.reserve(object.count);
    for (JsonId id = object.child; id != kNoJson; id = document[id].next)
      keys.push_back(&document[id].key);
    std::sort(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a < *b; });
    const auto twin =
        std::adjacent_find(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a == *b; });
    if (twin != keys.end()) {
      return fail(ErrorCode::bad_json,
                  "key \"" + shorten(spell_string(**twin), 64) + "\" is written twice; keep one");
    }
    return close();
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& e) override {
    if (e.id == 406) {
      return fail(ErrorCode::limit,
                  "number at byte " + std::to_string(position) +
                      " is beyond 1.7976931348623157e308, the largest that can be read");
    }
    std::string why = e.what();  // "[json.exception...] parse error at line 1, column 2: ..."
    if (const auto colon = why.find(": "); colon != std::string::npos) why.erase(0, colon + 2);
    return fail(ErrorCode::bad_json,
                "not JSON at byte " + std::to_string(position) + ": " + shorten(why, 160));
  }

 private:
  struct Open {
    JsonId value = 0;
    JsonId last = kNoJson;
  };

  Json* add(Json::Kind kind, std::string text = {}) {
    if (!fuel_.burn()) {
      error = fuel_.error(path()).value();
      return nullptr;
    }
    const auto id = static_cast<JsonId>(document.values.size());
    if (!open_.empty()) {
      Open& parent = open_.back();
      Json& container = document.values[parent.value];
      if (parent.last == kNoJson) container.child = id;
      else document.values[parent.last].next = id;
      parent.last = id;
      ++container.count;
    }
    Json value;
    value.kind = kind;
    value.byte = begin_of_token();
    seen_ = offset();
    value.key = std::move(key_);
    value.text = std::move(text);
    key_.clear();
    document.values.push_back(std::move(value));
    return &document.values.back();
  }

  std::size_t offset() const { return static_cast<std::size_t>(reached_ - text_.data()); }

  /// Between the last key or value and this one there is only punctuation. The parser has read one
  /// byte past a number, which is punctuation as well.
  std::size_t begin_of_token() const {
    return std::min(text_.find_first_not_of(" \t\r\n,:]}", seen_), text_.size());
  }

  bool open(Json::Kind kind) {
    if (open_.size() >= depth_max_) {
      return fail(ErrorCode::limit, "nests " + std::to_string(open_.size() + 1) +
                                        " deep; the limit is " + std::to_string(depth_max_) +
                                        " (grammar.depth_max)");
    }
    if (!add(kind)) return false;
    open_.push_back(Open{static_cast<JsonId>(document.values.size() - 1), kNoJson});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool fail(ErrorCode code, std::string what) {
    error = Error{code, std::move(what), path()};
    return false;
  }

  std::string path() const {
    std::string text = "$";
    for (std::size_t i = 1; i < open_.size(); ++i) {
      const Json& parent = document[open_[i - 1].value];
      text = parent.kind == Json::Kind::array ? text + "[" + std::to_string(parent.count - 1) + "]"
                                              : path_key(text, document[open_[i].value].key);
    }
    return text;
  }

  std::uint32_t depth_max_;
  Fuel& fuel_;
  std::string_view text_;
  const char* reached_;  // the parser's place
  std::size_t seen_ = 0;  // where the last key or value ended
  std::vector<Open> open_;
  std::string key_;
};

/// Appends `id` as compact JSON; `sorted`: keys in byte order and numbers by value.
bool write(const JsonDocument& document, JsonId id, bool sorted, std::string& out) {
  const Json& value = document[id];
  switch (value.kind) {
    case Json::Kind::null:
      out += "null";
      return true;
    case Json::Kind::boolean:
      out += value.truth ? "true" : "false";
      return true;
    case Json::Kind::string:
      out += '"' + spell_string(value.text) + '"';
      return true;
    case Json::Kind::number:
      if (!sorted) {
        out += value.text;
        return true;
      } else {
        const auto number = Decimal::parse(value.text);
        if (number) out += number->to_string();
        return number.has_value();
      }
    case Json::Kind::array:
    case Json::Kind::object:
      break;
  }
  const bool object = value.kind == Json::Kind::object;
  std::vector<JsonId> children;
  for (JsonId child = value.child; child != kNoJson; child = document[child].next)
    children.push_back(child);
  if (object && sorted) {
    std::sort(children.begin(), children.end(),
              [&](JsonId a, JsonId b) { return document[a].key < document[b].key; });
  }
  out += object ? '{' : '[';
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i > 0) out += ',';
    if (object) out += '"' + spell_string(document[children[i]].key) + "\":";
    if (!write(document, children[i], sorted, out)) return false;
  }
  out += object ? '}' : ']';
  return true;
}

}  // namespace

JsonId JsonDocument::member(JsonId object, std::string_view key) const {
  if (values[object].kind != Json::Kind::object) return kNoJson;
  JsonId id = values[object].child;
  while (id != kNoJson && values[id].key != key) id = values[id].next;
  return id;
}

Result<JsonDocument> read_json(std::string_view text, std::uint32_t depth_max, Fuel& fuel) {
  // The parser takes a NUL for the end of the text and skips a BOM; neither is JSON.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return refuse(ErrorCode::bad_json, "not JSON at byte " + std::to_string(nul) + ": a NUL", "$");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF")
    return refuse(ErrorCode::bad_json, "not JSON at byte 0: a BOM", "$");
  if (!fuel.burn(text.size() / 64)) return fuel.error("$");
  Builder builder(text, depth_max, fuel);
  if (!nlohmann::json::sax_parse(builder.begin(), builder.end(), &builder))
    return tl::unexpected<Error>(builder.error);
  return std::move(builder.document);
}

std::string spell_string(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[c >> 4];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string spell(const JsonDocument& document, JsonId id) {
  std::string out;
  write(document, id, false, out);
  return out;
}

Result<std::string> canonical(const JsonDocument& document, JsonId id) {
  std::string out;
  if (!write(document, id, true, out)) {
    return refuse(
        ErrorCode::limit,
        "holds a number whose exponent is beyond " + std::to_string(Decimal::kExponentMax), "$");
  }
  return out;
}

std::string path_key(std::string_view path, std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '-';
  };
  std::string out(path);
  if (!key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), plain)) {
    out += '.';
    out += key;
  } else {
    out += "[\"" + shorten(spell_string(key), 64) + "\"]";
  }
  return out;
}

}  // namespace praxis::grammar
