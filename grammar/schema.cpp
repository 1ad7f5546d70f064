#include "grammar/schema.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "grammar/keywords.h"
#include "grammar/references.h"

namespace praxis::grammar {
namespace {

// A longer chain of $ref, allOf, not ... over one and the same value is refused.
constexpr std::uint32_t kChainMax = 256;
// Room made for schemas before the first is read; more come by doubling.
constexpr std::size_t kReserveMax = 4096;

/// Which resource each dynamic name leads to: the outermost one entered that has the anchor.
/// Interned; 0: none entered.
using ScopeId = std::uint32_t;

class Reader {
 public:
  Reader(Schemas& out, References& references, const SchemaLimits& limits, Fuel& fuel)
      : out_(out), references_(references), limits_(limits), fuel_(fuel) {}

  Result<void> read() {
    std::size_t places = 0;
    for (const Json& value : doc().values) {
      places += value.kind == Json::Kind::object || value.kind == Json::Kind::boolean;
      in_2019_items_ = in_2019_items_ || value.key == "unevaluatedItems";
    }
    out_.schemas.reserve(std::min(places, kReserveMax));
    sources_.reserve(std::min(places, kReserveMax));
    scope_ids_.emplace(std::vector<ResourceId>(references_.dynamic_names(), kNoResource), 0);
    scopes_.emplace_back(references_.dynamic_names(), kNoResource);
    if (references_.dynamic_names() == 0) ids_.assign(doc().values.size(), kNoSchema);
    if (auto root = schema_at(0, entered(0, 0), "$"); !root)
      return tl::unexpected<Error>(root.error());
    // Schemas that one refers to are appended as they are met: each reachable one is read once.
    for (SchemaId id = 0; id < out_.schemas.size(); ++id) {
      if (sources_[id].at == kNoJson) continue;
      Schema schema = std::move(out_.schemas[id]);
      source_ = sources_[id];
      draft_ = references_.draft(references_.resource_of(source_.at));
      if (auto ok = read_one(schema); !ok) return ok;
      out_.schemas[id] = std::move(schema);
    }
    return refers_ ? refuse_cycles() : Ok{};
  }

 private:
  using Ok = Result<void>;
  struct Source {
    JsonId at = kNoJson;  // kNoJson: made here, not written
    ScopeId scope = 0;
  };

  const JsonDocument& doc() const { return out_.document; }

  static tl::unexpected<Error> bad(std::string where, std::string what) {
    return refuse(ErrorCode::bad_schema, std::move(what), std::move(where));
  }

  // --- places

  /// The schema for `at`, its path made by `path` if it is new.
  template <class Path>
  Result<SchemaId> schema_at(JsonId at, ScopeId scope, const Path& path) {
    const auto fresh = static_cast<SchemaId>(out_.schemas.size());
    SchemaId& known =
        ids_.empty()
            ? ids_by_scope_.try_emplace(std::uint64_t{scope} << 32 | at, kNoSchema).first->second
            : ids_[at];
    if (known != kNoSchema) return known;
    Schema schema;
    if constexpr (std::is_invocable_v<Path>) schema.path = path();
    else schema.path = path;
    const auto kind = doc()[at].kind;
    if (kind != Json::Kind::object && kind != Json::Kind::boolean)
      return bad(std::move(schema.path), "must be a schema: an object or a boolean");
    if (fresh >= limits_.schemas_max) {
      return refuse(ErrorCode::limit,
                    "is schema number " + std::to_string(fresh + 1) + "; the limit is " +
                        std::to_string(limits_.schemas_max) + " (grammar.schemas_max)",
                    std::move(schema.path));
    }
    if (!fuel_.burn(1 + schema.path.size() / 64)) return fuel_.error(std::move(schema.path));
    known = fresh;
    out_.schemas.push_back(std::move(schema));
    sources_.push_back(Source{at, scope});
    return fresh;
  }

  /// A schema written below the one that is being read.
  Result<SchemaId> child(JsonId at, std::string path) {
    return schema_at(at, entered(source_.scope, at), std::move(path));
  }

