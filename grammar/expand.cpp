// Schemas taken apart into cases: every boolean keyword multiplied out, for one type at a time.

#include <algorithm>
#include <functional>
#include <type_traits>

#include "grammar/cases.h"
#include "grammar/sorted.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kExpandDepthMax = 256;  // nesting of keywords that ask about the same value
constexpr std::size_t kComparedAtOnce = 64;     // cases, for a step of fuel

template <class Case>
constexpr TypeBit kTypeOf = std::is_same_v<Case, ObjectCase> ? kObject : kArray;

template <class T>
void unite(std::vector<T>& into, const std::vector<T>& more) {
  if (more.empty()) return;
  std::vector<T> all;
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(all));
  into = std::move(all);
}

template <class T>
bool includes(const std::vector<T>& sorted, const std::vector<T>& some) {
  return std::includes(sorted.begin(), sorted.end(), some.begin(), some.end());
}

/// Does all that `wide` asks stand in `narrow`, too?
bool is_within(const ObjectCase& narrow, const ObjectCase& wide) {
  const auto implied = [&](const ObjectCase::Implied& one) {
    return std::find(narrow.implied.begin(), narrow.implied.end(), one) != narrow.implied.end();
  };
  return includes(narrow.maps, wide.maps) && includes(narrow.broken, wide.broken) &&
         includes(narrow.required, wide.required) && includes(narrow.forbidden, wide.forbidden) &&
         std::all_of(wide.implied.begin(), wide.implied.end(), implied) &&
         includes(narrow.conditional, wide.conditional) &&
         (wide.names == kAnyText || wide.names == narrow.names) &&
         includes(narrow.broken_names, wide.broken_names) && narrow.min >= wide.min &&
         narrow.max <= wide.max && narrow.covers == wide.covers && narrow.covers_all == wide.covers_all;
}

bool is_within(const ArrayCase& narrow, const ArrayCase& wide) {
  const auto contained = [&](const ArrayCase::Contains& one) {
    return std::any_of(narrow.contains.begin(), narrow.contains.end(), [&](const auto& c) {
      return c.literal == one.literal && c.min >= one.min && c.max <= one.max;
    });
  };
  return includes(narrow.maps, wide.maps) && includes(narrow.broken, wide.broken) &&
         std::all_of(wide.contains.begin(), wide.contains.end(), contained) && narrow.min >= wide.min &&
         narrow.max <= wide.max && narrow.unique >= wide.unique && narrow.repeated >= wide.repeated &&
         narrow.covers == wide.covers && narrow.covers_all == wide.covers_all;
}

template <class T>
bool share(const std::vector<T>& a, const std::vector<T>& b) {
  auto i = a.begin();
  for (auto j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) return true;
    *i < *j ? ++i : ++j;
  }
  return false;
}

}  // namespace

/// Both at once; false: nothing can satisfy both.
bool Cases::merge(ObjectCase& into, const ObjectCase& other) {
  unite(into.maps, other.maps);
  unite(into.broken, other.broken);
  unite(into.required, other.required);
  unite(into.forbidden, other.forbidden);
  into.implied.insert(into.implied.end(), other.implied.begin(), other.implied.end());
  unite(into.conditional, other.conditional);
  if (other.names != kAnyText) {
    const LanguageId names[] = {into.names, other.names};
    into.names = languages_.all_of(names);
  }
  unite(into.broken_names, other.broken_names);
  into.min = std::max(into.min, other.min);
  into.max = std::min(into.max, other.max);
  unite(into.covers, other.covers);
  into.covers_all = into.covers_all || other.covers_all;
  return into.min <= into.max && !share(into.required, into.forbidden);
}

bool Cases::merge(ArrayCase& into, const ArrayCase& other) {
  unite(into.maps, other.maps);
  unite(into.broken, other.broken);
  for (const ArrayCase::Contains& more : other.contains) {
    const auto same = std::find_if(into.contains.begin(), into.contains.end(), [&](const auto& c) {
      return c.literal == more.literal;
    });
    if (same == into.contains.end()) {
      into.contains.push_back(more);
      continue;
    }
    same->min = std::max(same->min, more.min);
    same->max = std::min(same->max, more.max);
    if (same->min > same->max) return false;
  }
  into.min = std::max(into.min, other.min);
  into.max = std::min(into.max, other.max);
  into.unique = into.unique || other.unique;
  into.repeated = into.repeated || other.repeated;
  unite(into.covers, other.covers);
  into.covers_all = into.covers_all || other.covers_all;
  return into.min <= into.max && !(into.unique && into.repeated);
}

