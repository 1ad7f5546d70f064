#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace praxis::grammar::test {

// ---- vocabularies
// --------------------------------------------------------------------------------

namespace {

constexpr int kUnused = 5;

const char* const kCorpus[] = {
    R"({"name":"Ada","age":36,"tags":["x","y"],"ok":true})",
    R"({"expression":"12*[3+4]","unit":null})",
    R"([{"a":1},{"a":2},{"b":[]},{"b":{}}])",
    R"({"query":"the weather in the north","limit":10})",
    R"({"city":"Kiel","country":"de","where":{"lat":54.3,"lon":10.1}})",
    "\n```json\n{\"a\":\"b\"}\n```",
    R"({"x":{"y":{"z":{"w":"deep"}}}})",
    R"(["","","",[[],[]]])",
    "the answer is the name of the city\n\n",
    R"({"false":false,"true":true,"null":null,"n":-1.5e10})",
    R"("","":"":"","a":"b","a":"c")",
};

std::vector<TokenId> bytes_as_ids(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(kControls + static_cast<std::uint8_t>(c));
  return ids;
}

using Pair = std::pair<TokenId, TokenId>;
using Ranks = std::map<Pair, TokenId>;  // pair -> merged id; lower ids merge first

void merge(std::vector<TokenId>& ids, Pair pair, TokenId merged) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < ids.size(); ++i, ++kept) {
    const bool both = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
    ids[kept] = both ? merged : ids[i];
    i += both;
  }
  ids.resize(kept);
}

std::vector<TokenId> bpe_encode(const Ranks& ranks, std::string_view text) {
  std::vector<TokenId> ids = bytes_as_ids(text);
  for (;;) {
    const Ranks::value_type* best = nullptr;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto known = ranks.find(Pair{ids[i], ids[i + 1]});
      if (known != ranks.end() && (!best || known->second < best->second)) best = &*known;
    }
    if (!best) return ids;
    merge(ids, best->first, best->second);
  }
}

std::vector<std::string> byte_table() {
  std::vector<std::string> bytes(kControls);
  for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
  return bytes;
}

}  // namespace

std::shared_ptr<const Vocabulary> byte_vocabulary() {
  static const auto vocabulary = std::make_shared<const Vocabulary>(byte_table(), bytes_as_ids);
  return vocabulary;
}

std::shared_ptr<const Vocabulary> bpe_vocabulary() {
  static const auto vocabulary = [] {
    std::vector<std::string> bytes = byte_table();
    std::vector<std::vector<TokenId>> texts;
    for (const char* text : kCorpus) texts.push_back(bytes_as_ids(text));
    Ranks ranks;
    for (int i = 0; i < 220; ++i) {
      std::map<Pair, int> counts;
      for (const auto& ids : texts) {
        for (std::size_t k = 0; k + 1 < ids.size(); ++k) ++counts[Pair{ids[k], ids[k + 1]}];
      }
      const auto best = std::max_element(counts.begin(), counts.end(),
                                         [](auto& a, auto& b) { return a.second < b.second; });
      const auto merged = static_cast<TokenId>(bytes.size());
      ranks[best->first] = merged;
      bytes.push_back(bytes[static_cast<std::size_t>(best->first.first)] +
                      bytes[static_cast<std::size_t>(best->first.second)]);
      for (auto& ids : texts) merge(ids, best->first, merged);
    }
    bytes.resize(bytes.size() + kUnused);
    return std::make_shared<const Vocabulary>(
        std::move(bytes), [ranks](std::string_view t) { return bpe_encode(ranks, t); });
  }();
  return vocabulary;
}

bool allowed(std::span<const std::uint32_t> bits, TokenId id) {
  return bits[static_cast<std::size_t>(id) / 32] >> (static_cast<std::size_t>(id) % 32) & 1;
}

std::vector<TokenId> allowed_tokens(const Vocabulary& vocabulary,
                                    std::span<const std::uint32_t> bits) {
  std::vector<TokenId> tokens;
  for (TokenId id = 0; id < static_cast<TokenId>(bits.size() * 32); ++id) {
    if (!allowed(bits, id)) continue;
    EXPECT_LT(id, static_cast<TokenId>(vocabulary.size()));
    tokens.push_back(id);
  }
  return tokens;
}