  /// `scope` inside the resource that `at` lies in.
  ScopeId entered(ScopeId scope, JsonId at) {
    if (references_.dynamic_names() == 0) return 0;
    const ResourceId resource = references_.resource_of(at);
    const auto [step, unknown] = steps_.try_emplace(std::uint64_t{scope} << 32 | resource, 0);
    if (!unknown) return step->second;
    (void)fuel_.burn(references_.dynamic_names());  // if it is spent, schema_at() tells
    std::vector<ResourceId> leads = scopes_[scope];
    for (DynamicName name = 0; name < leads.size(); ++name) {
      if (leads[name] == kNoResource && references_.dynamic_anchor(resource, name) != kNoJson)
        leads[name] = resource;
    }
    const auto [known, fresh] =
        scope_ids_.try_emplace(std::move(leads), static_cast<ScopeId>(scopes_.size()));
    if (fresh) scopes_.push_back(known->first);
    return step->second = known->second;
  }

  SchemaId make(Schema schema) {
    out_.schemas.push_back(std::move(schema));
    sources_.push_back(Source{});
    return static_cast<SchemaId>(out_.schemas.size() - 1);
  }

  // --- one schema

  Ok read_one(Schema& schema) {
    const Json& value = doc()[source_.at];
    if (value.kind == Json::Kind::boolean) {
      schema.never = !value.truth;
      return {};
    }
    if (!fuel_.burn(value.count)) return fuel_.error(schema.path);
    if (draft_ <= 7) {  // a $ref stands alone, whatever is beside it
      const JsonId ref = doc().member(source_.at, "$ref");
      if (ref != kNoJson && doc()[ref].kind == Json::Kind::string)
        return read_keyword(schema, Word::ref, ref);
    }
    bool typed = false;
    for (JsonId id = value.child; id != kNoJson; id = doc()[id].next) {
      const Keyword* keyword = find_keyword(doc()[id].key, draft_);
      if (!keyword) continue;
      typed |= keyword->word == Word::type;
      if (auto ok = read_keyword(schema, keyword->word, id); !ok) return ok;
    }
    if (limits_.strict) close(schema, typed);
    return {};
  }

  Ok read_keyword(Schema& schema, Word word, JsonId id) {
    switch (word) {
      case Word::ref:
      case Word::dynamic_ref:
      case Word::recursive_ref:
        return read_ref(schema, word, id);
      case Word::type:
        return read_types(schema, id);
      case Word::enum_:
        return read_enum(schema, id);
      case Word::const_:
        return keep_values(schema, {id}, id);
      case Word::minimum:
        return read_limit(schema, schema.minimum, "exclusiveMinimum", id);
      case Word::maximum:
        return read_limit(schema, schema.maximum, "exclusiveMaximum", id);
      case Word::exclusive_minimum:
        return read_exclusive(schema, schema.exclusive_minimum, id);
      case Word::exclusive_maximum:
        return read_exclusive(schema, schema.exclusive_maximum, id);
      case Word::multiple_of:
        return read_multiple(schema, id);
      case Word::length_min:
        return read_count(schema, schema.length_min, id);
      case Word::length_max:
        return read_count(schema, schema.length_max, id);
      case Word::items_min:
        return read_count(schema, schema.items_min, id);
      case Word::items_max:
        return read_count(schema, schema.items_max, id);
      case Word::contains_min:
        return read_count(schema, schema.contains_min, id);
      case Word::contains_max:
        return read_count(schema, schema.contains_max, id);
      case Word::members_min:
        return read_count(schema, schema.members_min, id);
      case Word::members_max:
        return read_count(schema, schema.members_max, id);
      case Word::pattern:
        return read_text(schema, schema.pattern, id);
      case Word::format:
        return read_text(schema, schema.format, id);
      case Word::unique_items:
        return read_unique(schema, id);
      case Word::prefix_items:
        return read_list(schema, schema.prefix_items, id, true);
      case Word::items:
        return read_items(schema, id);
      case Word::additional_items:
        return read_additional_items(schema, id);
      case Word::contains:
        return read_contains(schema, id);
      case Word::unevaluated_items:
        return read_child(schema, schema.unevaluated_items, id);
      case Word::properties:
        return read_properties(schema, schema.properties, id);
      case Word::dependent_schemas:
        return read_properties(schema, schema.dependent_schemas, id);
      case Word::pattern_properties:
        return read_patterns(schema, id);
      case Word::additional:
        return read_child(schema, schema.additional, id);
      case Word::property_names:
        return read_child(schema, schema.property_names, id);
      case Word::required:
        return read_keys(schema, schema.required, id);
      case Word::dependencies:
      case Word::dependent_required:
        return read_dependencies(schema, word, id);
      case Word::unevaluated_properties:
        return read_child(schema, schema.unevaluated_properties, id);
      case Word::all_of:
        return read_list(schema, schema.all_of, id, false);
      case Word::any_of:
        return read_list(schema, schema.any_of.emplace_back(), id, false);
      case Word::one_of:
        return read_list(schema, schema.one_of.emplace_back(), id, false);
      case Word::not_:
        return read_child(schema, schema.negated, id);
      case Word::if_:
        return read_child(schema, schema.if_, id);
      case Word::then_:
        return read_branch(schema, schema.then_, id);
      case Word::else_:
        return read_branch(schema, schema.else_, id);
      case Word::definitions:
      case Word::content:
        return {};  // read where a reference asks for them
    }
    return {};
  }