/// Lets the values of required keys decide what they can: false if there is none; what all of them
/// break needs no other to break it. So cases that differ in a constant do not multiply.
bool Cases::settle(ObjectCase& object) {
  if (object.maps.empty()) return true;
  for (const KeyId key : object.required) {
    const RequirementId value = value_of(object.maps, key);
    if (impossible(value)) return false;
    std::erase_if(object.broken, [&](const auto& broken) { return breaks(value, broken.map, key); });
  }
  return settle_broken(object);
}

/// Takes what is to be broken for something simpler, where only one way is left: a key that may not
/// come, or one that must with another value. False if there is no way.
bool Cases::settle_broken(ObjectCase& object) {
  for (std::size_t i = 0; i < object.broken.size();) {
    ObjectCase::Broken& one = object.broken[i];
    std::erase_if(one.missing, [&](KeyId key) { return holds(object.required, key); });
    const bool is_broken = std::any_of(one.missing.begin(), one.missing.end(),
                                       [&](KeyId key) { return holds(object.forbidden, key); });
    if (!is_broken && one.missing.empty()) {
      if (one.map == kNoMap) return false;
      const ChildMap known = maps_[one.map];
      const Schema& s = schema(known.schema);
      const bool one_way = !known.unevaluated && s.pattern_properties.empty() &&
                           s.additional == kNoSchema && s.properties.size() == 1;
      if (!one_way) {
        ++i;
        continue;
      }
      put_in(object.required, key(s.properties[0].key));
      put_in(object.maps, map(ChildMap{known.schema, false, {}, true}));
      i = 0;  // a key more is required
      std::erase(object.broken, ObjectCase::Broken(one));
      continue;
    }
    if (!is_broken) {
      if (one.map != kNoMap || one.missing.size() > 1) {
        ++i;
        continue;
      }
      put_in(object.forbidden, one.missing[0]);
    }
    object.broken.erase(object.broken.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::sort(object.broken.begin(), object.broken.end());
  object.broken.erase(std::unique(object.broken.begin(), object.broken.end()), object.broken.end());
  return !share(object.required, object.forbidden);
}

/// What the schema itself says about members; false: nothing satisfies it.
bool Cases::own(SchemaId id, ObjectCase& into) {
  const Schema& s = schema(id);
  if (!s.properties.empty() || !s.pattern_properties.empty() || s.additional != kNoSchema) {
    into.maps.push_back(map(ChildMap{id, false, {}, false}));
    if (annotates_) into.covers = into.maps;
  }
  for (const std::string& name : s.required) into.required.push_back(key(name));
  std::sort(into.required.begin(), into.required.end());
  into.required.erase(std::unique(into.required.begin(), into.required.end()), into.required.end());
  for (const Schema::Requirement& dependent : s.dependent_required) {
    ObjectCase::Implied implied{key(dependent.key), {}};
    for (const std::string& name : dependent.required) implied.needed.push_back(key(name));
    std::sort(implied.needed.begin(), implied.needed.end());
    if (!implied.needed.empty()) into.implied.push_back(std::move(implied));
  }
  if (s.property_names != kNoSchema)
    into.names = text_of(with(kAnything, Literal{s.property_names, false}.word()));
  into.min = s.members_min;
  into.max = s.members_max;
  return into.min <= into.max;
}

/// What a schema says about members, from when `key` is one of them on; false if it says more than that.
bool Cases::own_beside(KeyId trigger, SchemaId dependent, ObjectCase& into, std::uint32_t depth) {
  const Schema& s = schema(dependent);
  if (s.never || !(s.types & kObject)) {
    into.forbidden.push_back(trigger);
    std::sort(into.forbidden.begin(), into.forbidden.end());
    return true;
  }
  const bool more = s.listed || !s.any_of.empty() || !s.one_of.empty() || s.negated != kNoSchema ||
                    s.if_ != kNoSchema || s.property_names != kNoSchema || s.members_min > 0 ||
                    s.members_max != kUnlimited || !s.dependent_required.empty() ||
                    !s.dependent_schemas.empty() || s.unevaluated_properties != kNoSchema;
  if (more || annotates_ || depth > kExpandDepthMax || !burn()) return false;
  ObjectCase said;
  own(dependent, said);
  if (!said.required.empty()) into.implied.push_back(ObjectCase::Implied{trigger, std::move(said.required)});
  for (const MapId map : said.maps) unite(into.conditional, {ObjectCase::Conditional{trigger, map}});
  return std::all_of(s.all_of.begin(), s.all_of.end(),
                     [&](SchemaId part) { return own_beside(trigger, part, into, depth + 1); });
}

bool Cases::own(SchemaId id, ArrayCase& into) {
  const Schema& s = schema(id);
  if (!s.prefix_items.empty() || s.items != kNoSchema) {
    into.maps.push_back(map(ChildMap{id, false, {}, false}));
    if (annotates_) into.covers = into.maps;
  }
  if (s.contains != kNoSchema) {
    into.contains.push_back(
        ArrayCase::Contains{Literal{s.contains, false}.word(), s.contains_min, s.contains_max});
    if (s.contains_min > s.contains_max) return false;
  }
  into.min = s.items_min;
  into.max = s.items_max;
  into.unique = s.unique_items;
  return into.min <= into.max;
}

/// One case for each way to break what the schema itself says about members.
void Cases::own_negated(SchemaId id, std::vector<ObjectCase>& out) {
  const Schema& s = schema(id);
  const auto put = [&]() -> ObjectCase& { return out.emplace_back(); };
  ObjectCase::Broken broken;
  if (!s.properties.empty() || !s.pattern_properties.empty() || s.additional != kNoSchema)
    broken.map = map(ChildMap{id, false, {}, false});
  for (const std::string& name : s.required) broken.missing.push_back(key(name));
  std::sort(broken.missing.begin(), broken.missing.end());
  broken.missing.erase(std::unique(broken.missing.begin(), broken.missing.end()), broken.missing.end());
  if (broken.map != kNoMap || !broken.missing.empty()) {
    ObjectCase& one = put();
    one.broken.push_back(std::move(broken));
    if (!settle_broken(one)) out.pop_back();
  }
  for (const Schema::Requirement& dependent : s.dependent_required) {
    for (const std::string& name : dependent.required) {
      if (name == dependent.key) continue;
      ObjectCase& one = put();
      one.required.push_back(key(dependent.key));
      one.forbidden.push_back(key(name));
    }
  }
  if (s.property_names != kNoSchema)
    put().broken_names.push_back(text_of(with(kAnything, Literal{s.property_names, false}.word())));
  if (s.members_min > 0) put().max = s.members_min - 1;
  if (s.members_max != kUnlimited) put().min = s.members_max + 1;
}

void Cases::own_negated(SchemaId id, std::vector<ArrayCase>& out) {
  const Schema& s = schema(id);
  const auto put = [&]() -> ArrayCase& { return out.emplace_back(); };
  if (!s.prefix_items.empty() || s.items != kNoSchema)
    put().broken.push_back(map(ChildMap{id, false, {}, false}));
  if (s.contains != kNoSchema) {
    const std::uint32_t literal = Literal{s.contains, false}.word();
    if (s.contains_min > 0)
      put().contains.push_back(ArrayCase::Contains{literal, 0, s.contains_min - 1});
    if (s.contains_max != kUnlimited)
      put().contains.push_back(ArrayCase::Contains{literal, s.contains_max + 1, kUnlimited});
  }
  if (s.items_min > 0) put().max = s.items_min - 1;
  if (s.items_max != kUnlimited) put().min = s.items_max + 1;
  if (s.unique_items) put().repeated = true;
}

template <class Case>
std::vector<Case> Cases::both(const std::vector<Case>& a, const std::vector<Case>& b,
                              const std::string& where) {
  std::vector<Case> out;
  // What is part of another alternative is none of its own: so those multiply that can differ only.
  const auto add = [&](Case merged) {
    if (a.size() > 1 && b.size() > 1) {
      if (std::any_of(out.begin(), out.end(), [&](const Case& wide) { return is_within(merged, wide); })) return;
      std::erase_if(out, [&](const Case& narrow) { return is_within(narrow, merged); });
    }
    out.push_back(std::move(merged));
  };
  for (const Case& one : a) {
    for (const Case& other : b) {
      if (!burn(1 + out.size() / kComparedAtOnce)) return out;
      Case merged = one;
      if (merge(merged, other) && settle(merged)) add(std::move(merged));
    }
  }
  if (out.size() > options_.cases_max) {
    give_up("more than " + std::to_string(options_.cases_max) +
                " alternatives for one value (grammar.cases_max); split the schema or make the "
                "branches of oneOf and anyOf differ by a constant",
            where);
    out.resize(options_.cases_max);
  }
  return out;
}

template <class Case>
void Cases::either(std::vector<Case>& a, std::vector<Case> b, const std::string& where) {
  a.insert(a.end(), std::make_move_iterator(b.begin()), std::make_move_iterator(b.end()));
  if (a.size() <= options_.cases_max) return;
  give_up("more than " + std::to_string(options_.cases_max) +
              " alternatives for one value (grammar.cases_max); split the schema",
          where);
  a.resize(options_.cases_max);
}

template <class Case>
std::vector<Case> Cases::expand(Literal literal, std::uint32_t depth) {
  if (depth > kExpandDepthMax) {
    give_up("keywords about one value nest more than " + std::to_string(kExpandDepthMax) +
                " deep; make the schema flatter",
            schema(literal.schema).path);
    return {};
  }
  if (!burn()) return {};
  return literal.negated ? negated<Case>(literal.schema, depth + 1)
                         : plain<Case>(literal.schema, depth + 1);
}

template <class Case>
std::vector<Case> Cases::plain(SchemaId id, std::uint32_t depth) {
  const Schema& s = schema(id);
  if (s.never || !(s.types & kTypeOf<Case>)) return {};
  std::vector<Case> cases(1);
  if (!own(id, cases[0])) return {};
  const auto add = [&](std::vector<Case> more) { cases = both(cases, more, s.path); };
  const auto yes = [&](SchemaId sub) { return expand<Case>(Literal{sub, false}, depth); };
  const auto no = [&](SchemaId sub) { return expand<Case>(Literal{sub, true}, depth); };

  if (s.listed) {
    std::vector<Case> any;
    for (const JsonId value : s.values) {
      const Json::Kind kind = schemas_.document[value].kind;
      if (kind == (std::is_same_v<Case, ObjectCase> ? Json::Kind::object : Json::Kind::array))
        either(any, plain<Case>(exact(value), depth), s.path);
    }
    for (Case& one : any) one.covers.clear();  // a constant evaluates nothing
    add(std::move(any));
  }
  for (const SchemaId sub : s.all_of) add(yes(sub));
  for (const auto& group : s.any_of) {
    std::vector<Case> any;
    if (annotates_) {
      // Which branches hold decides what counts as evaluated: every set of them is a case.
      for (const SchemaId sub : group) {
        std::vector<Case> one = yes(sub), more = any.empty() ? std::vector<Case>() : both(any, one, s.path);
        either(any, std::move(one), s.path);
        either(any, std::move(more), s.path);
      }
    } else {
      for (const SchemaId sub : group) either(any, yes(sub), s.path);
    }
    add(std::move(any));
  }
  for (const auto& group : s.one_of) {
    const SchemaId beside = own_part(id);
    std::vector<Case> any;
    for (std::size_t i = 0; i < group.size(); ++i) {
      std::vector<Case> one = yes(group[i]);
      for (std::size_t j = 0; j < group.size() && !one.empty(); ++j) {
        if (j != i && !apart<Case>(group[i], group[j], beside)) one = both(one, no(group[j]), s.path);
      }
      either(any, std::move(one), s.path);
    }
    add(std::move(any));
  }
  if (s.negated != kNoSchema) add(no(s.negated));
  if (s.if_ != kNoSchema) {
    const std::vector<Case> holds = yes(s.if_), fails = no(s.if_);
    std::vector<Case> any = s.then_ == kNoSchema ? holds : both(holds, yes(s.then_), s.path);
    either(any, s.else_ == kNoSchema ? fails : both(fails, yes(s.else_), s.path), s.path);
    add(std::move(any));
  }
  if constexpr (std::is_same_v<Case, ObjectCase>) {
    for (const Schema::Property& dependent : s.dependent_schemas) {
      std::vector<Case> lazy(1), absent(1), present(1);
      if (own_beside(key(dependent.key), dependent.schema, lazy[0], depth)) {
        add(std::move(lazy));
        continue;
      }
      absent[0].forbidden.push_back(key(dependent.key));
      present[0].required.push_back(key(dependent.key));
      std::vector<Case> any = both(present, yes(dependent.schema), s.path);
      either(any, std::move(absent), s.path);
      add(std::move(any));
    }
  }
  constexpr bool kIsObject = std::is_same_v<Case, ObjectCase>;
  const SchemaId unevaluated = kIsObject ? s.unevaluated_properties : s.unevaluated_items;
  if (unevaluated != kNoSchema) {
    for (Case& one : cases) {
      if (!one.covers_all) {
        ChildMap rest{unevaluated, true, one.covers, false};
        if constexpr (!kIsObject) {
          // An item that `contains` admits counts as evaluated: it may be that, or what is asked.
          Schema either_way;
          either_way.path = s.path;
          either_way.any_of.push_back({unevaluated});
          for (const auto& contains : one.contains)
            either_way.any_of[0].push_back(Literal::of(contains.literal).schema);
          if (either_way.any_of[0].size() > 1) rest.schema = add_schema(std::move(either_way));
        }
        const MapId added = map(std::move(rest));
        one.maps.insert(std::lower_bound(one.maps.begin(), one.maps.end(), added), added);
      }
      one.covers_all = true;
    }
  }
  return cases;
}

template <class Case>
std::vector<Case> Cases::negated(SchemaId id, std::uint32_t depth) {
  const Schema& s = schema(id);
  std::vector<Case> ways;
  if (s.never || !(s.types & kTypeOf<Case>)) {
    ways.resize(1);
    return ways;
  }
  own_negated(id, ways);
  const auto yes = [&](SchemaId sub) { return expand<Case>(Literal{sub, false}, depth); };
  const auto no = [&](SchemaId sub) { return expand<Case>(Literal{sub, true}, depth); };
  const auto none_of = [&](const std::vector<SchemaId>& group) {
    std::vector<Case> all(1);
    for (const SchemaId sub : group) {
      if (!all.empty()) all = both(all, no(sub), s.path);
    }
    return all;
  };
  if (s.listed) {
    std::vector<Case> all(1);
    for (const JsonId value : s.values) {
      const Json::Kind kind = schemas_.document[value].kind;
      if (kind == (std::is_same_v<Case, ObjectCase> ? Json::Kind::object : Json::Kind::array))
        all = both(all, negated<Case>(exact(value), depth), s.path);
    }
    either(ways, std::move(all), s.path);
  }
  for (const SchemaId sub : s.all_of) either(ways, no(sub), s.path);
  for (const auto& group : s.any_of) either(ways, none_of(group), s.path);
  for (const auto& group : s.one_of) {
    either(ways, none_of(group), s.path);
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (std::size_t j = i + 1; j < group.size(); ++j) {
        if (!apart<Case>(group[i], group[j], kNoSchema))
          either(ways, both(yes(group[i]), yes(group[j]), s.path), s.path);
      }
    }
  }
  if (s.negated != kNoSchema) either(ways, yes(s.negated), s.path);
  if (s.if_ != kNoSchema) {
    if (s.then_ != kNoSchema) either(ways, both(yes(s.if_), no(s.then_), s.path), s.path);
    if (s.else_ != kNoSchema) either(ways, both(no(s.if_), no(s.else_), s.path), s.path);
  }
  if constexpr (std::is_same_v<Case, ObjectCase>) {
    for (const Schema::Property& dependent : s.dependent_schemas) {
      std::vector<Case> present(1);
      present[0].required.push_back(key(dependent.key));
      either(ways, both(present, no(dependent.schema), s.path), s.path);
    }
  }
  constexpr bool kIsObject = std::is_same_v<Case, ObjectCase>;
  const SchemaId unevaluated = kIsObject ? s.unevaluated_properties : s.unevaluated_items;
  if (unevaluated != kNoSchema) {
    if (!s.all_of.empty() || !s.any_of.empty() || !s.one_of.empty() || s.if_ != kNoSchema ||
        !s.dependent_schemas.empty() || s.contains != kNoSchema) {
      give_up("unevaluatedProperties or unevaluatedItems beside other applicators is not covered "
              "under not and oneOf; name the properties instead",
              s.path);
      return ways;
    }
    Case others;
    if (own(id, others)) {
      Case one;
      const MapId rest = map(ChildMap{unevaluated, true, others.covers, false});
      if constexpr (kIsObject) one.broken.push_back(ObjectCase::Broken{rest, {}});
      else one.broken.push_back(rest);
      either(ways, std::vector<Case>{one}, s.path);
    }
  }
  for (Case& way : ways) {
    way.covers.clear();
    way.covers_all = false;
  }
  return ways;
}

/// The schema without its boolean keywords: what holds beside every branch of them.
SchemaId Cases::own_part(SchemaId id) {
  if (const auto known = own_parts_.find(id); known != own_parts_.end()) return known->second;
  Schema part = schema(id);
  part.all_of.clear();
  part.any_of.clear();
  part.one_of.clear();
  part.negated = part.if_ = part.then_ = part.else_ = kNoSchema;
  part.unevaluated_items = part.unevaluated_properties = kNoSchema;
  part.dependent_schemas.clear();
  const SchemaId made = add_schema(std::move(part));
  texts(made).pattern = texts(id).pattern;
  texts(made).key_patterns = texts(id).key_patterns;
  return own_parts_[id] = made;
}

template <class Case>
bool Cases::apart(SchemaId a, SchemaId b, SchemaId beside) {
  RequirementId both_hold =
      with(with(kAnything, Literal{a, false}.word()), Literal{b, false}.word());
  if (beside != kNoSchema) both_hold = with(both_hold, Literal{beside, false}.word());
  const std::uint32_t outside = std::exchange(rests_on_, kNoQuestion);
  bool none = true;
  if constexpr (std::is_same_v<Case, ObjectCase>) {
    for (const ObjectCaseId id : objects(both_hold)) none = none && finish_members(id, false) == kEndless;
  } else {
    for (const ArrayCaseId id : arrays(both_hold)) none = none && finish_items(id, false) == kEndless;
  }
  none = none && rests_on_ == kNoQuestion && !limit_;
  rests_on_ = outside;
  return none;
}

bool Cases::impossible(RequirementId id) {
  const std::uint32_t outside = std::exchange(rests_on_, kNoQuestion);
  const bool none = finish(id) == kEndless && rests_on_ == kNoQuestion && !limit_;
  rests_on_ = outside;
  return none;
}

template <class Case>
std::vector<Case> Cases::expand_all(const std::vector<std::uint32_t>& literals) {
  std::vector<Case> cases(1);
  for (const std::uint32_t word : literals) {
    if (cases.empty()) break;
    cases = both(cases, expand<Case>(Literal::of(word), 0), where(asked_));
  }
  for (Case& one : cases) {
    one.covers.clear();
    one.covers_all = false;
  }
  return cases;
}

template <class Case>
const std::vector<std::uint32_t>& Cases::cases_of(RequirementId id, Expansion& known) {
  static const std::vector<std::uint32_t> kNone;
  if (known.cases) return *known.cases;
  if (known.open != 0) {  // asked for by a part of the answer
    rest_on(known.open);
    return kNone;
  }
  const Question question = ask(known.open);
  const std::uint64_t doubts_before = doubts();
  std::vector<std::uint32_t> ids;
  for (Case& one : expand_all<Case>(std::vector<std::uint32_t>(requirements_[id].literals))) {
    if (settle(one)) ids.push_back(intern(std::move(one)));
  }
  if (doubts() != doubts_before) ids.clear();  // one of them may allow too much
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  answered(question, false);  // a "none" in between was cautious
  known.cases = std::move(ids);
  return *known.cases;
}

const std::vector<ObjectCaseId>& Cases::objects(RequirementId id) {
  return cases_of<ObjectCase>(id, requirements_[id].objects);
}

const std::vector<ArrayCaseId>& Cases::arrays(RequirementId id) {
  return cases_of<ArrayCase>(id, requirements_[id].arrays);
}

}  // namespace praxis::grammar
