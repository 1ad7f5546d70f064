// Requirements and scalars: a schema's strings and numbers as one language each.

#include "grammar/cases.h"

#include <algorithm>

#include "grammar/formats.h"
#include "grammar/json.h"
#include "grammar/pattern.h"

namespace praxis::grammar {
namespace {

constexpr std::string_view kNames[] = {"null", "true", "false"};

bool has_type(const Schema& schema, TypeBit type) {
  return !schema.never && (schema.types & type) != 0;
}

}  // namespace

Result<std::unique_ptr<Cases>> Cases::create(const Schemas& schemas, const CaseOptions& options,
                                             Fuel& fuel) {
  std::unique_ptr<Cases> cases(new Cases(schemas, options, fuel));
  cases->key("");
  for (SchemaId id = 0; id < schemas.schemas.size(); ++id) {
    const Schema& schema = schemas[id];
    cases->annotates_ = cases->annotates_ || schema.unevaluated_items != kNoSchema ||
                        schema.unevaluated_properties != kNoSchema;
    SchemaTexts& known = cases->texts(id);
    if (schema.pattern) {
      auto made = pattern(cases->languages_, *schema.pattern, path_key(schema.path, "pattern"),
                          cases->fuel_);
      if (!made) return tl::unexpected<Error>(made.error());
      known.pattern = *made;
    }
    for (const Schema::PatternProperty& property : schema.pattern_properties) {
      auto made = pattern(cases->languages_, property.pattern,
                          path_key(schema.path, "patternProperties"), cases->fuel_);
      if (!made) return tl::unexpected<Error>(made.error());
      known.key_patterns.push_back(*made);
    }
  }
  cases->intern(std::vector<std::uint32_t>{});  // kAnything
  cases->root_ = cases->with(kAnything, Literal{0, false}.word());
  return cases;
}

Cases::SchemaTexts& Cases::texts(SchemaId id) {
  while (texts_.size() <= id) texts_.emplace_back();
  return texts_[id];
}

SchemaId Cases::add_schema(Schema schema) {
  const auto id = static_cast<SchemaId>(schemas_.schemas.size() + extra_.size());
  extra_.push_back(std::move(schema));
  return id;
}

SchemaId Cases::exact(JsonId value) {
  if (const auto known = exact_.find(value); known != exact_.end()) return known->second;
  const Json& json = schemas_.document[value];
  Schema schema;
  schema.path = "$";
  if (json.kind == Json::Kind::object) {
    schema.types = kObject;
    for (JsonId child = json.child; child != kNoJson; child = schemas_.document[child].next) {
      const std::string& key = schemas_.document[child].key;
      schema.properties.push_back(Schema::Property{key, exact(child)});
      schema.required.push_back(key);
    }
    schema.members_max = json.count;
  } else if (json.kind == Json::Kind::array) {
    schema.types = kArray;
    for (JsonId child = json.child; child != kNoJson; child = schemas_.document[child].next)
      schema.prefix_items.push_back(exact(child));
    schema.items_min = schema.items_max = json.count;
  } else {
    schema.listed = true;
    schema.values = {value};
  }
  return exact_[value] = add_schema(std::move(schema));
}

bool Cases::burn(std::uint64_t steps) {
  if (fuel_.burn(steps)) return true;
  if (!limit_) limit_ = fuel_.error("$").value();
  return false;
}

void Cases::give_up(std::string what, std::string where) {
  if (!limit_) limit_ = Error{ErrorCode::limit, std::move(what), std::move(where)};
}

RequirementId Cases::intern(std::vector<std::uint32_t> literals) {
  const auto [id, added] = requirement_index_.add(literals);
  if (added) requirements_.emplace_back().literals = std::move(literals);
  return id;
}

RequirementId Cases::with(RequirementId requirement, std::uint32_t literal) {
  std::vector<std::uint32_t> literals = requirements_[requirement].literals;
  const auto at = std::lower_bound(literals.begin(), literals.end(), literal);
  if (at != literals.end() && *at == literal) return requirement;
  literals.insert(at, literal);
  return intern(std::move(literals));
}

/// The boolean keywords of `schema` over languages: `of` gives a subschema's, `all` is everything.
template <class Of>
LanguageId Cases::combine(const Schema& schema, LanguageId own, LanguageId all, Of of) {
  std::vector<LanguageId> parts{own};
  for (const SchemaId id : schema.all_of) parts.push_back(of(id));
  for (const auto& group : schema.any_of) {
    std::vector<LanguageId> branches;
    for (const SchemaId id : group) branches.push_back(of(id));
    parts.push_back(languages_.any_of(branches));
  }
  for (const auto& group : schema.one_of) {
    LanguageId once = kNothing, twice = kNothing;
    for (const SchemaId id : group) {
      const LanguageId branch = of(id);
      const LanguageId again[] = {twice, languages_.all_of(std::vector<LanguageId>{once, branch})};
      twice = languages_.any_of(again);
      const LanguageId any[] = {once, branch};
      once = languages_.any_of(any);
    }
    parts.push_back(languages_.without(once, twice));
  }
  if (schema.negated != kNoSchema) parts.push_back(languages_.without(all, of(schema.negated)));
  if (schema.if_ != kNoSchema) {
    const LanguageId asked = of(schema.if_);
    const LanguageId then = schema.then_ == kNoSchema ? all : of(schema.then_);
    const LanguageId otherwise = schema.else_ == kNoSchema ? all : of(schema.else_);
    const LanguageId both[] = {asked, then};
    const LanguageId ways[] = {languages_.all_of(both), languages_.without(otherwise, asked)};
    parts.push_back(languages_.any_of(ways));
  }
  return parts.size() == 1 ? own : languages_.all_of(parts);
}

LanguageId Cases::own_text(SchemaId id) {
  const Schema& s = schema(id);
  if (!has_type(s, kString)) return kNothing;
  std::vector<LanguageId> parts;
  if (s.listed) {
    std::vector<std::string> listed;
    for (const JsonId value : s.values) {
      if (schemas_.document[value].kind == Json::Kind::string)
        listed.push_back(schemas_.document[value].text);
    }
    parts.push_back(languages_.texts(std::move(listed)));
  }
  if (s.length_min > 0 || s.length_max != kUnlimited)
    parts.push_back(languages_.length(s.length_min, s.length_max));
  if (s.pattern) parts.push_back(texts(id).pattern);
  if (s.format) {
    auto made = format(languages_, *s.format, path_key(s.path, "format"), fuel_);
    if (!made) limit_ = made.error();
    else if (*made) parts.push_back(**made);
  }
  return parts.empty() ? kAnyText : parts.size() == 1 ? parts[0] : languages_.all_of(parts);
}

LanguageId Cases::text_of_schema(SchemaId id) {
  SchemaTexts& known = texts(id);
  if (known.text) return *known.text;
  if (known.busy || !burn()) return kNothing;  // a schema made of itself admits nothing by that way
  known.busy = true;
  const LanguageId made = combine(schema(id), own_text(id), kAnyText,
                                  [&](SchemaId other) { return text_of_schema(other); });
  known.busy = false;
  known.text = made;
  return made;
}

LanguageId Cases::own_bare(const Schema& s) {
  const auto where = [&](const char* keyword) { return path_key(s.path, keyword); };
  std::vector<LanguageId> any;
  if (s.listed) {
    std::vector<std::string> spellings;
    for (const JsonId value : s.values) {
      const Json& json = schemas_.document[value];
      if (json.kind == Json::Kind::null && has_type(s, kNull)) spellings.push_back("null");
      if (json.kind == Json::Kind::boolean && has_type(s, kBoolean))
        spellings.push_back(json.truth ? "true" : "false");
      if (json.kind != Json::Kind::number) continue;
      const auto number = Decimal::parse(json.text);
      if (!number || s.never || !((s.types & kNumber) || ((s.types & kInteger) && number->integral())))
        continue;
      spellings.push_back(json.text);
      spellings.push_back(number->to_string());
      if (number->integral()) spellings.push_back(number->to_string() + ".0");
    }
    any.push_back(languages_.texts(std::move(spellings)));
  } else {
    std::vector<std::string> names;
    if (has_type(s, kNull)) names.push_back("null");
    if (has_type(s, kBoolean)) names.insert(names.end(), {"true", "false"});
    if (!names.empty()) any.push_back(languages_.texts(std::move(names)));
    if (!s.never && (s.types & (kNumber | kInteger)))
      any.push_back((s.types & kNumber) ? spelled_numbers(languages_) : integers(languages_));
  }
  LanguageId made = any.empty() ? kNothing : languages_.any_of(any);
  // What numbers alone are asked for leaves the names as they are.
  std::vector<LanguageId> numbers;
  const auto put = [&](Result<LanguageId> bound) {
    if (bound) numbers.push_back(*bound);
    else if (!limit_) limit_ = bound.error();
  };
  if (s.minimum) put(at_least(languages_, *s.minimum, where("minimum"), fuel_));
  if (s.exclusive_minimum)
    put(at_least(languages_, *s.exclusive_minimum, where("exclusiveMinimum"), fuel_));
  if (s.maximum) put(at_most(languages_, *s.maximum, where("maximum"), fuel_));
  if (s.exclusive_maximum)
    put(at_most(languages_, *s.exclusive_maximum, where("exclusiveMaximum"), fuel_));
  if (s.multiple_of) put(multiples(languages_, *s.multiple_of, where("multipleOf"), fuel_));
  if (!numbers.empty()) {
    const LanguageId allowed[] = {
        languages_.all_of(numbers),
        languages_.texts(std::vector<std::string>(std::begin(kNames), std::end(kNames)))};
    const LanguageId both[] = {made, languages_.any_of(allowed)};
    made = languages_.all_of(both);
  }
  return made;
}

LanguageId Cases::bare_of_schema(SchemaId id) {
  SchemaTexts& known = texts(id);
  if (known.bare) return *known.bare;
  if (known.busy || !burn()) return kNothing;
  known.busy = true;
  const LanguageId made = combine(schema(id), own_bare(schema(id)), bare_of(kAnything),
                                  [&](SchemaId other) { return bare_of_schema(other); });
  known.busy = false;
  known.bare = made;
  return made;
}

LanguageId Cases::text_of(RequirementId id) {
  Requirement& known = requirements_[id];
  if (known.text) return *known.text;
  LanguageId made = kAnyText;
  for (const std::uint32_t word : known.literals) {
    const Literal literal = Literal::of(word);
    const LanguageId texts = text_of_schema(literal.schema);
    const LanguageId parts[] = {made, texts};
    made = literal.negated ? languages_.without(made, texts) : languages_.all_of(parts);
  }
  known.text = made;
  return made;
}

LanguageId Cases::bare_of(RequirementId id) {
  Requirement& known = requirements_[id];
  if (known.bare) return *known.bare;
  const LanguageId ways[] = {
      spelled_numbers(languages_),
      languages_.texts(std::vector<std::string>(std::begin(kNames), std::end(kNames)))};
  LanguageId made = languages_.any_of(ways);
  for (const std::uint32_t word : known.literals) {
    const Literal literal = Literal::of(word);
    const LanguageId bare = bare_of_schema(literal.schema);
    const LanguageId parts[] = {made, bare};
    made = literal.negated ? languages_.without(made, bare) : languages_.all_of(parts);
  }
  known.bare = made;
  return made;
}

std::uint64_t Cases::spelled_shortest(LanguageId id) {
  const std::uint64_t bytes = languages_.shortest(id);
  if (bytes == 0 || bytes == kEndless) return bytes;
  const auto [at, added] = spelled_.try_emplace(id, bytes);
  if (added) {
    // The shortest text may hold characters that are spelled longer.
    const std::vector<std::string> sample = languages_.samples(id, 1);
    if (!sample.empty()) at->second = std::max<std::uint64_t>(bytes, spell_string(sample[0]).size());
  }
  return at->second;
}

std::uint64_t Cases::finish(RequirementId id) {
  Requirement& known = requirements_[id];
  if (known.finish) return *known.finish;
  if (known.busy || depth_ >= options_.depth_max || !burn()) {
    tainted_ = true;
    return kEndless;
  }
  known.busy = true;
  ++depth_;
  const bool before = tainted_;
  tainted_ = false;
  std::uint64_t least = languages_.shortest(bare_of(id));
  least = std::min(least, add_bytes(2, spelled_shortest(text_of(id))));
  // Two brackets are the least; nothing else is shorter.
  if (least > 2) {
    for (const ArrayCaseId array : arrays(id))
      least = std::min(least, add_bytes(2, finish_items(array, false)));
  }
  if (least > 2) {
    for (const ObjectCaseId object : objects(id))
      least = std::min(least, add_bytes(2, finish_members(object, false)));
  }
  known.busy = false;
  --depth_;
  // "None" may only be for now: the question was asked while an outer one, on which it hangs, is
  // still open.
  if (least != kEndless || !tainted_) known.finish = least;
  tainted_ = before || (tainted_ && least == kEndless);
  return least;
}

KeyId Cases::key(std::string_view text) {
  if (const auto known = key_index_.find(text); known != key_index_.end()) return known->second;
  const auto id = static_cast<KeyId>(key_texts_.size());
  key_texts_.emplace_back(text);
  key_spelled_.push_back(spell_string(text));
  key_index_.emplace(key_texts_.back(), id);
  return id;
}

bool Cases::finite(LanguageId extras) {
  constexpr std::size_t kFew = 64;
  const auto [at, added] = finite_.try_emplace(extras, false);
  if (added) at->second = languages_.samples(extras, kFew + 1).size() <= kFew;
  return at->second;
}

}  // namespace praxis::grammar