std::vector<std::uint32_t> mask_of(const Matcher& matcher, const Vocabulary& vocabulary,
                                   std::uint64_t bytes_max) {
  std::vector<std::uint32_t> bits(vocabulary.mask_words(), ~0u);  // whatever was there must go
  matcher.mask(bits, bytes_max);
  return bits;
}

std::string text_of(const Vocabulary& vocabulary, std::span<const TokenId> tokens) {
  std::string text;
  for (const TokenId id : tokens) text += vocabulary.bytes(id);
  return text;
}

std::shared_ptr<const Grammar> must_compile(std::string_view schema, const CompileOptions& options,
                                            std::shared_ptr<const Vocabulary> vocabulary) {
  auto grammar = compile(schema, std::move(vocabulary), options);
  if (!grammar) {
    ADD_FAILURE() << schema << "\n" << grammar.error().where << ": " << grammar.error().what;
    return must_compile("true");
  }
  return *grammar;
}

bool generates(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  Matcher matcher(grammar);
  for (const char c : text) {
    if (!matcher.accept_bytes(std::string_view(&c, 1))) return false;
  }
  return matcher.complete();
}

Walk random_walk(const std::shared_ptr<const Grammar>& grammar, const Vocabulary& vocabulary,
                 std::uint32_t tokens_max, std::mt19937& random) {
  Matcher matcher(grammar);
  Walk walk;
  while (true) {
    if (matcher.complete() &&
        (matcher.dead_end_only_stop() || walk.tokens == tokens_max || random() % 4 == 0))
      return walk;
    const std::uint32_t left = tokens_max - walk.tokens;
    const auto tokens = left == 0
                            ? std::vector<TokenId>{}
                            : allowed_tokens(vocabulary, mask_of(matcher, vocabulary, left - 1));
    if (tokens.empty()) {
      walk.dead = !matcher.complete();
      return walk;
    }
    const TokenId id = tokens[random() % tokens.size()];
    if (!matcher.accept(id)) {
      ADD_FAILURE() << "the mask allows what accept refuses: " << vocabulary.bytes(id) << " after "
                    << walk.text;
      walk.dead = true;
      return walk;
    }
    walk.text += vocabulary.bytes(id);
    ++walk.tokens;
  }
}

