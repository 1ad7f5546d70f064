// Requirements and scalars: a schema's strings and numbers as one language each.

#include "grammar/cases.h"

#include <algorithm>
#include <utility>

#include "grammar/formats.h"
#include "grammar/json.h"
#include "grammar/pattern.h"

namespace praxis::grammar {
namespace {

bool has_type(const Schema& schema, TypeBit type) {
  return !schema.never && (schema.types & type) != 0;
}

}  // namespace

Result<std::unique_ptr<Cases>> Cases::create(const Schemas& schemas, const CaseOptions& options,
                                             Fuel& fuel) {
  std::unique_ptr<Cases> cases(new Cases(schemas, options, fuel));
  cases->languages_.grant(kCompileWork);
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

SchemaId Cases::never() {
  if (never_) return *never_;
  Schema none;
  none.path = "$";
  none.never = true;
  never_ = add_schema(std::move(none));
  return *never_;
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
  ++doubts_;
  if (!limit_) limit_ = fuel_.error(where(asked_)).value();
  return false;
}

void Cases::met(Error limit) {
  ++doubts_;
  if (!limit_) limit_ = std::move(limit);
}

void Cases::give_up(std::string what, std::string where) {
  met(Error{ErrorCode::limit, std::move(what), std::move(where)});
  if (compiling_) (void)fuel_.burn(~0ull);
}

std::string Cases::too_many_patterns() {
  return "more than " + std::to_string(kKeyPatternsMax) +
         " patterns for the keys of one object (grammar.key_patterns_max); join them";
}

void Cases::note_work(const std::string& where) {
  if (limit_ || !languages_.exhausted()) return;
  give_up("its strings, numbers or keys ask for more than " + std::to_string(compiling_ ? kCompileWork : kStepWork) +
              " steps, or for more states than are kept (grammar.work_max); make patterns, formats, lengths "
              "and divisors that must hold together fewer or simpler",
          where);
}

void Cases::end_search(bool found) {
  if (depth_ > 0) return;
  if (too_deep_ && !found)
    give_up("a value cannot be completed with less than " + std::to_string(options_.depth_max) +
                " items and levels that differ from each other (grammar.depth_max); ask for fewer",
            where(asked_));
  too_deep_ = false;
}

Cases::Question Cases::ask(std::uint32_t& open) {
  open = ++open_;
  return Question{open, std::exchange(rests_on_, kNoQuestion)};
}

bool Cases::answered(const Question& question, bool found) {
  // What leads to nothing but itself leads to nothing.
  if (rests_on_ >= question.open) rests_on_ = kNoQuestion;
  const bool for_good = found || rests_on_ == kNoQuestion;
  rests_on_ = found ? question.outside : std::min(question.outside, rests_on_);
  question.open = 0;
  --open_;
  return for_good;
}

/// The path of a schema that is part of the question.
std::string Cases::where(RequirementId id) const {
  if (id >= requirements_.size() || requirements_[id].literals.empty()) return "$";
  const Schema& s = schema(Literal::of(requirements_[id].literals[0]).schema);
  return s.pattern ? path_key(s.path, "pattern")
         : s.format ? path_key(s.path, "format")
         : s.multiple_of ? path_key(s.path, "multipleOf")
                         : s.path;
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

/// The boolean keywords of `schema` over languages: `of` gives a subschema's, `taken` what of it is
/// taken away from another, `all` is everything.
template <class Of, class Taken>
LanguageId Cases::combine(const Schema& schema, LanguageId own, LanguageId all, Of of, Taken taken) {
  std::vector<LanguageId> parts{own};
  for (const SchemaId id : schema.all_of) parts.push_back(of(id));
  for (const auto& group : schema.any_of) {
    std::vector<LanguageId> branches;
    for (const SchemaId id : group) branches.push_back(of(id));
    parts.push_back(languages_.any_of(branches));
  }
  for (const auto& group : schema.one_of) {
    std::vector<LanguageId> branches;
    LanguageId once = kNothing, twice = kNothing;
    for (const SchemaId id : group) {
      branches.push_back(of(id));
      const LanguageId branch = taken(id);
      const LanguageId again[] = {twice, languages_.all_of(std::vector<LanguageId>{once, branch})};
      twice = languages_.any_of(again);
      const LanguageId any[] = {once, branch};
      once = languages_.any_of(any);
    }
    parts.push_back(languages_.without(languages_.any_of(branches), twice));
  }
  if (schema.negated != kNoSchema) parts.push_back(languages_.without(all, taken(schema.negated)));
  if (schema.if_ != kNoSchema) {
    const LanguageId then = schema.then_ == kNoSchema ? all : of(schema.then_);
    const LanguageId otherwise = schema.else_ == kNoSchema ? all : of(schema.else_);
    const LanguageId both[] = {of(schema.if_), then};
    const LanguageId ways[] = {languages_.all_of(both), languages_.without(otherwise, taken(schema.if_))};
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
    if (!made) met(made.error());
    else if (*made) parts.push_back(**made);
  }
  return parts.empty() ? kAnyText : parts.size() == 1 ? parts[0] : languages_.all_of(parts);
}

/// The schema's own null, true and false.
LanguageId Cases::own_names(SchemaId id) {
  const Schema& s = schema(id);
  std::vector<std::string> names;
  const auto lists = [&](Json::Kind kind, bool truth) {
    return !s.listed || std::any_of(s.values.begin(), s.values.end(), [&](JsonId value) {
      const Json& json = schemas_.document[value];
      return json.kind == kind && (kind == Json::Kind::null || json.truth == truth);
    });
  };
  if (has_type(s, kNull) && lists(Json::Kind::null, false)) names.push_back("null");
  if (has_type(s, kBoolean) && lists(Json::Kind::boolean, true)) names.push_back("true");
  if (has_type(s, kBoolean) && lists(Json::Kind::boolean, false)) names.push_back("false");
  return names.empty() ? kNothing : languages_.texts(std::move(names));
}

LanguageId Cases::own_numbers(SchemaId id, bool every_spelling) {
  const Schema& s = schema(id);
  if (s.never || !(s.types & (kNumber | kInteger))) return kNothing;
  const auto known = [&](Result<LanguageId> made) {
    if (!made) met(made.error());
    return made ? *made : kNothing;
  };
  NumberRange range;
  range.integral = !(s.types & kNumber);
  range.multiple_of = s.multiple_of;
  range.minimum = s.minimum;
  range.maximum = s.maximum;
  // The narrower of a bound and an exclusive bound.
  if (s.exclusive_minimum && (!range.minimum || s.exclusive_minimum->value >= range.minimum->value))
    range.minimum = s.exclusive_minimum;
  if (s.exclusive_maximum && (!range.maximum || s.exclusive_maximum->value <= range.maximum->value))
    range.maximum = s.exclusive_maximum;
  const LanguageId in_range = known(numbers(languages_, range, s.path, fuel_));
  if (!s.listed) return in_range;

  if (every_spelling) {
    std::vector<LanguageId> values;
    for (const JsonId value : s.values) {
      const Json& json = schemas_.document[value];
      const auto number = json.kind == Json::Kind::number ? Decimal::parse(json.text) : std::nullopt;
      if (number) values.push_back(known(equal_to(languages_, *number, s.path, fuel_)));
    }
    const LanguageId parts[] = {languages_.any_of(values), in_range};
    return languages_.all_of(parts);
  }
  // Listed numbers are generated as the schema writes them, or plainly.
  std::vector<std::string> spellings;
  for (const JsonId value : s.values) {
    const Json& json = schemas_.document[value];
    if (json.kind != Json::Kind::number) continue;
    spellings.push_back(json.text);
    const auto number = Decimal::parse(json.text);
    if (!number || number->whole().size() > kDigitsMax || number->fraction().size() > kDigitsMax)
      continue;
    const std::string fraction = number->fraction();
    spellings.push_back((number->negative ? "-" : "") + (number->whole().empty() ? "0" : number->whole()) +
                        (fraction.empty() ? "" : "." + fraction));
  }
  const LanguageId parts[] = {languages_.texts(std::move(spellings)), in_range};
  return languages_.all_of(parts);
}

/// One kind of scalar: what a schema says by itself, and by its boolean keywords.
LanguageId Cases::scalar_of_schema(SchemaId id, Scalar kind) {
  SchemaTexts& known = texts(id);
  std::optional<LanguageId>& answer = known.scalars[static_cast<std::size_t>(kind)];
  if (answer) return *answer;
  if (known.busy || !burn()) return kNothing;  // a schema made of itself admits nothing by that way
  const std::uint64_t doubts_before = doubts();
  known.busy = true;
  const LanguageId own = kind == Scalar::text     ? own_text(id)
                         : kind == Scalar::name ? own_names(id)
                                                : own_numbers(id, kind == Scalar::value);
  const Scalar taken = kind == Scalar::number ? Scalar::value : kind;
  const LanguageId made = combine(
      schema(id), own, all_of_kind(kind), [&](SchemaId other) { return scalar_of_schema(other, kind); },
      [&](SchemaId other) { return scalar_of_schema(other, taken); });
  known.busy = false;
  if (doubts() == doubts_before) answer = made;
  else note_work(schema(id).path);
  return made;
}

LanguageId Cases::all_of_kind(Scalar kind) {
  switch (kind) {
    case Scalar::text:
      return kAnyText;
    case Scalar::number:
    case Scalar::value:
      return spelled_numbers(languages_);
    case Scalar::name:
      return languages_.texts(std::vector<std::string>{"null", "true", "false"});
  }
  return kNothing;
}

LanguageId Cases::scalar_of(RequirementId id, Scalar kind) {
  const std::uint64_t doubts_before = doubts();
  std::vector<LanguageId> within{all_of_kind(kind)}, outside;
  for (const std::uint32_t word : requirements_[id].literals) {
    const Literal literal = Literal::of(word);
    const bool taken = literal.negated && kind == Scalar::number;
    const LanguageId one = scalar_of_schema(literal.schema, taken ? Scalar::value : kind);
    (literal.negated ? outside : within).push_back(one);
  }
  const LanguageId made = languages_.without(languages_.all_of(within), languages_.any_of(outside));
  return doubts() == doubts_before ? made : kNothing;
}

LanguageId Cases::text_of(RequirementId id) {
  Requirement& known = requirements_[id];
  if (!known.text) known.text = scalar_of(id, Scalar::text);
  return *known.text;
}

LanguageId Cases::bare_of(RequirementId id) {
  Requirement& known = requirements_[id];
  if (!known.bare) {
    const LanguageId ways[] = {scalar_of(id, Scalar::number), scalar_of(id, Scalar::name)};
    known.bare = languages_.any_of(ways);
  }
  return *known.bare;
}

std::uint64_t Cases::spelled_shortest(LanguageId id) {
  const std::uint64_t bytes = languages_.shortest(id);
  if (bytes == 0 || bytes == kEndless || languages_.lengths(id)) return bytes;
  const auto [at, added] = spelled_.try_emplace(id, bytes);
  if (!added) return at->second;
  // Some characters are spelled longer than they are.
  if (const auto text = languages_.shortest_text(id); text && spell_string(*text, options_.escapes).size() == bytes)
    return bytes;
  if (!plain_) {
    std::vector<CodePoints> spelled_as_they_are{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7E}};
    if (options_.escapes == Escapes::minimal)
      spelled_as_they_are.insert(spelled_as_they_are.end(), {{0x7F, 0xD7FF}, {0xE000, 0x10FFFF}});
    plain_ = languages_.repeat(languages_.set(spelled_as_they_are), 0, ~0u);
  }
  const LanguageId both[] = {id, *plain_};
  const std::uint64_t plain = languages_.shortest(languages_.all_of(both));
  if (plain == bytes) return bytes;
  at->second = plain;
  for (const std::string& sample : languages_.samples(id, 1))
    at->second = std::min<std::uint64_t>(plain, spell_string(sample, options_.escapes).size());
  return at->second;
}

std::uint64_t Cases::finish(RequirementId id) {
  Requirement& known = requirements_[id];
  if (known.finish) return *known.finish;
  if (known.open != 0 || depth_ >= options_.depth_max || !burn()) {
    too_deep_ = too_deep_ || depth_ >= options_.depth_max;
    rest_on(known.open);
    return kEndless;
  }
  const Question question = ask(known.open);
  ++depth_;
  const RequirementId outer = std::exchange(asked_, id);
  std::uint64_t least = languages_.shortest(bare_of(id));
  least = std::min(least, add_bytes(2, spelled_shortest(text_of(id))));
  Layout layout;
  const auto consider = [&](const Length& inside) {
    const Length whole{add_bytes(2, inside.bytes), inside.layout};
    if (whole < Length{least, layout}) std::tie(least, layout) = std::tie(whole.bytes, whole.layout);
  };
  // Two brackets are the least; nothing else is shorter.
  if (least > 2) {
    for (const ArrayCaseId array : arrays(id)) consider(length_of_items(array, false));
  }
  if (least > 2) {
    for (const ObjectCaseId object : objects(id)) consider(length_of_members(object, false));
  }
  --depth_;
  if (languages_.exhausted()) note_work(where(id));
  end_search(least != kEndless);
  asked_ = outer;
  if (least != kEndless) note_finish(Length{least, layout});
  if (answered(question, least != kEndless)) known.finish = least;
  if (known.finish) known.layout = layout;
  return least;
}

Length Cases::length(RequirementId id) {
  const std::uint64_t bytes = finish(id);
  return Length{bytes, requirements_[id].layout};
}

void Cases::note_finish(const Length& length) {
  finish_most_.bytes = std::max(finish_most_.bytes, length.bytes);
  Layout& most = finish_most_.layout;
  most.lines = std::max(most.lines, length.layout.lines);
  most.levels = std::max(most.levels, length.layout.levels);
  most.blanks = std::max(most.blanks, length.layout.blanks);
}

bool Cases::many(RequirementId id) {
  Requirement& known = requirements_[id];
  if (known.many) return *known.many;
  known.many = false;  // by itself alone it gets no more
  bool made = !finite(text_of(id)) || !finite(bare_of(id));
  if (!made) {
    const std::vector<ObjectCaseId> cases = objects(id);
    made = std::any_of(cases.begin(), cases.end(), [&](ObjectCaseId object) { return many_members(object); });
  }
  if (!made) {
    for (const ArrayCaseId array : std::vector<ArrayCaseId>(arrays(id))) {
      for (const ArrayStep& step : std::vector<ArrayStep>(take(array))) made = made || many(step.value);
    }
  }
  requirements_[id].many = made;
  return made;
}

std::string Cases::blame(RequirementId id) {
  std::vector<RequirementId> asked;
  return blame(id, asked);
}

std::string Cases::blame(RequirementId id, std::vector<RequirementId>& asked) {
  asked.push_back(id);
  const std::vector<std::uint32_t> literals = requirements_[id].literals;
  if (literals.empty()) return "$";
  std::vector<RequirementId> parts;  // children and conjuncts that may be the reason
  for (const std::uint32_t word : literals) {
    const Schema& s = schema(Literal::of(word).schema);
    if (Literal::of(word).negated) continue;
    if (s.never) return s.path;
    if (literals.size() > 1) parts.push_back(with(kAnything, word));
    for (const SchemaId sub : s.all_of) parts.push_back(with(kAnything, Literal{sub, false}.word()));
    if (!s.required.empty() && !(s.types & ~kObject)) {
      const std::vector<MapId> maps{map(ChildMap{Literal::of(word).schema, false, {}, false})};
      for (const std::string& name : s.required) parts.push_back(value_of(maps, key(name)));
    }
    if (s.items_min > 0 && s.items != kNoSchema && !(s.types & ~kArray))
      parts.push_back(with(kAnything, Literal{s.items, false}.word()));
  }
  for (const RequirementId part : parts) {
    if (std::find(asked.begin(), asked.end(), part) == asked.end() && finish(part) == kEndless)
      return blame(part, asked);
  }
  return schema(Literal::of(literals[0]).schema).path;
}

KeyId Cases::key(std::string_view text) {
  if (const auto known = key_index_.find(text); known != key_index_.end()) return known->second;
  const auto id = static_cast<KeyId>(key_texts_.size());
  key_texts_.emplace_back(text);
  key_spelled_.push_back(spell_string(text, options_.escapes));
  key_index_.emplace(key_texts_.back(), id);
  return id;
}

bool Cases::finite(LanguageId extras) {
  if (languages_.all_but_some(extras) || languages_.visibly_endless(extras)) return false;
  const auto [at, added] = finite_.try_emplace(extras, false);
  if (added) at->second = languages_.samples(extras, kFew + 1).size() <= kFew;
  return at->second;
}

std::vector<std::string> Cases::samples(LanguageId id, std::size_t count) {
  if (count > kFew) return languages_.samples(id, count);
  if (samples_.size() > kSamplesMax) samples_.clear();
  const auto [at, added] = samples_.try_emplace(std::uint64_t{id} << 32 | count);
  if (added) at->second = languages_.samples(id, count);
  return at->second;
}

bool Cases::plenty(LanguageId extras) {
  const auto [at, added] = plenty_.try_emplace(extras, false);
  if (added) at->second = languages_.all_but_some(extras);
  return at->second;
}

std::size_t Cases::bytes() const {
  constexpr std::size_t kListBytes = 64;  // the lists that an entry holds, on the average
  return requirements_.size() * (sizeof(Requirement) + kListBytes) +
         objects_.size() * (sizeof(KnownObject) + 4 * kListBytes) +
         arrays_.size() * (sizeof(KnownArray) + 4 * kListBytes) + key_texts_.size() * 2 * kListBytes +
         languages_.size() * kListBytes + joined_bytes_;
}

}  // namespace praxis::grammar
