#include "grammar/validate.h"

#include <algorithm>
#include <unordered_map>

#include "grammar/formats.h"
#include "grammar/pattern.h"

namespace praxis::grammar {
namespace {

// Schemas nested in each other over values nested in each other; each takes about 0.5 KB of stack,
// and up to 4 KB under sanitizers.
constexpr std::uint32_t kNestingMax = 1024;

std::uint64_t code_points(std::string_view utf8) {
  return static_cast<std::uint64_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// Is a/b an integer? Both as digit texts without leading zeros, `zeros` appended to a. Long
/// division that keeps the remainder only.
bool divides(std::string_view b, std::string_view a, std::uint64_t zeros) {
  std::string rest;
  const auto less = [&] {
    return rest.size() != b.size() ? rest.size() < b.size() : std::string_view(rest) < b;
  };
  for (std::uint64_t i = 0; i < a.size() + zeros; ++i) {
    if (!rest.empty() || (i < a.size() && a[i] != '0')) rest += i < a.size() ? a[i] : '0';
    while (!less()) {
      int borrow = 0;
      for (std::size_t k = 1; k <= rest.size(); ++k) {
        const int taken = k <= b.size() ? b[b.size() - k] - '0' : 0;
        int digit = rest[rest.size() - k] - '0' - taken - borrow;
        borrow = digit < 0;
        digit += borrow * 10;
        rest[rest.size() - k] = static_cast<char>('0' + digit);
      }
      rest.erase(0, std::min(rest.find_first_not_of('0'), rest.size()));
    }
    if (rest.empty() && i >= a.size()) return true;  // only zeros are left
  }
  return rest.empty();
}

}  // namespace

struct Texts {
  struct Own {  // of one schema
    std::optional<LanguageId> pattern, format;
    std::vector<LanguageId> pattern_properties;
    std::vector<std::pair<std::string_view, SchemaId>> properties;  // sorted by key
    std::vector<std::string> values;                                // canonical, sorted
  };

  explicit Texts(const Schemas& read) : schemas(read), own(read.schemas.size()) {}

  Result<void> make(Fuel& fuel);

  const Schemas& schemas;
  Languages languages;
  std::vector<Own> own;
};

Result<void> Texts::make(Fuel& fuel) {
  std::unordered_map<std::string_view, LanguageId> patterns;
  const auto compiled = [&](std::string_view text, const std::string& where) -> Result<LanguageId> {
    const auto known = patterns.find(text);
    if (known != patterns.end()) return known->second;
    auto language = pattern(languages, text, where, fuel);
    if (language) patterns.emplace(text, *language);
    return language;
  };
  for (SchemaId id = 0; id < own.size(); ++id) {
    const Schema& schema = schemas[id];
    Own& texts = own[id];
    if (!fuel.burn(1 + schema.properties.size() + schema.values.size()))
      return fuel.error(schema.path);
    if (schema.pattern) {
      auto language = compiled(*schema.pattern, path_key(schema.path, "pattern"));
      if (!language) return tl::unexpected<Error>(language.error());
      texts.pattern = *language;
    }
    if (schema.format) {
      auto language = format(languages, *schema.format, path_key(schema.path, "format"), fuel);
      if (!language) return tl::unexpected<Error>(language.error());
      texts.format = *language;
    }
    for (const auto& property : schema.pattern_properties) {
      const std::string where =
          path_key(path_key(schema.path, "patternProperties"), property.pattern);
      auto language = compiled(property.pattern, where);
      if (!language) return tl::unexpected<Error>(language.error());
      texts.pattern_properties.push_back(*language);
    }
    for (const auto& property : schema.properties)
      texts.properties.emplace_back(property.key, property.schema);
    std::sort(texts.properties.begin(), texts.properties.end());
    for (const JsonId value : schema.values) {
      auto text = canonical(schemas.document, value);
      if (!text) return refuse(text.error().code, text.error().what, schema.path);
      if (!fuel.burn(text->size() / 16)) return fuel.error(schema.path);
      texts.values.push_back(std::move(*text));
    }
    std::sort(texts.values.begin(), texts.values.end());
  }
  return {};
}

namespace {

/// Which children of one value some schema has evaluated (2020-12 core, section 7.7.1).
using Marks = std::vector<bool>;

struct Fault {
  SchemaId schema = kNoSchema;
  std::string_view keyword;  // of static storage; empty: the schema `false`
  JsonId value = kNoJson;
  std::uint32_t depth = 0;  // of the value
};

class Judge {
 public:
  Judge(Texts& texts, const JsonDocument& document, Fuel& fuel)
      : texts_(texts), schemas_(texts.schemas), document_(document), fuel_(fuel) {}