// ---- the checker
// ---------------------------------------------------------------------------------

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (kind == Kind::object && name == key) return &value;
  }
  return nullptr;
}

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool whole(Value& out) {
    spaces();
    if (!value(out, 0)) return false;
    spaces();
    return at_ == text_.size();
  }

 private:
  bool eat(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  void spaces() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') ++at_;
  }

  bool value(Value& out, int depth) {
    if (depth > 3000) return false;
    switch (peek()) {
      case 'n':
        return eat("null");
      case 't':
        out.kind = Value::Kind::boolean;
        out.truth = true;
        return eat("true");
      case 'f':
        out.kind = Value::Kind::boolean;
        return eat("false");
      case '"':
        out.kind = Value::Kind::string;
        return string(out.text);
      case '[':
        out.kind = Value::Kind::array;
        return list(out, depth, ']');
      case '{':
        out.kind = Value::Kind::object;
        return list(out, depth, '}');
      default:
        out.kind = Value::Kind::number;
        return number(out.text);
    }
  }

  bool list(Value& out, int depth, char close) {
    ++at_;
    spaces();
    if (peek() == close) return ++at_, true;
    std::set<std::string> keys;
    while (true) {
      std::string key;
      spaces();
      if (close == '}') {
        if (!string(key) || !keys.insert(key).second) return false;
        spaces();
        if (!eat(":")) return false;
        spaces();
      }
      out.members.emplace_back(key, Value{});
      if (!value(out.members.back().second, depth + 1)) return false;
      spaces();
      if (peek() == close) return ++at_, true;
      if (!eat(",")) return false;
    }
  }

  bool digits() {
    const auto from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > from;
  }
  bool number(std::string& out) {
    const auto from = at_;
    eat("-");
    if (!eat("0") && !digits()) return false;
    if (eat(".") && !digits()) return false;
    if (eat("e") || eat("E")) {
      if (!eat("+")) eat("-");
      if (!digits()) return false;
    }
    out = text_.substr(from, at_ - from);
    return true;
  }

  bool hex4(unsigned& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      unit = unit * 16 + static_cast<unsigned>(digit);
    }
    return true;
  }
  static void put(std::string& out, unsigned code) {
    const auto tail = [&](unsigned shift) {
      out += static_cast<char>(0x80 | (code >> shift & 63));
    };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }
  bool escape(std::string& out) {
    const int c = peek();
    ++at_;
    const std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    if (const auto i = c < 0 ? std::string_view::npos : names.find(static_cast<char>(c));
        i != std::string_view::npos) {
      out += values[i];
      return true;
    }
    unsigned code = 0, low = 0;
    if (c != 'u' || !hex4(code) || (code >= 0xDC00 && code < 0xE000)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (!eat("\\u") || !hex4(low) || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    put(out, code);
    return true;
  }
  /// One raw character: decoded, encoded again, and the same bytes.
  bool raw(std::string& out) {
    const int lead = peek();
    if (lead < 0x20) return false;
    const int more = lead < 0x80   ? 0
                     : lead < 0xC0 ? -1
                     : lead < 0xE0 ? 1
                     : lead < 0xF0 ? 2
                     : lead < 0xF8 ? 3
                                   : -1;
    if (more < 0 || at_ + static_cast<std::size_t>(more) >= text_.size() + (more == 0))
      return false;
    unsigned code =
        more == 0 ? static_cast<unsigned>(lead) : static_cast<unsigned>(lead) & (0x3Fu >> more);
    for (int i = 1; i <= more; ++i)
      code =
          code << 6 | (static_cast<unsigned char>(text_[at_ + static_cast<std::size_t>(i)]) & 63u);
    std::string again;
    put(again, code);
    if ((code >= 0xD800 && code < 0xE000) || code > 0x10FFFF || !eat(again)) return false;
    out += again;
    return true;
  }
  bool string(std::string& out) {
    if (!eat("\"")) return false;
    while (!eat("\"")) {
      if (peek() == '\\' ? (++at_, !escape(out)) : !raw(out)) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Sign, digits before the point, digits after it; exponent applied.
struct Plain {
  bool negative = false;
  std::string whole, fraction;
};

Plain expand(std::string_view text) {
  Plain p;
  p.negative = text[0] == '-';
  if (p.negative) text.remove_prefix(1);
  long exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    exponent = std::stol(std::string(text.substr(e + 1)));
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  p.whole = text.substr(0, point);
  if (point != std::string_view::npos) p.fraction = text.substr(point + 1);
  for (; exponent > 0; --exponent) {
    p.whole += p.fraction.empty() ? '0' : p.fraction[0];
    if (!p.fraction.empty()) p.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    p.fraction.insert(p.fraction.begin(), p.whole.empty() ? '0' : p.whole.back());
    if (!p.whole.empty()) p.whole.pop_back();
  }
  while (!p.fraction.empty() && p.fraction.back() == '0') p.fraction.pop_back();
  p.whole.erase(0, std::min(p.whole.find_first_not_of('0'), p.whole.size()));
  if (p.whole.empty() && p.fraction.empty()) p.negative = false;
  return p;
}

bool integral(std::string_view number) { return expand(number).fraction.empty(); }

bool equal(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Value::Kind::null:
      return true;
    case Value::Kind::boolean:
      return a.truth == b.truth;
    case Value::Kind::number:
      return compare_numbers(a.text, b.text) == 0;
    case Value::Kind::string:
      return a.text == b.text;
    case Value::Kind::array:
    case Value::Kind::object:
      break;
  }
  if (a.members.size() != b.members.size()) return false;
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    const Value* other =
        a.kind == Value::Kind::array ? &b.members[i].second : b.find(a.members[i].first);
    if (!other || !equal(a.members[i].second, *other)) return false;
  }
  return true;
}

bool is_type(std::string_view type, const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return type == "null";
    case Value::Kind::boolean:
      return type == "boolean";
    case Value::Kind::number:
      return type == "number" || (type == "integer" && integral(value.text));
    case Value::Kind::string:
      return type == "string";
    case Value::Kind::array:
      return type == "array";
    case Value::Kind::object:
      return type == "object";
  }
  return false;
}

std::string unescaped(std::string_view step) {
  std::string out;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '%') {
      out += static_cast<char>(std::stoi(std::string(step.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else if (step[i] == '~') {
      out += step[++i] == '0' ? '~' : '/';
    } else {
      out += step[i];
    }
  }
  return out;
}

const Value& pointed(const Value& root, std::string_view ref) {
  const Value* at = &root;
  std::size_t from = 2;
  while (from <= ref.size() && ref.size() > 1) {
    const auto stop = std::min(ref.find('/', from), ref.size());
    const std::string step = unescaped(ref.substr(from, stop - from));
    at = at->kind == Value::Kind::array ? &at->members.at(std::stoul(step)).second : at->find(step);
    from = stop + 1;
  }
  return *at;
}

long characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

bool list_of(const Value& list, const std::function<bool(const Value&)>& any) {
  return std::any_of(list.members.begin(), list.members.end(),
                     [&](const auto& m) { return any(m.second); });
}

bool object_conforms(const Value& schema, const Value& value, const Value& root) {
  const Value* properties = schema.find("properties");
  const Value* additional = schema.find("additionalProperties");
  for (const auto& [key, member] : value.members) {
    const Value* own = properties ? properties->find(key) : nullptr;
    if (own ? !conforms(*own, member, root) : additional && !conforms(*additional, member, root))
      return false;
  }
  const Value* required = schema.find("required");
  return !required || !list_of(*required, [&](const Value& key) { return !value.find(key.text); });
}

}  // namespace

bool parse(std::string_view text, Value& out) {
  out = Value();
  return Parser(text).whole(out);
}

int compare_numbers(std::string_view a, std::string_view b) {
  Plain x = expand(a), y = expand(b);
  if (x.negative != y.negative) return x.negative ? -1 : 1;
  const auto whole = std::max(x.whole.size(), y.whole.size()),
             fraction = std::max(x.fraction.size(), y.fraction.size());
  for (Plain* p : {&x, &y}) {
    p->whole.insert(0, whole - p->whole.size(), '0');
    p->fraction.resize(fraction, '0');
  }
  const int order = (x.whole + x.fraction).compare(y.whole + y.fraction);
  const int sign = order < 0 ? -1 : order > 0 ? 1 : 0;
  return x.negative ? -sign : sign;
}

bool conforms(const Value& schema, const Value& value, const Value& root) {
  if (schema.kind == Value::Kind::boolean) return schema.truth;
  const auto number = [&](const char* word, auto holds) {
    const Value* bound = schema.find(word);
    return !bound || holds(compare_numbers(value.text, bound->text));
  };
  const auto count = [&](const char* least, const char* most, long n) {
    const std::string text = std::to_string(n);
    const Value *low = schema.find(least), *high = schema.find(most);
    return (!low || compare_numbers(text, low->text) >= 0) &&
           (!high || compare_numbers(text, high->text) <= 0);
  };
  if (const Value* ref = schema.find("$ref");
      ref && !conforms(pointed(root, ref->text), value, root))
    return false;
  if (const Value* type = schema.find("type")) {
    const bool one = type->kind == Value::Kind::string;
    if (one ? !is_type(type->text, value)
            : !list_of(*type, [&](const Value& t) { return is_type(t.text, value); }))
      return false;
  }
  if (const Value* values = schema.find("enum");
      values && !list_of(*values, [&](const Value& v) { return equal(v, value); }))
    return false;
  if (const Value* only = schema.find("const"); only && !equal(*only, value)) return false;
  if (const Value* any = schema.find("anyOf");
      any && !list_of(*any, [&](const Value& s) { return conforms(s, value, root); }))
    return false;
  if (const Value* all = schema.find("allOf");
      all && list_of(*all, [&](const Value& s) { return !conforms(s, value, root); }))
    return false;
  switch (value.kind) {
    case Value::Kind::number:
      return number("minimum", [](int o) { return o >= 0; }) &&
             number("maximum", [](int o) { return o <= 0; }) &&
             number("exclusiveMinimum", [](int o) { return o > 0; }) &&
             number("exclusiveMaximum", [](int o) { return o < 0; });
    case Value::Kind::string:
      return count("minLength", "maxLength", characters(value.text));
    case Value::Kind::array: {
      const Value* items = schema.find("items");
      return count("minItems", "maxItems", static_cast<long>(value.members.size())) &&
             (!items ||
              !list_of(value, [&](const Value& item) { return !conforms(*items, item, root); }));
    }
    case Value::Kind::object:
      return object_conforms(schema, value, root);
    default:
      return true;
  }
}

bool conforms(std::string_view schema, std::string_view text) {
  Value s, v;
  return parse(schema, s) && parse(text, v) && conforms(s, v, s);
}

}  // namespace praxis::grammar::test