  std::string where(const Schema& schema, JsonId id) const {
    return path_key(schema.path, doc()[id].key);
  }

  // --- schemas

  Ok read_child(Schema& schema, SchemaId& into, JsonId id) {
    return child(id, where(schema, id)).map([&](SchemaId read) { into = read; });
  }

  /// then and else say nothing without an if.
  Ok read_branch(Schema& schema, SchemaId& into, JsonId id) {
    if (doc().member(source_.at, "if") == kNoJson) return {};
    return read_child(schema, into, id);
  }

  /// Appends to `into`.
  Ok read_list(Schema& schema, std::vector<SchemaId>& into, JsonId id, bool may_be_empty) {
    const std::string path = where(schema, id);
    if (doc()[id].kind != Json::Kind::array || (doc()[id].count == 0 && !may_be_empty))
      return bad(path, may_be_empty ? "must be a list of schemas"
                                    : "must be a list of at least one schema");
    std::size_t index = 0;
    into.reserve(into.size() + doc()[id].count);
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next) {
      auto read = child(item, path + '[' + std::to_string(index++) + ']');
      if (!read) return tl::unexpected<Error>(read.error());
      into.push_back(*read);
    }
    return {};
  }

  Ok read_properties(Schema& schema, std::vector<Schema::Property>& into, JsonId id) {
    const std::string path = where(schema, id);
    if (doc()[id].kind != Json::Kind::object) return bad(path, "must be an object of schemas");
    into.reserve(into.size() + doc()[id].count);
    for (JsonId member = doc()[id].child; member != kNoJson; member = doc()[member].next) {
      auto read = child(member, path_key(path, doc()[member].key));
      if (!read) return tl::unexpected<Error>(read.error());
      into.push_back(Schema::Property{doc()[member].key, *read});
    }
    return {};
  }

  Ok read_patterns(Schema& schema, JsonId id) {
    std::vector<Schema::Property> read;
    if (auto ok = read_properties(schema, read, id); !ok) return ok;
    for (Schema::Property& property : read) {
      schema.pattern_properties.push_back(
          Schema::PatternProperty{std::move(property.key), property.schema});
    }
    return {};
  }

  /// A list was how drafts up to 2019-09 wrote prefixItems; nothing else can be meant by it.
  Ok read_items(Schema& schema, JsonId id) {
    if (doc()[id].kind != Json::Kind::array) return read_child(schema, schema.items, id);
    if (find_keyword("prefixItems", draft_) && doc().member(source_.at, "prefixItems") != kNoJson) {
      return bad(where(schema, id), "must be a schema beside prefixItems");
    }
    return read_list(schema, schema.prefix_items, id, true);
  }

  Ok read_additional_items(Schema& schema, JsonId id) {
    const JsonId items = doc().member(source_.at, "items");
    if (items == kNoJson || doc()[items].kind != Json::Kind::array) return {};
    return read_child(schema, schema.items, id);
  }

  /// In 2019-09 a match of contains leaves the item unevaluated (core 2019-09, section 9.3.1.3);
  /// 2020-12 changed that. What a double negation finds is found but not evaluated.
  Ok read_contains(Schema& schema, JsonId id) {
    if (draft_ != 2019 || !in_2019_items_) return read_child(schema, schema.contains, id);
    Schema found;
    found.path = schema.path;
    if (auto ok = read_child(schema, found.contains, id); !ok) return ok;
    for (const auto& [word, count] : {std::pair{"minContains", &found.contains_min},
                                      std::pair{"maxContains", &found.contains_max}}) {
      const JsonId bound = doc().member(source_.at, word);
      if (bound == kNoJson) continue;
      if (auto ok = read_count(schema, *count, bound); !ok) return ok;
    }
    Schema missed;
    missed.path = schema.path;
    missed.negated = make(std::move(found));
    Schema present;
    present.path = schema.path;
    present.negated = make(std::move(missed));
    schema.all_of.push_back(make(std::move(present)));
    return {};
  }