  /// Does `value` satisfy schema `id`? If so, what it evaluates is added to `marks`, if wanted. If
  /// not, or if error() is set, false.
  bool admits(SchemaId id, JsonId value, Marks* marks = nullptr) {
    if (error_) return false;
    // One schema can meet one value along many ways; without marks, once is enough.
    const std::uint64_t key = std::uint64_t{id} << 32 | value;
    if (!marks) {
      const auto known = known_.find(key);
      if (known != known_.end()) {
        if (!known->second.admitted) fault_ = known->second.fault;
        return known->second.admitted;
      }
    }
    if (!burn(id, 1)) return false;
    if (nesting_ >= kNestingMax) return too_deep(id);
    ++nesting_;
    const bool admitted = judge(id, value, marks);
    --nesting_;
    if (!marks && !error_) known_[key] = Verdict{admitted, admitted ? Fault{} : fault_};
    return admitted;
  }

  const std::optional<Error>& error() const { return error_; }

  Failure failure() const {
    Failure failure;
    const std::string& path = schemas_[fault_.schema].path;
    failure.schema_path = fault_.keyword.empty() ? path : path_key(path, fault_.keyword);
    failure.instance_path = instance_path(fault_.value);
    failure.byte = document_[fault_.value].byte;
    return failure;
  }

 private:
  struct Verdict {
    bool admitted = false;
    Fault fault;
  };

  // Kept out of each other: the locals of one would lie in the frames of all that recurse.

  [[gnu::noinline]] bool fail(Error why) {
    if (!error_) error_ = std::move(why);
    return false;
  }

  [[gnu::noinline]] bool spent(SchemaId id) { return fail(fuel_.error(schemas_[id].path).value()); }

  [[gnu::noinline]] bool too_deep(SchemaId id) {
    return fail(Error{ErrorCode::limit,
                      "needs more schemas inside each other for this value than the limit of " +
                          std::to_string(kNestingMax) + "; make it flatter",
                      schemas_[id].path});
  }

  bool burn(SchemaId id, std::uint64_t steps) { return fuel_.burn(steps) || spent(id); }

  bool miss(SchemaId id, std::string_view keyword, JsonId value) {
    fault_ = Fault{id, keyword, value, depth_};
    return false;
  }

  /// The children of `value` are one deeper.
  bool admits_child(SchemaId id, JsonId child) {
    ++depth_;
    const bool admitted = admits(id, child);
    --depth_;
    return admitted;
  }

  [[gnu::noinline]] bool judge(SchemaId id, JsonId at, Marks* outer) {
    const Schema& schema = schemas_[id];
    const Json& value = document_[at];
    if (schema.never) return miss(id, "", at);
    if (!typed(schema, value)) return miss(id, "type", at);
    if (schema.listed && !listed(id, at)) return false;
    const bool unevaluated =
        schema.unevaluated_items != kNoSchema || schema.unevaluated_properties != kNoSchema;
    Marks own;
    Marks* marks = nullptr;
    if ((outer || unevaluated) && value.count > 0) {
      own.resize(value.count);
      marks = &own;
    }
    const bool shaped = value.kind == Json::Kind::number   ? number(id, at)
                        : value.kind == Json::Kind::string ? string(id, at)
                        : value.kind == Json::Kind::array  ? array(id, at, marks)
                        : value.kind == Json::Kind::object ? object(id, at, marks)
                                                           : true;
    if (!shaped || !combined(id, at, marks)) return false;
    if (unevaluated && marks && !rest(id, at, own)) return false;
    if (outer && marks) merge(own, *outer);
    return !error_;
  }

  static void merge(const Marks& from, Marks& into) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (from[i]) into[i] = true;
    }
  }

  [[gnu::noinline]] bool typed(const Schema& schema, const Json& value) {
    switch (value.kind) {
      case Json::Kind::null:
        return schema.types & kNull;
      case Json::Kind::boolean:
        return schema.types & kBoolean;
      case Json::Kind::string:
        return schema.types & kString;
      case Json::Kind::array:
        return schema.types & kArray;
      case Json::Kind::object:
        return schema.types & kObject;
      case Json::Kind::number:
        break;
    }
    if (schema.types & kNumber) return true;
    if (!(schema.types & kInteger)) return false;
    const auto number = decimal(value);
    return number && number->integral();
  }

