#include "grammar/schema.h"

#include <algorithm>
#include <array>

namespace praxis::grammar {
namespace {

// A longer chain of $ref, anyOf and allOf over one and the same value is refused.
constexpr std::uint32_t kChainMax = 256;
// minLength and minItems above this fit no output.
constexpr std::uint64_t kLeastMax = 1u << 24;

constexpr std::array<std::string_view, 19> kFormats = {
    "date-time", "date",          "time", "duration",     "email",        "idn-email",
    "hostname",  "idn-hostname",  "ipv4", "ipv6",         "uri",          "uri-reference",
    "iri",       "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer",
    "regex"};

// Keywords that describe and never constrain.
constexpr std::array<std::string_view, 18> kAnnotations = {
    "title",           "description",      "default",       "examples", "example",     "$comment",
    "deprecated",      "readOnly",         "writeOnly",     "$defs",    "definitions", "$anchor",
    "contentEncoding", "contentMediaType", "contentSchema", "$schema",  "$id",         "id"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// The dialect that a $schema URI names: its year or draft number, or 0 for one that is not known.
int draft_of(std::string_view uri) {
  if (!uri.empty() && uri.back() == '#') uri.remove_suffix(1);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (uri.substr(0, scheme.size()) == scheme) uri.remove_prefix(scheme.size());
  }
  if (uri == "json-schema.org/draft/2020-12/schema" || uri == "json-schema.org/schema") return 2020;
  if (uri == "json-schema.org/draft/2019-09/schema") return 2019;
  if (uri == "json-schema.org/draft-07/schema") return 7;
  if (uri == "json-schema.org/draft-06/schema") return 6;
  if (uri == "json-schema.org/draft-04/schema") return 4;
  return 0;
}

class Reader {
 public:
  Reader(Schemas& out, const SchemaLimits& limits, Fuel& fuel)
      : out_(out), limits_(limits), fuel_(fuel) {}

  Result<void> read() {
    if (auto ok = read_draft(); !ok) return ok;
    out_.document.values.reserve(doc().values.size() +
                                 1);  // strict_source() must not move what indexes_ views
    schema_at(0, "$");
    // Schemas that one refers to are appended as they are met, so this visits each reachable one
    // once.
    for (SchemaId id = 0; id < out_.schemas.size(); ++id) {
      if (!fuel_.burn()) return fuel_.error(out_[id].path);
      Schema schema = std::move(out_.schemas[id]);
      if (auto ok = read_one(schema, sources_[id]); !ok) return ok;
      out_.schemas[id] = std::move(schema);
    }
    return refuse_cycles();
  }

 private:
  using Ok = Result<void>;
  const JsonDocument& doc() const { return out_.document; }

  static tl::unexpected<Error> bad(const std::string& where, std::string what) {
    return refuse(ErrorCode::bad_schema, std::move(what), where);
  }

  Ok read_draft() {
    const JsonId id = doc().member(0, "$schema");
    if (id == kNoJson) return {};
    draft_ = doc()[id].kind == Json::Kind::string ? draft_of(doc()[id].text) : 0;
    if (draft_ == 0) {
      return refuse(ErrorCode::unsupported,
                    "$schema names a dialect that is not covered; use draft 2020-12", "$.$schema");
    }
    return {};
  }

  SchemaId schema_at(JsonId source, std::string path) {
    const auto [known, fresh] =
        ids_.try_emplace(source, static_cast<SchemaId>(out_.schemas.size()));
    if (fresh) {
      Schema schema;
      schema.path = std::move(path);
      out_.schemas.push_back(std::move(schema));
      sources_.push_back(source);
    }
    return known->second;
  }

  Result<SchemaId> child(JsonId source, std::string path) {
    const auto kind = doc()[source].kind;
    if (kind != Json::Kind::object && kind != Json::Kind::boolean)
      return bad(path, "must be a schema: an object or a boolean");
    return schema_at(source, std::move(path));
  }