  /// dependencies: a schema or keys for each key; dependentRequired: keys alone.
  Ok read_dependencies(Schema& schema, Word word, JsonId id) {
    const std::string path = where(schema, id);
    if (doc()[id].kind != Json::Kind::object)
      return bad(path, "must be an object with a list of keys or a schema for each key");
    for (JsonId member = doc()[id].child; member != kNoJson; member = doc()[member].next) {
      const std::string& key = doc()[member].key;
      if (word == Word::dependent_required || doc()[member].kind == Json::Kind::array) {
        Schema::Requirement requirement;
        requirement.key = key;
        if (auto ok = read_keys(requirement.required, member, path_key(path, key)); !ok) return ok;
        schema.dependent_required.push_back(std::move(requirement));
        continue;
      }
      auto read = child(member, path_key(path, key));
      if (!read) return tl::unexpected<Error>(read.error());
      schema.dependent_schemas.push_back(Schema::Property{key, *read});
    }
    return {};
  }

  Ok read_ref(Schema& schema, Word word, JsonId id) {
    const std::string path = where(schema, id);
    if (doc()[id].kind != Json::Kind::string) return bad(path, "must be a string");
    refers_ = true;
    const ResourceId resource = references_.resource_of(source_.at);
    auto target = word == Word::recursive_ref
                      ? Result<Target>(references_.recursive(resource))
                      : references_.resolve(resource, doc()[id].text, path, fuel_);
    if (!target) return tl::unexpected<Error>(target.error());
    if (word != Word::ref && target->dynamic != kNoName) {
      const ResourceId outermost = scopes_[source_.scope][target->dynamic];
      if (outermost != kNoResource)
        target->at = references_.dynamic_anchor(outermost, target->dynamic);
    }
    const auto kind = doc()[target->at].kind;
    if (kind != Json::Kind::object && kind != Json::Kind::boolean)
      return bad(path, "points at something that is not a schema");
    return schema_at(target->at, entered(source_.scope, target->at),
                     [&] { return references_.path_of(target->at, fuel_); })
        .map([&](SchemaId read) { schema.all_of.push_back(read); });
  }

  // --- values

  Ok read_types(Schema& schema, JsonId id) {
    std::uint8_t types = 0;
    const auto add = [&](const Json& name) {
      if (name.kind != Json::Kind::string) return false;
      const std::uint8_t bit = name.text == "null"      ? kNull
                               : name.text == "boolean" ? kBoolean
                               : name.text == "number"  ? kNumber
                               : name.text == "integer" ? kInteger
                               : name.text == "string"  ? kString
                               : name.text == "array"   ? kArray
                               : name.text == "object"  ? kObject
                                                        : 0;
      types |= bit;
      return bit != 0;
    };
    bool known = true;
    if (doc()[id].kind == Json::Kind::array) {
      for (JsonId item = doc()[id].child; known && item != kNoJson; item = doc()[item].next)
        known = add(doc()[item]);
    } else {
      known = add(doc()[id]);
    }
    if (!known) {
      return bad(where(schema, id),
                 "must be null, boolean, number, integer, string, array or object, or a list of "
                 "these");
    }
    if (types & kNumber) types &= static_cast<std::uint8_t>(~kInteger);
    schema.types = types;
    return {};
  }

  Ok read_enum(Schema& schema, JsonId id) {
    if (doc()[id].kind != Json::Kind::array)
      return bad(where(schema, id), "must be a list of values");
    std::vector<JsonId> values;
    values.reserve(doc()[id].count);
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next)
      values.push_back(item);
    return keep_values(schema, std::move(values), id);
  }

