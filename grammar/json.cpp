#include "grammar/json.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "grammar/decimal.h"

namespace praxis::grammar {
namespace {

/// At most `bytes_max` bytes of `text`, cut between characters and marked as cut.
std::string shorten(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return std::string(text.substr(0, bytes_max)) + "...";
}

/// Bytes of the well-formed UTF-8 sequence at the beginning of `text` (RFC 3629, section 4); 0 if
/// there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Spelled too long, a surrogate, or beyond U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) >= 0xA0) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) >= 0x90))
    return 0;
  return length;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80 | ((point >> shift) & 0x3F));
  };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads one text (RFC 8259) from the left to the right. Containers that are open lie on a stack of
/// their own, so depth costs no recursion.
class JsonReader {
 public:
  JsonReader(std::string_view text, std::uint32_t depth_max, Fuel& fuel)
      : text_(text), depth_max_(depth_max), fuel_(fuel) {
    document_.values.reserve(1 + text.size() / 16);  // what schemas have, about
  }

  Result<JsonDocument> read() {
    if (read_values()) return std::move(document_);
    return tl::unexpected<Error>(std::move(error_));
  }

 private:
  struct Open {
    JsonId value = 0;
    JsonId last = kNoJson;  // its last child so far
  };

  bool read_values() {
    for (;;) {
      if (!read_value()) return false;
      // Up to the place of the next value, or the end.
      for (bool fresh = opened_;; fresh = false) {
        skip_space();
        if (open_.empty()) return at_ == text_.size() || fail("more behind the value");
        const bool object = document_.values[open_.back().value].kind == Json::Kind::object;
        if (take(object ? '}' : ']')) {
          if (object && !keys_differ()) return false;
          open_.pop_back();
          continue;
        }
        if (!fresh && !take(','))
          return fail(object ? "',' or '}' is missing" : "',' or ']' is missing");
        if (object && !read_key()) return false;
        break;
      }
    }
  }

  bool read_value() {
    skip_space();
    opened_ = false;
    const std::size_t begin = at_;
    switch (at_ < text_.size() ? text_[at_] : '\0') {
      case '{':
        return open(Json::Kind::object);
      case '[':
        return open(Json::Kind::array);
      case '"': {
        Json* value = add(Json::Kind::string, begin);
        return value && read_string(value->text);
      }
      case 't':
        return read_word("true", Json::Kind::boolean, true);
      case 'f':
        return read_word("false", Json::Kind::boolean, false);
      case 'n':
        return read_word("null", Json::Kind::null, false);
      default:
        return read_number();
    }
  }

  Json* add(Json::Kind kind, std::size_t begin) {
    if (!fuel_.burn()) {
      error_ = fuel_.error(path()).value();
      return nullptr;
    }
    const auto id = static_cast<JsonId>(document_.values.size());
    if (!open_.empty()) {
      Open& parent = open_.back();
      Json& container = document_.values[parent.value];
      if (parent.last == kNoJson) container.child = id;
      else document_.values[parent.last].next = id;
      parent.last = id;
      ++container.count;
    }
    Json& value = document_.values.emplace_back();
    value.kind = kind;
    value.byte = begin;
    value.key.swap(key_);
    return &value;
  }

  bool open(Json::Kind kind) {
    if (open_.size() >= depth_max_) {
      return fail(ErrorCode::limit, "nests " + std::to_string(open_.size() + 1) +
                                        " deep; the limit is " + std::to_string(depth_max_) +
                                        " (grammar.depth_max)");
    }
    if (!add(kind, at_++)) return false;
    open_.push_back(Open{static_cast<JsonId>(document_.values.size() - 1), kNoJson});
    opened_ = true;
    return true;
  }

  bool read_word(std::string_view word, Json::Kind kind, bool truth) {
    if (text_.substr(at_, word.size()) != word) return fail("no value");
    Json* value = add(kind, at_);
    if (!value) return false;
    value->truth = truth;
    at_ += word.size();
    return true;
  }