  std::optional<Decimal> decimal(const Json& value) {
    auto number = Decimal::parse(value.text);
    if (!number) {
      fail(Error{ErrorCode::limit,
                 "holds a number whose exponent is beyond the limit of " +
                     std::to_string(Decimal::kExponentMax),
                 "$"});
    }
    return number;
  }

  [[gnu::noinline]] bool listed(SchemaId id, JsonId at) {
    auto text = canonical(document_, at);
    if (!text) return fail(text.error());
    if (!burn(id, text->size() / 16)) return false;
    const auto& values = texts_.own[id].values;
    if (std::binary_search(values.begin(), values.end(), *text)) return true;
    // Only the value of const has a key.
    const auto& stated = schemas_[id].values;
    const bool constant = stated.size() == 1 && schemas_.document[stated[0]].key == "const";
    return miss(id, constant ? "const" : "enum", at);
  }

  // --- scalars

  [[gnu::noinline]] bool number(SchemaId id, JsonId at) {
    const Schema& schema = schemas_[id];
    if (!schema.minimum && !schema.maximum && !schema.exclusive_minimum &&
        !schema.exclusive_maximum && !schema.multiple_of)
      return true;
    const auto number = decimal(document_[at]);
    if (!number) return false;
    const auto within = [&](const std::optional<Limit>& limit, int side) {
      if (!limit) return true;
      const auto order = *number <=> limit->value;
      return order == 0 ? !limit->open : (order > 0) == (side > 0);
    };
    if (!within(schema.minimum, 1)) return miss(id, "minimum", at);
    if (!within(schema.exclusive_minimum, 1)) return miss(id, "exclusiveMinimum", at);
    if (!within(schema.maximum, -1)) return miss(id, "maximum", at);
    if (!within(schema.exclusive_maximum, -1)) return miss(id, "exclusiveMaximum", at);
    if (!schema.multiple_of || number->zero()) return true;
    const Decimal& of = *schema.multiple_of;
    // Digits times a power of ten each. No last digit is 0, so a number with the smaller power is
    // no multiple of one with the larger.
    const auto power = [](const Decimal& d) {
      return d.exponent - static_cast<std::int64_t>(d.digits.size());
    };
    const std::int64_t zeros = power(*number) - power(of);
    const bool multiple = zeros >= 0 && [&] {
      const auto steps =
          (number->digits.size() + static_cast<std::uint64_t>(zeros)) * (1 + of.digits.size() / 8);
      if (!burn(id, 1 + steps / 16)) return false;
      return divides(of.digits, number->digits, static_cast<std::uint64_t>(zeros));
    }();
    return multiple || miss(id, "multipleOf", at);
  }

  bool matches(LanguageId language, std::string_view text, SchemaId id) {
    if (!burn(id, 1 + text.size() / 4)) return false;
    const bool full = texts_.languages.exhausted();
    if (texts_.languages.matches(language, text)) return true;
    // A store that became full on the way has said no to all that it did not know yet.
    if (!full && texts_.languages.exhausted())
      error_ = Error{ErrorCode::limit, "its pattern needs more states than are kept; simplify it",
                     schemas_[id].path};
    return false;
  }

  [[gnu::noinline]] bool string(SchemaId id, JsonId at) {
    const Schema& schema = schemas_[id];
    const std::string& text = document_[at].text;
    if (schema.length_min > 0 || schema.length_max != kUnlimited) {
      const std::uint64_t length = code_points(text);
      if (length < schema.length_min) return miss(id, "minLength", at);
      if (schema.length_max != kUnlimited && length > schema.length_max)
        return miss(id, "maxLength", at);
    }
    const Texts::Own& own = texts_.own[id];
    if (own.pattern && !matches(*own.pattern, text, id)) return miss(id, "pattern", at);
    if (own.format && schema.format && !matches(*own.format, text, id))
      return miss(id, "format", at);
    return true;
  }

  // --- containers

  [[gnu::noinline]] bool array(SchemaId id, JsonId at, Marks* marks) {
    const Schema& schema = schemas_[id];
    const Json& value = document_[at];
    if (value.count < schema.items_min) return miss(id, "minItems", at);
    if (value.count > schema.items_max) return miss(id, "maxItems", at);
    std::size_t index = 0;
    std::uint32_t found = 0;
    for (JsonId item = value.child; item != kNoJson; item = document_[item].next, ++index) {
      const SchemaId stated =
          index < schema.prefix_items.size() ? schema.prefix_items[index] : schema.items;
      if (stated != kNoSchema) {
        if (!admits_child(stated, item)) return false;
        if (marks) (*marks)[index] = true;
      }
      if (schema.contains != kNoSchema && admits_child(schema.contains, item)) {
        ++found;
        if (marks) (*marks)[index] = true;
      }
      if (error_) return false;
    }
    if (schema.contains != kNoSchema) {
      if (found < schema.contains_min)
        return miss(id, schema.contains_min == 1 ? "contains" : "minContains", at);
      if (found > schema.contains_max) return miss(id, "maxContains", at);
    }
    return !schema.unique_items || unique(id, at);
  }