  Ok read_one(Schema& schema, JsonId source) {
    const Json& value = doc()[source];
    if (value.kind == Json::Kind::boolean) {
      schema.never = !value.truth;
      return {};
    }
    if (value.kind != Json::Kind::object)
      return bad(schema.path, "must be a schema: an object or a boolean");
    if (draft_ < 2019) {  // drafts up to 7: $ref stands alone, whatever is beside it
      if (const JsonId ref = doc().member(source, "$ref");
          ref != kNoJson && doc()[ref].kind == Json::Kind::string) {
        return read_keyword(schema, source, ref);
      }
    }
    for (JsonId id = value.child; id != kNoJson; id = doc()[id].next) {
      if (!fuel_.burn()) return fuel_.error(schema.path);
      if (auto ok = read_keyword(schema, source, id); !ok) return ok;
    }
    return read_exclusive(schema, source).and_then([&] { return close_if_strict(schema, source); });
  }

  Ok read_keyword(Schema& schema, JsonId source, JsonId id) {
    const Json& value = doc()[id];
    const std::string& word = value.key;
    const std::string where = path_key(schema.path, word);
    if (word == "type") return read_types(schema, id, where);
    if (word == "properties") return read_properties(schema, id, where);
    if (word == "required") return read_required(schema, id, where);
    if (word == "additionalProperties") {
      return child(id, where).map([&](SchemaId s) { schema.additional = s; });
    }
    if (word == "items") {
      if (value.kind == Json::Kind::array) {
        return refuse(ErrorCode::unsupported,
                      "items as a list of schemas is not covered; use one schema", where);
      }
      return child(id, where).map([&](SchemaId s) { schema.items = s; });
    }
    if (word == "enum") return read_values(schema, id, where);
    if (word == "const") return keep_values(schema, {id}, where);
    if (word == "anyOf") {
      return read_list(id, where).map(
          [&](std::vector<SchemaId> list) { schema.any.push_back(std::move(list)); });
    }
    if (word == "allOf") {
      return read_list(id, where).map([&](const std::vector<SchemaId>& list) {
        schema.all.insert(schema.all.end(), list.begin(), list.end());
      });
    }
    if (word == "$ref") return read_ref(schema, id, where);
    if (word == "minLength") return read_count(id, where, schema.length_min, true);
    if (word == "maxLength") return read_count(id, where, schema.length_max, false);
    if (word == "minItems") return read_count(id, where, schema.items_min, true);
    if (word == "maxItems") return read_count(id, where, schema.items_max, false);
    if (word == "minimum") return read_limit(schema.minimum, id, where, false, true);
    if (word == "maximum") return read_limit(schema.maximum, id, where, false, false);
    if (word == "exclusiveMinimum" || word == "exclusiveMaximum") {
      if (value.kind == Json::Kind::boolean) return {};  // draft 4: see read_exclusive
      const bool low = word == "exclusiveMinimum";
      return read_limit(low ? schema.minimum : schema.maximum, id, where, true, low);
    }
    if (word == "format") return read_format(id, where);
    if (word == "$schema" && source != 0) {
      if (value.kind == Json::Kind::string && draft_of(value.text) == draft_) return {};
      return refuse(ErrorCode::unsupported,
                    "$schema below the root changes the dialect; keep one dialect", where);
    }
    if ((word == "$id" || word == "id") && source != 0) {
      return refuse(ErrorCode::unsupported,
                    word + " below the root changes what $ref means; remove it", where);
    }
    if (contains(kAnnotations, word) || word.substr(0, 2) == "x-") return {};
    return refuse(ErrorCode::unsupported,
                  "keyword is not covered; remove it or say it with those that are", where);
  }

  Ok read_types(Schema& schema, JsonId id, const std::string& where) {
    std::uint8_t types = 0;
    bool number = false;
    bool integer = false;
    const auto add = [&](const Json& name) {
      if (name.kind != Json::Kind::string) return false;
      number = number || name.text == "number";
      integer = integer || name.text == "integer";
      const std::uint8_t bit = name.text == "null"                               ? kNull
                               : name.text == "boolean"                          ? kBoolean
                               : name.text == "number" || name.text == "integer" ? kNumber
                               : name.text == "string"                           ? kString
                               : name.text == "array"                            ? kArray
                               : name.text == "object"                           ? kObject
                                                                                 : 0;
      types |= bit;
      return bit != 0;
    };
    bool known = true;
    if (doc()[id].kind == Json::Kind::array) {
      for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next)
        known = known && add(doc()[item]);
    } else {
      known = add(doc()[id]);
    }
    if (!known)
      return bad(where,
                 "type must be null, boolean, number, integer, string, array or object, or a list "
                 "of these");
    schema.types = types;
    schema.integral = integer && !number;
    return {};
  }