  /// enum beside const: what is in both.
  Ok keep_values(Schema& schema, std::vector<JsonId> values, JsonId id) {
    if (schema.listed) {
      std::vector<std::string> texts;
      for (std::vector<JsonId>* list : {&schema.values, &values}) {
        std::vector<JsonId> kept;
        std::vector<std::string> seen;
        for (const JsonId value : *list) {
          auto text = canonical(doc(), value);
          if (!text) return refuse(text.error().code, text.error().what, where(schema, id));
          if (!fuel_.burn(1 + text->size() / 16)) return fuel_.error(where(schema, id));
          if (list == &values && !std::binary_search(texts.begin(), texts.end(), *text)) continue;
          kept.push_back(value);
          seen.push_back(std::move(*text));
        }
        *list = std::move(kept);
        texts = std::move(seen);
        std::sort(texts.begin(), texts.end());
      }
    }
    schema.listed = true;
    schema.values = std::move(values);
    return {};
  }

  Result<Decimal> read_number(const Schema& schema, JsonId id) {
    if (doc()[id].kind != Json::Kind::number) return bad(where(schema, id), "must be a number");
    auto value = Decimal::parse(doc()[id].text);
    if (!value) {
      return refuse(ErrorCode::limit,
                    "has an exponent beyond the limit of " + std::to_string(Decimal::kExponentMax),
                    where(schema, id));
    }
    return std::move(*value);
  }

  /// Beside a draft 4 `exclusiveMinimum: true` the limit is open.
  Ok read_limit(Schema& schema, std::optional<Limit>& limit, std::string_view flag, JsonId id) {
    auto value = read_number(schema, id);
    if (!value) return tl::unexpected<Error>(value.error());
    const JsonId exclusive = doc().member(source_.at, flag);
    const bool open = exclusive != kNoJson && doc()[exclusive].kind == Json::Kind::boolean &&
                      doc()[exclusive].truth;
    limit = Limit{std::move(*value), open};
    return {};
  }

  Ok read_exclusive(Schema& schema, std::optional<Limit>& limit, JsonId id) {
    if (doc()[id].kind == Json::Kind::boolean) return {};  // see read_limit
    return read_number(schema, id).map([&](Decimal value) {
      limit = Limit{std::move(value), true};
    });
  }

  Ok read_multiple(Schema& schema, JsonId id) {
    auto value = read_number(schema, id);
    if (!value) return tl::unexpected<Error>(value.error());
    if (value->negative || value->zero()) return bad(where(schema, id), "must be above 0");
    schema.multiple_of = std::move(*value);
    return {};
  }

  /// 2.0 is a count as well; beyond 32 bits there is no bound, or none that can be met.
  Ok read_count(const Schema& schema, std::uint32_t& count, JsonId id) {
    const auto number =
        doc()[id].kind == Json::Kind::number ? Decimal::parse(doc()[id].text) : std::nullopt;
    if (!number || number->negative || !number->integral())
      return bad(where(schema, id), "must be a whole number, at least 0");
    std::uint64_t n = 0;
    if (number->exponent > 10) n = kUnlimited;
    else
      for (const char digit : number->whole()) n = n * 10 + static_cast<std::uint64_t>(digit - '0');
    count = static_cast<std::uint32_t>(std::min<std::uint64_t>(n, kUnlimited));
    return {};
  }

  Ok read_text(const Schema& schema, std::optional<std::string>& text, JsonId id) {
    if (doc()[id].kind != Json::Kind::string) return bad(where(schema, id), "must be a string");
    text = doc()[id].text;
    return {};
  }

  Ok read_unique(Schema& schema, JsonId id) {
    if (doc()[id].kind != Json::Kind::boolean)
      return bad(where(schema, id), "must be true or false");
    schema.unique_items = doc()[id].truth;
    return {};
  }

  Ok read_keys(const Schema& schema, std::vector<std::string>& keys, JsonId id) {
    return read_keys(keys, id, where(schema, id));
  }

  /// Each key once, as validation, sections 6.5.3 and 6.5.4 have it; authors often repeat one.
  Ok read_keys(std::vector<std::string>& keys, JsonId id, const std::string& path) {
    if (doc()[id].kind != Json::Kind::array) return bad(path, "must be a list of keys");
    keys.reserve(doc()[id].count);
    std::unordered_set<std::string_view> known;
    for (JsonId item = doc()[id].child; item != kNoJson; item = doc()[item].next) {
      if (doc()[item].kind != Json::Kind::string) return bad(path, "must be a list of keys");
      if (known.insert(doc()[item].text).second) keys.push_back(doc()[item].text);
    }
    return {};
  }