  [[gnu::noinline]] bool unique(SchemaId id, JsonId at) {
    std::vector<std::pair<std::string, JsonId>> texts;
    for (JsonId item = document_[at].child; item != kNoJson; item = document_[item].next) {
      auto text = canonical(document_, item);
      if (!text) return fail(text.error());
      if (!burn(id, 1 + text->size() / 16)) return false;
      texts.emplace_back(std::move(*text), item);
    }
    std::sort(texts.begin(), texts.end());
    const auto twin =
        std::adjacent_find(texts.begin(), texts.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; });
    return twin == texts.end() || miss(id, "uniqueItems", std::next(twin)->second);
  }

  bool has(JsonId object, const std::string& key, SchemaId id) {
    return burn(id, 1 + document_[object].count / 16) && document_.member(object, key) != kNoJson;
  }

  [[gnu::noinline]] bool object(SchemaId id, JsonId at, Marks* marks) {
    const Schema& schema = schemas_[id];
    const Json& value = document_[at];
    if (value.count < schema.members_min) return miss(id, "minProperties", at);
    if (value.count > schema.members_max) return miss(id, "maxProperties", at);
    for (const std::string& key : schema.required) {
      if (!has(at, key, id)) return miss(id, "required", at);
    }
    for (const auto& requirement : schema.dependent_required) {
      if (!has(at, requirement.key, id)) continue;
      for (const std::string& key : requirement.required) {
        if (!has(at, key, id)) return miss(id, "dependentRequired", at);
      }
    }
    std::size_t index = 0;
    for (JsonId member = value.child; member != kNoJson; member = document_[member].next, ++index) {
      bool evaluated = false;
      if (!admits_member(id, member, evaluated)) return false;
      if (evaluated && marks) (*marks)[index] = true;
      if (schema.property_names != kNoSchema && !names(id, member)) return false;
    }
    return !error_;
  }

  /// `evaluated`: some keyword had a schema for it.
  [[gnu::noinline]] bool admits_member(SchemaId id, JsonId member, bool& evaluated) {
    const Schema& schema = schemas_[id];
    const Texts::Own& own = texts_.own[id];
    const std::string& key = document_[member].key;
    const auto named = std::lower_bound(
        own.properties.begin(), own.properties.end(), key,
        [](const auto& property, const std::string& wanted) { return property.first < wanted; });
    if (named != own.properties.end() && named->first == key) {
      evaluated = true;
      if (!admits_child(named->second, member)) return false;
    }
    for (std::size_t i = 0; i < schema.pattern_properties.size(); ++i) {
      if (!matches(own.pattern_properties[i], key, id)) {
        if (error_) return false;
        continue;
      }
      evaluated = true;
      if (!admits_child(schema.pattern_properties[i].schema, member)) return false;
    }
    if (evaluated || schema.additional == kNoSchema) return !error_;
    evaluated = true;
    return admits_child(schema.additional, member);
  }

  /// propertyNames sees a key as a string of its own.
  [[gnu::noinline]] bool names(SchemaId id, JsonId member) {
    JsonDocument name;
    Json text;
    text.kind = Json::Kind::string;
    text.text = document_[member].key;
    name.values.push_back(std::move(text));
    Judge judge(texts_, name, fuel_);
    judge.nesting_ = nesting_;
    if (judge.admits(schemas_[id].property_names, 0)) return true;
    if (judge.error_) return fail(*judge.error_);
    ++depth_;
    miss(id, "propertyNames", member);
    --depth_;
    return false;
  }

  // --- schemas over the same value

  /// Of several faults the one that lies deepest in the value says most.
  static void keep_deepest(Fault& best, const Fault& fault) {
    if (fault.depth > best.depth) best = fault;
  }