  Ok read_properties(Schema& schema, JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::object) return bad(where, "must be an object of schemas");
    for (JsonId member = doc()[id].child; member != kNoJson; member = doc()[member].next) {
      if (!fuel_.burn()) return fuel_.error(where);
      const std::string key = doc()[member].key;
      auto property = child(member, path_key(where, key));
      if (!property) return tl::unexpected<Error>(property.error());
      schema.properties.push_back(Schema::Property{key, *property});
      schema.by_key.emplace(key, *property);
    }
    return {};
  }

  Ok read_required(Schema& schema, JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::array) return bad(where, "must be a list of keys");
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next) {
      if (doc()[item].kind != Json::Kind::string) return bad(where, "must be a list of keys");
      schema.required.push_back(doc()[item].text);
    }
    return {};
  }

  Result<std::vector<SchemaId>> read_list(JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::array || doc()[id].count == 0)
      return bad(where, "must be a list of at least one schema");
    std::vector<SchemaId> list;
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next) {
      if (!fuel_.burn()) return fuel_.error(where);
      auto branch = child(item, where + "[" + std::to_string(list.size()) + "]");
      if (!branch) return tl::unexpected<Error>(branch.error());
      list.push_back(*branch);
    }
    return list;
  }

  Ok read_values(Schema& schema, JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::array) return bad(where, "must be a list of values");
    std::vector<JsonId> values;
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next)
      values.push_back(item);
    return keep_values(schema, values, where);
  }

  /// enum beside const: what is in both.
  Ok keep_values(Schema& schema, const std::vector<JsonId>& values, const std::string& where) {
    std::vector<std::pair<std::string, JsonId>> kept;
    for (const JsonId id : values) {
      if (!fuel_.burn()) return fuel_.error(where);
      auto text = canonical(doc(), id);
      if (!text) return refuse(text.error().code, text.error().what, where);
      if (schema.listed &&
          !std::binary_search(schema.value_keys.begin(), schema.value_keys.end(), *text))
        continue;
      kept.emplace_back(std::move(*text), id);
    }
    schema.listed = true;
    schema.values.clear();
    schema.value_keys.clear();
    for (auto& [text, id] : kept) {
      schema.values.push_back(id);
      schema.value_keys.push_back(std::move(text));
    }
    std::sort(schema.value_keys.begin(), schema.value_keys.end());
    return {};
  }

  Ok read_count(JsonId id, const std::string& where, std::uint32_t& count, bool least) {
    const auto number =
        doc()[id].kind == Json::Kind::number ? Decimal::parse(doc()[id].text) : std::nullopt;
    if (!number || number->negative || !number->integral())
      return bad(where, "must be a whole number, at least 0");
    const std::string digits = number->whole();
    const std::uint64_t n = digits.size() > 10 ? ~0ull : digits.empty() ? 0 : std::stoull(digits);
    if (least && n > kLeastMax) {
      return refuse(ErrorCode::limit,
                    "asks for more than " + std::to_string(kLeastMax) + "; no output is that long",
                    where);
    }
    count = n >= kUnlimited ? kUnlimited : static_cast<std::uint32_t>(n);
    return {};
  }

  Ok read_limit(std::optional<Limit>& limit, JsonId id, const std::string& where, bool open,
                bool low) {
    if (doc()[id].kind != Json::Kind::number) return bad(where, "must be a number");
    auto value = Decimal::parse(doc()[id].text);
    if (!value) {
      return refuse(ErrorCode::limit,
                    "has an exponent beyond " + std::to_string(Decimal::kExponentMax), where);
    }
    // Beside each other the tighter one counts; of two equal ones, the open one.
    if (limit) {
      const auto order = low ? *value <=> limit->value : limit->value <=> *value;
      if (order < 0 || (order == 0 && !open)) return {};
    }
    limit = Limit{std::move(*value), open};
    return {};
  }

  /// Draft 4 writes exclusiveMinimum: true beside minimum.
  Ok read_exclusive(Schema& schema, JsonId source) {
    const auto flag = [&](std::string_view word) {
      const JsonId id = doc().member(source, word);
      return id != kNoJson && doc()[id].kind == Json::Kind::boolean && doc()[id].truth;
    };
    if (schema.minimum && flag("exclusiveMinimum")) schema.minimum->open = true;
    if (schema.maximum && flag("exclusiveMaximum")) schema.maximum->open = true;
    return {};
  }

  Ok read_format(JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::string) return bad(where, "must be a string");
    if (!contains(kFormats, doc()[id].text)) return {};  // an unknown format is an annotation
    return refuse(ErrorCode::unsupported,
                  "format " + doc()[id].text + " cannot be enforced yet; remove it", where);
  }

  /// "#" or "#/a/b": a JSON pointer into this document, percent-decoded.
  Ok read_ref(Schema& schema, JsonId id, const std::string& where) {
    if (doc()[id].kind != Json::Kind::string) return bad(where, "must be a string");
    const std::string& ref = doc()[id].text;
    if (ref.empty() || ref[0] != '#' || (ref.size() > 1 && ref[1] != '/')) {
      return refuse(ErrorCode::unsupported,
                    "only references into this document, \"#\" or \"#/...\", are covered", where);
    }
    JsonId target = 0;
    std::string path = "$";
    std::size_t at = 1;
    while (at < ref.size()) {
      const std::size_t stop = std::min(ref.find('/', at + 1), ref.size());
      const auto step = pointer_step(std::string_view(ref).substr(at + 1, stop - at - 1));
      if (!step) return bad(where, "is no JSON pointer");
      if (target != 0 && has_id(target)) {
        return refuse(ErrorCode::unsupported,
                      "points through a schema with its own $id; not covered", where);
      }
      target = descend(target, *step, path);
      if (!fuel_.burn(0)) return fuel_.error(where);
      if (target == kNoJson) return bad(where, "points at nothing in this document");
      at = stop;
    }
    if (!fuel_.burn(1 + ref.size() / 16)) return fuel_.error(where);
    auto found = child(target, std::move(path));
    if (!found) return bad(where, "points at something that is not a schema");
    schema.all.push_back(*found);
    return {};
  }

  bool has_id(JsonId object) {
    if (doc()[object].kind != Json::Kind::object) return false;
    for (const char* word : {"$id", "id"}) {
      const JsonId id = member_of(object, word);
      if (id != kNoJson && doc()[id].kind == Json::Kind::string) return true;
    }
    return false;
  }

  /// Many references may go through one object: its keys are indexed once.
  JsonId member_of(JsonId object, const std::string& key) {
    auto& members = indexes_[object];
    if (members.empty()) {
      if (!fuel_.burn(doc()[object].count)) return kNoJson;
      for (JsonId id = doc()[object].child; id != kNoJson; id = doc()[id].next)
        members.emplace(doc()[id].key, id);
    }
    const auto found = members.find(key);
    return found == members.end() ? kNoJson : found->second;
  }

  JsonId descend(JsonId parent, const std::string& step, std::string& path) {
    if (doc()[parent].kind == Json::Kind::object) {
      path = path_key(path, step);
      return member_of(parent, step);
    }
    if (doc()[parent].kind != Json::Kind::array || step.empty() || step.size() > 9) return kNoJson;
    if (step.find_first_not_of("0123456789") != std::string::npos ||
        (step.size() > 1 && step[0] == '0'))
      return kNoJson;
    JsonId id = doc()[parent].child;
    for (auto n = std::stoul(step); n > 0 && id != kNoJson; --n) id = doc()[id].next;
    path += "[" + step + "]";
    return id;
  }

  static std::optional<std::string> pointer_step(std::string_view text) {
    const auto hex = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        decoded += text[i];
        continue;
      }
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
      decoded += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    }
    std::string step;
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      if (decoded[i] != '~') {
        step += decoded[i];
        continue;
      }
      if (i + 1 >= decoded.size() || (decoded[i + 1] != '0' && decoded[i + 1] != '1'))
        return std::nullopt;
      step += decoded[++i] == '0' ? '~' : '/';
    }
    return step;
  }

  /// Strict: an object schema that is silent about other keys has none. A schema that only combines
  /// others (anyOf, allOf, $ref) leaves that to them.
  Ok close_if_strict(Schema& schema, JsonId source) {
    if (!limits_.strict || schema.additional) return {};
    const bool combines = !schema.all.empty() || !schema.any.empty();
    const bool typed = doc().member(source, "type") != kNoJson && (schema.types & kObject);
    if (schema.properties.empty() && (combines || !typed)) return {};
    if (!never_) {
      Schema never;
      never.path = "strict";
      never.never = true;
      never_ = static_cast<SchemaId>(out_.schemas.size());
      out_.schemas.push_back(std::move(never));
      sources_.push_back(strict_source());
    }
    schema.additional = never_;
    return {};
  }

  /// A `false` that the document does not hold: appended to it.
  JsonId strict_source() {
    Json value;
    value.kind = Json::Kind::boolean;
    out_.document.values.push_back(std::move(value));
    return static_cast<JsonId>(doc().values.size() - 1);
  }

  /// $ref, anyOf and allOf over one value must come to an end, and soon.
  Ok refuse_cycles() {
    struct Visit {
      SchemaId id;
      std::vector<SchemaId> edges;
      std::uint32_t height;  // the longest chain found below, this schema included
    };
    const auto visit = [&](SchemaId id) {
      Visit v{id, out_[id].all, 1};
      for (const auto& any : out_[id].any) v.edges.insert(v.edges.end(), any.begin(), any.end());
      return v;
    };
    constexpr std::uint32_t kFresh = 0, kOpen = ~0u;
    std::vector<std::uint32_t> heights(out_.schemas.size(), kFresh);
    for (SchemaId root = 0; root < out_.schemas.size(); ++root) {
      if (heights[root] != kFresh) continue;
      std::vector<Visit> stack;
      stack.push_back(visit(root));
      heights[root] = kOpen;
      while (!stack.empty()) {
        Visit& top = stack.back();
        if (top.height > kChainMax) {
          return refuse(ErrorCode::limit,
                        "chains more than " + std::to_string(kChainMax) + " $ref, anyOf and allOf",
                        out_[top.id].path);
        }
        if (top.edges.empty()) {
          heights[top.id] = top.height;
          const std::uint32_t height = top.height + 1;
          stack.pop_back();
          if (!stack.empty()) stack.back().height = std::max(stack.back().height, height);
          continue;
        }
        const SchemaId next = top.edges.back();
        top.edges.pop_back();
        if (!fuel_.burn()) return fuel_.error(out_[next].path);
        if (heights[next] == kOpen)
          return bad(out_[next].path,
                     "refers to itself for the same value; such a $ref never ends");
        if (heights[next] != kFresh) {
          top.height = std::max(top.height, heights[next] + 1);
        } else {
          heights[next] = kOpen;
          stack.push_back(visit(next));
        }
      }
    }
    return {};
  }

  Schemas& out_;
  const SchemaLimits& limits_;
  Fuel& fuel_;
  int draft_ = 2020;
  std::unordered_map<JsonId, SchemaId> ids_;
  std::vector<JsonId> sources_;
  std::unordered_map<JsonId, std::unordered_map<std::string_view, JsonId>> indexes_;
  std::optional<SchemaId> never_;
};

}  // namespace

Result<Schemas> read_schema(std::string_view text, const SchemaLimits& limits, Fuel& fuel) {
  auto document = read_json(text, limits.depth_max, fuel);
  if (!document) return tl::unexpected<Error>(document.error());
  Schemas schemas;
  schemas.document = std::move(*document);
  if (auto ok = Reader(schemas, limits, fuel).read(); !ok) return tl::unexpected<Error>(ok.error());
  return schemas;
}

}  // namespace praxis::grammar