  bool read_number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      return at_ > first;
    };
    const bool minus = take('-');
    const bool zero = take('0');
    if (!zero && !digits()) return fail(minus ? "a digit is missing" : "no value");
    if (take('.') && !digits()) return fail("a digit is missing");
    bool exponent = false;
    if (take('e') || take('E')) {
      exponent = true;
      if (!take('+')) take('-');
      if (!digits()) return fail("a digit is missing");
    }
    std::string number(text_.substr(begin, at_ - begin));
    if ((exponent || number.size() > 300) && std::isinf(std::strtod(number.c_str(), nullptr))) {
      return fail(ErrorCode::limit, "number at byte " + std::to_string(begin) +
                                        " is too large; the limit is 1.7976931348623157e308");
    }
    Json* value = add(Json::Kind::number, begin);
    if (!value) return false;
    value->text = std::move(number);
    return true;
  }

  bool read_key() {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != '"') return fail("a key is missing");
    if (!read_string(key_)) return false;
    skip_space();
    return take(':') || fail("':' is missing");
  }

  /// From quote to quote.
  bool read_string(std::string& out) {
    out.clear();
    ++at_;
    for (;;) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20) {
        const std::size_t length = utf8_length(text_.substr(at_, 4));
        if (length == 0) return fail("not UTF-8");
        at_ += length;
      }
      out.append(text_, begin, at_ - begin);
      if (at_ >= text_.size()) return fail("a string does not end");
      if (take('"')) return true;
      if (!take('\\')) return fail("a control character inside a string");
      if (!read_escape(out)) return false;
    }
  }

  bool read_escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    const char letter = at_ < text_.size() ? text_[at_] : '\0';
    const std::size_t simple = kLetters.find(letter);
    if (simple != std::string_view::npos) {
      out += kMeant[simple];
      ++at_;
      return true;
    }
    if (!take('u')) return fail("no escape");
    std::uint32_t point = 0;
    if (!read_hex(point)) return false;
    if (point >= 0xD800 && point < 0xDC00) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u')) return fail("half of a surrogate pair");
      if (!read_hex(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point <= 0xDFFF) {
      return fail("half of a surrogate pair");
    }
    append_utf8(out, point);
    return true;
  }

  bool read_hex(std::uint32_t& point) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const char lower = static_cast<char>(c | 0x20);
      if (!is_digit(c) && (lower < 'a' || lower > 'f')) return fail("four hex digits are missing");
      point = point * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return true;
  }

  /// Of the object that ends here.
  bool keys_differ() {
    const Json& object = document_.values[open_.back().value];
    keys_.clear();
    for (JsonId id = object.child; id != kNoJson; id = document_[id].next)
      keys_.push_back(document_[id].key);
    std::sort(keys_.begin(), keys_.end());
    const auto twin = std::adjacent_find(keys_.begin(), keys_.end());
    return twin == keys_.end() ||
           fail(ErrorCode::bad_json,
                "key \"" + shorten(spell_string(*twin), 64) + "\" is written twice; keep one");
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool fail(ErrorCode code, std::string what) {
    error_ = Error{code, std::move(what), path()};
    return false;
  }

  bool fail(std::string_view what) {
    return fail(ErrorCode::bad_json,
                "not JSON at byte " + std::to_string(at_) + ": " + std::string(what));
  }

  std::string path() const {
    std::string text = "$";
    for (std::size_t i = 1; i < open_.size(); ++i) {
      const Json& parent = document_[open_[i - 1].value];
      text = parent.kind == Json::Kind::array ? text + "[" + std::to_string(parent.count - 1) + "]"
                                              : path_key(text, document_[open_[i].value].key);
    }
    return text;
  }

  std::string_view text_;
  std::uint32_t depth_max_;
  Fuel& fuel_;
  std::size_t at_ = 0;
  JsonDocument document_;
  Error error_;
  std::vector<Open> open_;
  bool opened_ = false;  // the last value is a container that has just begun
  std::string key_;      // of the next value
  std::vector<std::string_view> keys_;
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
  if (!fuel.burn(text.size() / 64)) return fuel.error("$");
  return JsonReader(text, depth_max, fuel).read();
}

std::string spell_string(std::string_view text, Escapes escapes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  const auto unit = [&](std::uint32_t code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code >> shift & 15];
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const auto lead = static_cast<unsigned char>(c); escapes == Escapes::ascii && lead >= 0x7F) {
      const int tails = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
      std::uint32_t code = tails == 0 ? lead : lead & (0x3Fu >> tails);
      for (int tail = 0; tail < tails && i + 1 < text.size(); ++tail)
        code = code << 6 | (static_cast<unsigned char>(text[++i]) & 0x3Fu);
      if (code > 0xFFFF) unit(0xD7C0 + (code >> 10));  // U+10000 becomes D800 DC00
      unit(code > 0xFFFF ? 0xDC00 + (code & 0x3FF) : code);
      continue;
    }
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
    return refuse(ErrorCode::limit,
                  "holds a number whose exponent is beyond the limit of " +
                      std::to_string(Decimal::kExponentMax),
                  "$");
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