  [[gnu::noinline]] bool combined(SchemaId id, JsonId at, Marks* marks) {
    const Schema& schema = schemas_[id];
    for (const SchemaId each : schema.all_of) {
      if (!admits(each, at, marks)) return false;
    }
    for (const auto& list : schema.any_of) {
      if (!any(id, list, at, marks)) return false;
    }
    for (const auto& list : schema.one_of) {
      if (!one(id, list, at, marks)) return false;
    }
    if (schema.negated != kNoSchema) {
      if (admits(schema.negated, at)) return miss(id, "not", at);
      if (error_) return false;
    }
    if (schema.if_ != kNoSchema) {
      const SchemaId then = admits(schema.if_, at, marks) ? schema.then_ : schema.else_;
      if (error_ || (then != kNoSchema && !admits(then, at, marks))) return false;
    }
    for (const auto& dependency : schema.dependent_schemas) {
      if (document_[at].kind != Json::Kind::object) break;
      if (has(at, dependency.key, id) && !admits(dependency.schema, at, marks)) return false;
    }
    return !error_;
  }

  /// With marks every branch counts, not only the first that admits.
  [[gnu::noinline]] bool any(SchemaId id, const std::vector<SchemaId>& list, JsonId at,
                             Marks* marks) {
    bool admitted = false;
    Fault best{id, "anyOf", at, depth_};
    for (const SchemaId branch : list) {
      if (admits(branch, at, marks)) {
        admitted = true;
        if (!marks) return true;
      } else {
        keep_deepest(best, fault_);
      }
      if (error_) return false;
    }
    if (!admitted) fault_ = best;
    return admitted;
  }

  [[gnu::noinline]] bool one(SchemaId id, const std::vector<SchemaId>& list, JsonId at,
                             Marks* marks) {
    std::size_t admitted = 0;
    Fault best{id, "oneOf", at, depth_};
    for (const SchemaId branch : list) {
      if (admits(branch, at, marks)) ++admitted;
      else keep_deepest(best, fault_);
      if (error_) return false;
      if (admitted > 1) return miss(id, "oneOf", at);
    }
    if (admitted == 0) fault_ = best;
    return admitted == 1;
  }

  /// unevaluatedItems and unevaluatedProperties: what nothing before has marked.
  [[gnu::noinline]] bool rest(SchemaId id, JsonId at, Marks& marks) {
    const Schema& schema = schemas_[id];
    const auto kind = document_[at].kind;
    const SchemaId stated =
        kind == Json::Kind::array ? schema.unevaluated_items : schema.unevaluated_properties;
    if (stated == kNoSchema) return true;
    std::size_t index = 0;
    for (JsonId child = document_[at].child; child != kNoJson;
         child = document_[child].next, ++index) {
      if (marks[index]) continue;
      if (!admits_child(stated, child)) return false;
      marks[index] = true;
    }
    return true;
  }

  /// Children lie behind their parent and before its next sibling.
  std::string instance_path(JsonId at) const {
    std::string path = "$";
    JsonId id = 0;
    while (id != at) {
      const bool object = document_[id].kind == Json::Kind::object;
      std::size_t index = 0;
      id = document_[id].child;
      while (document_[id].next != kNoJson && document_[id].next <= at) {
        id = document_[id].next;
        ++index;
      }
      path = object ? path_key(path, document_[id].key) : path + '[' + std::to_string(index) + ']';
    }
    return path;
  }

  Texts& texts_;
  const Schemas& schemas_;
  const JsonDocument& document_;
  Fuel& fuel_;
  std::uint32_t nesting_ = 0, depth_ = 0;
  std::optional<Error> error_;
  Fault fault_;  // of the last answer that was no
  std::unordered_map<std::uint64_t, Verdict> known_;
};

}  // namespace

Validator::Validator(std::unique_ptr<Texts> texts) : texts_(std::move(texts)) {}
Validator::Validator(Validator&&) noexcept = default;
Validator::~Validator() = default;

Result<Validator> Validator::create(const Schemas& schemas, Fuel& fuel) {
  auto texts = std::make_unique<Texts>(schemas);
  if (auto ok = texts->make(fuel); !ok) return tl::unexpected<Error>(ok.error());
  return Validator(std::move(texts));
}

Result<std::optional<Failure>> Validator::check(SchemaId id, const JsonDocument& document,
                                                JsonId value, Fuel& fuel) {
  Judge judge(*texts_, document, fuel);
  if (judge.admits(id, value)) return std::optional<Failure>();
  if (judge.error()) return tl::unexpected<Error>(*judge.error());
  return std::optional<Failure>(judge.failure());
}

std::uint32_t Validator::size() const { return texts_->languages.size(); }

}  // namespace praxis::grammar