  /// Strict: an object schema that is silent about other keys has none. A schema that only combines
  /// others leaves that to them.
  void close(Schema& schema, bool typed) {
    if (schema.additional != kNoSchema || schema.unevaluated_properties != kNoSchema) return;
    const bool combines = !schema.all_of.empty() || !schema.any_of.empty() ||
                          !schema.one_of.empty() || schema.if_ != kNoSchema;
    const bool names = !schema.properties.empty() || !schema.pattern_properties.empty();
    if (!names && (combines || !typed || !(schema.types & kObject))) return;
    if (never_ == kNoSchema) {
      Schema never;
      never.path = "strict";
      never.never = true;
      never_ = make(std::move(never));
    }
    schema.additional = never_;
  }

  // --- cycles

  /// What applies to the same value as `schema`.
  static std::vector<SchemaId> in_place(const Schema& schema) {
    std::vector<SchemaId> all = schema.all_of;
    for (const auto* lists : {&schema.any_of, &schema.one_of}) {
      for (const auto& list : *lists) all.insert(all.end(), list.begin(), list.end());
    }
    for (const SchemaId id : {schema.negated, schema.if_, schema.then_, schema.else_}) {
      if (id != kNoSchema) all.push_back(id);
    }
    for (const auto& property : schema.dependent_schemas) all.push_back(property.schema);
    return all;
  }

  /// Schemas over one value must come to an end, and soon.
  Ok refuse_cycles() {
    struct Visit {
      SchemaId id;
      std::vector<SchemaId> edges;
      std::uint32_t height;  // the longest chain found below, this schema included
    };
    constexpr std::uint32_t kFresh = 0, kOpen = ~0u;
    std::vector<std::uint32_t> heights(out_.schemas.size(), kFresh);
    std::vector<Visit> stack;
    const auto open = [&](SchemaId id) {
      heights[id] = kOpen;
      stack.push_back(Visit{id, in_place(out_[id]), 1});
    };
    for (SchemaId root = 0; root < out_.schemas.size(); ++root) {
      if (heights[root] == kFresh) open(root);
      while (!stack.empty()) {
        Visit& top = stack.back();
        if (!fuel_.burn()) return fuel_.error(out_[top.id].path);
        if (top.height > kChainMax) {
          return refuse(ErrorCode::limit,
                        "chains more schemas over one value than the limit of " +
                            std::to_string(kChainMax) + " ($ref, allOf, anyOf, not, ...)",
                        out_[top.id].path);
        }
        if (top.edges.empty()) {
          const std::uint32_t height = top.height;
          heights[top.id] = height;
          stack.pop_back();
          if (!stack.empty()) stack.back().height = std::max(stack.back().height, height + 1);
          continue;
        }
        const SchemaId next = top.edges.back();
        top.edges.pop_back();
        if (heights[next] == kOpen)
          return bad(out_[next].path,
                     "refers to itself for the same value; such a $ref never ends");
        if (heights[next] == kFresh) open(next);
        else top.height = std::max(top.height, heights[next] + 1);
      }
    }
    return {};
  }

  Schemas& out_;
  References& references_;
  const SchemaLimits& limits_;
  Fuel& fuel_;
  Source source_;  // of the schema that is being read
  Draft draft_ = kDraftNewest;
  bool in_2019_items_ = false;  // unevaluatedItems is written somewhere
  bool refers_ = false;
  std::vector<Source> sources_;
  std::vector<SchemaId> ids_;  // by JsonId; empty where dynamic scopes matter
  std::unordered_map<std::uint64_t, SchemaId> ids_by_scope_;
  std::map<std::vector<ResourceId>, ScopeId> scope_ids_;
  std::vector<std::vector<ResourceId>> scopes_;
  std::unordered_map<std::uint64_t, ScopeId> steps_;  // scope and resource: the scope inside
  SchemaId never_ = kNoSchema;
};

}  // namespace

Result<Schemas> read_schema(std::string_view text, const SchemaLimits& limits, Fuel& fuel) {
  auto document = read_json(text, limits.depth_max, fuel);
  if (!document) return tl::unexpected<Error>(document.error());
  Schemas schemas;
  schemas.document = std::move(*document);
  auto references = References::read(schemas.document, fuel);
  if (!references) return tl::unexpected<Error>(references.error());
  if (auto ok = Reader(schemas, *references, limits, fuel).read(); !ok)
    return tl::unexpected<Error>(ok.error());
  return schemas;
}

}  // namespace praxis::grammar
