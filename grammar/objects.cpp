// Objects: which key may come next, what its value must satisfy, and whether the rest can be had.

#include <algorithm>

#include "grammar/cases.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kPatternsMax = 5;   // so many may overlap in every way
constexpr std::size_t kUnnamedMax = 500;  // keys of a completion that no schema names
constexpr std::size_t kQuestionsMax = 8;  // so many are answered in every way

template <class T>
bool holds(const std::vector<T>& sorted, T value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}
template <class T>
void put_in(std::vector<T>& sorted, T value) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
  if (at == sorted.end() || *at != value) sorted.insert(at, value);
}
template <class T>
void take_out(std::vector<T>& sorted, T value) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
  if (at != sorted.end() && *at == value) sorted.erase(at);
}

void put(std::vector<std::uint32_t>& words, const std::vector<std::uint32_t>& list) {
  words.push_back(static_cast<std::uint32_t>(list.size()));
  words.insert(words.end(), list.begin(), list.end());
}

}  // namespace

/// What a completion is looked for in.
struct Cases::Search {
  const ObjectCase& object;
  const Order& order;
  bool at_least_one = false;
  std::size_t written = 0;            // so many of the forbidden keys `extras` still holds
  std::optional<LanguageId> extras;   // keys outside the order, once asked for
};

/// Members that a completion would write, and what their values must satisfy.
struct Cases::Plan {
  std::vector<std::pair<KeyId, RequirementId>> members;
  std::vector<KeyId> missing;  // these it does not write
  std::pair<KeyId, RequirementId>* find(KeyId key) {
    const auto at = std::find_if(members.begin(), members.end(),
                                 [&](const auto& member) { return member.first == key; });
    return at == members.end() ? nullptr : &*at;
  }
};

MapId Cases::map(ChildMap map) {
  std::vector<std::uint32_t> words{map.schema, map.unevaluated, map.negated};
  put(words, map.covered_by);
  const auto [id, added] = map_index_.add(words);
  if (added) maps_.push_back(std::move(map));
  return id;
}

bool Cases::covers(MapId id, std::string_view key) {
  const ChildMap& map = maps_[id];
  if (map.unevaluated) return true;
  const Schema& s = schema(map.schema);
  if (s.additional != kNoSchema) return true;
  for (const Schema::Property& property : s.properties) {
    if (property.key == key) return true;
  }
  for (const LanguageId pattern : texts(map.schema).key_patterns) {
    if (languages_.matches(pattern, key)) return true;
  }
  return false;
}

void Cases::literals_of(MapId id, std::string_view key, std::vector<std::uint32_t>& out) {
  const ChildMap& map = maps_[id];
  if (map.unevaluated) {
    const bool covered = std::any_of(map.covered_by.begin(), map.covered_by.end(),
                                     [&](MapId other) { return covers(other, key); });
    if (!covered) out.push_back(Literal{map.schema, false}.word());
    return;
  }
  const Schema& s = schema(map.schema);
  SchemaTexts& known = texts(map.schema);
  if (known.properties.empty()) {
    for (const Schema::Property& property : s.properties)
      known.properties.try_emplace(property.key, property.schema);
  }
  bool spoken_of = false;
  if (const auto at = known.properties.find(key); at != known.properties.end()) {
    out.push_back(Literal{at->second, map.negated}.word());
    spoken_of = true;
  }
  for (std::size_t i = 0; i < known.key_patterns.size(); ++i) {
    if (!languages_.matches(known.key_patterns[i], key)) continue;
    out.push_back(Literal{s.pattern_properties[i].schema, false}.word());
    spoken_of = true;
  }
  if (!spoken_of && s.additional != kNoSchema) out.push_back(Literal{s.additional, false}.word());
}

/// Does every value at `key` that satisfies `value` break the map, certainly?
bool Cases::breaks(RequirementId value, MapId map, KeyId key) {
  if (map == kNoMap) return false;
  std::vector<std::uint32_t> stated;
  literals_of(map, key_texts_[key], stated);
  if (stated.empty()) return false;
  for (const std::uint32_t literal : stated) value = with(value, literal);
  return impossible(value);
}

RequirementId Cases::value_of(const std::vector<MapId>& maps, KeyId key) {
  std::vector<std::uint32_t> literals;
  for (const MapId id : maps) literals_of(id, key_texts_[key], literals);
  std::sort(literals.begin(), literals.end());
  literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
  return intern(std::move(literals));
}

std::uint32_t Cases::order_of(const std::vector<MapId>& maps) {
  const auto [id, added] = order_index_.add(maps);
  if (!added) return id;
  Order order;
  std::vector<std::string> declared;
  for (const MapId map : maps) {
    if (maps_[map].unevaluated) continue;
    for (const Schema::Property& property : schema(maps_[map].schema).properties) {
      const KeyId id = key(property.key);
      if (!order.index.emplace(id, static_cast<std::uint32_t>(order.members.size())).second) continue;
      order.members.push_back(Order::Member{id, kAnything, {}});
      declared.push_back(property.key);
    }
    for (const LanguageId pattern : texts(maps_[map].schema).key_patterns) put_in(order.patterns, pattern);
    if (!options_.any_order) put_in_line(schema(maps_[map].schema), order);
  }
  for (Order::Member& member : order.members) member.value = value_of(maps, member.key);
  order.sorted.resize(order.members.size());
  for (std::uint32_t i = 0; i < order.sorted.size(); ++i) order.sorted[i] = i;
  std::sort(order.sorted.begin(), order.sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return key_spelled_[order.members[a].key] < key_spelled_[order.members[b].key];
  });
  if (!declared.empty()) order.declared = languages_.texts(std::move(declared));
  orders_.push_back(std::move(order));
  return id;
}

/// Of two required keys that follow each other in `properties`, the second waits for the first if
/// `required` names them in this order, too. A key never waits for one that another map put behind it.
void Cases::put_in_line(const Schema& schema, Order& order) {
  std::unordered_map<std::string_view, std::size_t> named;
  for (std::size_t i = 0; i < schema.required.size(); ++i) named.try_emplace(schema.required[i], i);
  std::optional<std::pair<KeyId, std::size_t>> before;
  for (const Schema::Property& property : schema.properties) {
    const auto at = named.find(property.key);
    if (at == named.end()) continue;
    const KeyId id = key(property.key);
    const std::uint32_t place = order.index.at(id);
    if (before && before->second < at->second && order.index.at(before->first) < place)
      put_in(order.members[place].behind, before->first);
    before = {id, at->second};
  }
}

ObjectCaseId Cases::intern(ObjectCase object) {
  std::sort(object.implied.begin(), object.implied.end(), [](const auto& a, const auto& b) {
    return a.key != b.key ? a.key < b.key : a.needed < b.needed;
  });
  std::vector<std::uint32_t> words;
  put(words, object.maps);
  words.push_back(static_cast<std::uint32_t>(object.broken.size()));
  for (const ObjectCase::Broken& broken : object.broken) {
    words.push_back(broken.map);
    put(words, broken.missing);
  }
  put(words, object.required);
  put(words, object.forbidden);
  put(words, object.broken_names);
  words.insert(words.end(), {object.names, object.min, object.max});
  for (const ObjectCase::Implied& implied : object.implied) {
    words.push_back(implied.key);
    put(words, implied.needed);
  }
  const auto [id, added] = object_index_.add(words);
  if (!added) return id;
  KnownObject known;
  known.order = order_of(object.maps);
  known.may_close = object.min == 0 && object.required.empty() && object.broken_names.empty() &&
                    std::none_of(object.broken.begin(), object.broken.end(),
                                 [](const auto& broken) { return broken.missing.empty(); });
  known.object = std::move(object);
  objects_.push_back(std::move(known));
  return id;
}

/// Keys outside the order that may come next.
LanguageId Cases::extras_of(const ObjectCase& object, const Order& order) {
  if (object.max == 0) return kNothing;
  if (order.patterns.size() > kKeyPatternsMax) {
    give_up(too_many_patterns(), where(asked_));
    return kNothing;
  }
  const std::uint64_t doubts_before = doubts();
  LanguageId keys = object.names;
  if (order.declared != kNothing) keys = languages_.without(keys, order.declared);
  std::vector<std::string> forbidden;
  for (const KeyId key : object.forbidden) {
    if (!order.index.contains(key)) forbidden.push_back(key_texts_[key]);
  }
  if (!forbidden.empty()) keys = languages_.without(keys, languages_.texts(std::move(forbidden)));

  // What a value must satisfy depends on the patterns that its key matches: leave out the keys
  // whose values cannot be had.
  const auto literals_in = [&](const std::vector<LanguageId>& matched) {
    std::vector<std::uint32_t> literals;
    const auto covered = [&](MapId id) {
      const Schema& s = schema(maps_[id].schema);
      if (maps_[id].unevaluated || s.additional != kNoSchema) return true;
      const auto& patterns = texts(maps_[id].schema).key_patterns;
      return std::any_of(patterns.begin(), patterns.end(),
                         [&](LanguageId pattern) { return holds(matched, pattern); });
    };
    for (const MapId id : object.maps) {
      const ChildMap& map = maps_[id];
      if (map.unevaluated) {
        if (std::none_of(map.covered_by.begin(), map.covered_by.end(), covered))
          literals.push_back(Literal{map.schema, false}.word());
        continue;
      }
      const Schema& s = schema(map.schema);
      const auto& patterns = texts(map.schema).key_patterns;
      bool spoken_of = false;
      for (std::size_t i = 0; i < patterns.size(); ++i) {
        if (!holds(matched, patterns[i])) continue;
        literals.push_back(Literal{s.pattern_properties[i].schema, false}.word());
        spoken_of = true;
      }
      if (!spoken_of && s.additional != kNoSchema) literals.push_back(Literal{s.additional, false}.word());
    }
    std::sort(literals.begin(), literals.end());
    literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
    return intern(std::move(literals));
  };
  const std::size_t patterns = order.patterns.size();
  const std::size_t together_max = patterns <= kPatternsMax ? patterns : 2;
  std::vector<LanguageId> matched;
  const auto visit = [&](auto&& self, std::size_t from) -> void {
    if (finish(literals_in(matched)) == kEndless) {
      LanguageId region = keys;
      for (const LanguageId pattern : order.patterns) {
        const LanguageId parts[] = {region, pattern};
        region = holds(matched, pattern) ? languages_.all_of(parts) : languages_.without(region, pattern);
      }
      keys = languages_.without(keys, region);
    }
    if (matched.size() == together_max) return;
    for (std::size_t i = from; i < patterns; ++i) {
      matched.push_back(order.patterns[i]);
      self(self, i + 1);
      matched.pop_back();
    }
  };
  visit(visit, 0);
  return languages_.empty(keys) || doubts() != doubts_before ? kNothing : keys;
}

/// Leaves out the keys after which the rest of the object could not be had. Keys that answer the
/// case's questions alike are alike, so one of each kind is tried.
LanguageId Cases::completable(ObjectCaseId id, LanguageId keys) {
  const ObjectCase& object = objects_[id].object;
  const Order& order = orders_[objects_[id].order];
  const bool simple = object.min == 0 && object.max == kUnlimited && object.broken.empty() &&
                      object.broken_names.empty() && object.implied.empty();
  if (simple || keys == kNothing) return keys;
  const std::vector<LanguageId> asked = questions(id);
  if (asked.size() > kQuestionsMax) return keys;
  for (std::uint64_t answers = 0; answers < std::uint64_t{1} << asked.size(); ++answers) {
    LanguageId kind = keys;
    for (std::size_t i = 0; i < asked.size() && kind != kNothing; ++i) {
      const LanguageId parts[] = {kind, asked[i]};
      kind = answers >> i & 1 ? languages_.all_of(parts) : languages_.without(kind, asked[i]);
    }
    const std::vector<std::string> some = languages_.samples(kind, 1);
    if (!some.empty() && taken(object, order, key(some[0]), keys).empty())
      keys = languages_.without(keys, kind);
  }
  return languages_.empty(keys) ? kNothing : keys;
}

LanguageId Cases::extras(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (known.extras) return *known.extras;
  const bool before = tainted_;
  tainted_ = false;
  const std::uint64_t doubts_before = doubts();
  LanguageId made = completable(id, extras_of(known.object, orders_[known.order]));
  if (doubts() != doubts_before) {
    made = kNothing;
    if (languages_.exhausted()) note_work(where(asked_));
  }
  if (!tainted_) known.extras = made;
  tainted_ = tainted_ || before;
  return made;
}

bool Cases::has_extras(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (!known.has_extras) {
    known.has_extras = extras_of(known.object, orders_[known.order]) != kNothing;
  }
  return *known.has_extras;
}

const std::vector<LanguageId>& Cases::questions(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (known.questions) return *known.questions;
  const ObjectCase& object = known.object;
  const Order& order = orders_[known.order];
  std::vector<LanguageId> made = order.patterns;
  const auto named = [&](KeyId key) {
    if (!order.index.contains(key)) put_in(made, languages_.text(key_texts_[key]));
  };
  for (const KeyId key : object.required) named(key);
  for (const KeyId key : object.forbidden) named(key);
  for (const ObjectCase::Implied& implied : object.implied) {
    named(implied.key);
    for (const KeyId key : implied.needed) named(key);
  }
  for (const LanguageId name : object.broken_names) put_in(made, name);
  const auto ask_about = [&](auto&& self, MapId map) -> void {
    for (const MapId other : maps_[map].covered_by) self(self, other);
    if (maps_[map].unevaluated) return;
    for (const Schema::Property& property : schema(maps_[map].schema).properties) named(key(property.key));
    for (const LanguageId pattern : texts(maps_[map].schema).key_patterns) put_in(made, pattern);
  };
  for (const ObjectCase::Broken& broken : object.broken) {
    for (const KeyId key : broken.missing) named(key);
    if (broken.map != kNoMap) ask_about(ask_about, broken.map);
  }
  for (const MapId map : object.maps) {
    if (maps_[map].unevaluated) ask_about(ask_about, map);
  }
  known.questions = std::move(made);
  return *known.questions;
}

std::optional<KeyId> Cases::example(ObjectCaseId id, std::uint64_t answers) {
  KnownObject& known = objects_[id];
  const auto [at, added] = known.examples.try_emplace(answers);
  if (!added) return at->second;
  LanguageId keys = extras(id);
  const std::vector<LanguageId>& asked = questions(id);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const LanguageId parts[] = {keys, asked[i]};
    keys = answers >> i & 1 ? languages_.all_of(parts) : languages_.without(keys, asked[i]);
  }
  for (const std::string& text : languages_.samples(keys, 1)) at->second = key(text);
  return at->second;
}

/// Is a key still to come that comes first?
bool Cases::waits(const ObjectCase& object, const Order::Member& member) const {
  return std::any_of(member.behind.begin(), member.behind.end(),
                     [&](KeyId first) { return holds(object.required, first); });
}

bool Cases::available(const ObjectCase& object, const Order& order, KeyId key, LanguageId extras) {
  if (holds(object.forbidden, key)) return false;
  if (object.names != kAnyText && !languages_.matches(object.names, key_texts_[key])) return false;
  const auto at = order.index.find(key);
  if (at != order.index.end()) return true;
  return languages_.matches(extras, key_texts_[key]);
}

LanguageId Cases::extras(Search& search) {
  if (!search.extras) search.extras = extras_of(search.object, search.order);
  return *search.extras;
}

/// Keys of the language, `count` of them if there are so many that were not written yet.
std::vector<KeyId> Cases::unwritten(const Search& search, LanguageId keys, std::size_t count) {
  std::vector<KeyId> made;
  for (const std::string& text : languages_.samples(keys, count + search.written)) {
    const KeyId one = key(text);
    if (made.size() < count && !holds(search.object.forbidden, one)) made.push_back(one);
  }
  return made;
}

/// Keys that a completion may choose from: all ordered ones that can still come, and `more` others.
std::vector<KeyId> Cases::candidates(Search& search, std::size_t more) {
  std::vector<KeyId> keys;
  for (const Order::Member& member : search.order.members) {
    if (available(search.object, search.order, member.key, kNothing)) keys.push_back(member.key);
  }
  if (more == 0 || extras(search) == kNothing) return keys;
  for (const KeyId one : unwritten(search, extras(search), more)) keys.push_back(one);
  for (const KeyId one : one_of_each_kind(search, search.order.patterns)) {
    if (std::find(keys.begin(), keys.end(), one) == keys.end()) keys.push_back(one);
  }
  return keys;
}

/// A key outside the order for every way to match some of the patterns and not the others.
std::vector<KeyId> Cases::one_of_each_kind(Search& search, std::vector<LanguageId> patterns) {
  if (patterns.size() > kPatternsMax) patterns.resize(kPatternsMax);
  const LanguageId keys = extras(search);
  std::vector<KeyId> made;
  for (std::uint32_t matched = 0; matched < 1u << patterns.size(); ++matched) {
    LanguageId kind = keys;
    for (std::size_t i = 0; i < patterns.size() && kind != kNothing; ++i) {
      const LanguageId parts[] = {kind, patterns[i]};
      kind = matched >> i & 1 ? languages_.all_of(parts) : languages_.without(kind, patterns[i]);
    }
    for (const KeyId one : unwritten(search, kind, 1)) made.push_back(one);
  }
  return made;
}

/// The plan's bytes once every key that it implies is in it and there are enough members.
Cases::Completion Cases::carry_out(Search& search, Plan plan) {
  const ObjectCase& object = search.object;
  const auto failed = Completion{};
  const auto is_missing = [&](KeyId key) {
    return std::find(plan.missing.begin(), plan.missing.end(), key) != plan.missing.end();
  };
  for (std::size_t i = 0; i < plan.members.size(); ++i) {
    const KeyId key = plan.members[i].first;
    const bool ordered = search.order.index.contains(key);
    if (!available(object, search.order, key, ordered ? kNothing : extras(search))) return failed;
    for (const ObjectCase::Implied& implied : object.implied) {
      if (implied.key != key) continue;
      for (const KeyId needed : implied.needed) {
        if (is_missing(needed)) return failed;
        if (!plan.find(needed)) plan.members.emplace_back(needed, value_of(object.maps, needed));
      }
    }
  }
  Completion made{0, 0, {}};
  const auto bytes_of = [&](KeyId key, RequirementId value) {
    return add_bytes(key_spelled_[key].size() + 3, finish(value));
  };
  for (const auto& [key, value] : plan.members) made.bytes = add_bytes(made.bytes, bytes_of(key, value));
  const std::uint32_t least = std::max(object.min, search.at_least_one ? 1u : 0u);
  if (plan.members.size() > object.max || least > object.max) return failed;
  made.members = plan.members;
  if (made.members.size() < least) {
    const std::size_t missing = least - made.members.size();
    struct Offer {
      std::uint64_t bytes;
      KeyId key;
      RequirementId value;
    };
    std::vector<Offer> offers;
    const std::size_t unfit = plan.members.size() + plan.missing.size() + object.implied.size();
    for (const KeyId key : candidates(search, missing + unfit)) {
      const bool implies = std::any_of(object.implied.begin(), object.implied.end(),
                                       [&](const auto& implied) { return implied.key == key; });
      if (implies || is_missing(key) || plan.find(key)) continue;
      const RequirementId value = value_of(object.maps, key);
      offers.push_back(Offer{bytes_of(key, value), key, value});
    }
    if (offers.size() < missing) {
      if (missing > kUnnamedMax)
        give_up("more than " + std::to_string(kUnnamedMax) +
                    " keys that nobody names are needed (grammar.unnamed_keys_max); ask for fewer",
                where(asked_));
      return failed;
    }
    std::partial_sort(offers.begin(), offers.begin() + static_cast<std::ptrdiff_t>(missing), offers.end(),
                      [](const Offer& a, const Offer& b) { return a.bytes < b.bytes; });
    for (std::size_t i = 0; i < missing; ++i) {
      made.bytes = add_bytes(made.bytes, offers[i].bytes);
      made.members.emplace_back(offers[i].key, offers[i].value);
    }
  }
  made.count = static_cast<std::uint32_t>(made.members.size());
  if (made.bytes != kEndless && made.count > 1) made.bytes = add_bytes(made.bytes, made.count - 1);
  return made.bytes == kEndless ? failed : made;
}

/// Finds members that break what is still to be broken, from the `at`-th on, by backtracking; true
/// once a completion was found.
bool Cases::satisfy(Search& search, Plan& plan, std::size_t at, Completion& best) {
  if (!burn()) return false;
  const ObjectCase& object = search.object;
  if (at == object.broken.size() + object.broken_names.size()) {
    best = carry_out(search, plan);
    return best.bytes != kEndless;
  }
  if (at >= object.broken.size()) {
    const LanguageId others = extras(search);
    const LanguageId name = object.broken_names[at - object.broken.size()];
    std::vector<KeyId> keys = candidates(search, 0);
    for (const KeyId one : unwritten(search, languages_.without(others, name), 1 + plan.members.size()))
      keys.push_back(one);
    // One key may break two of them, where there is no room for two keys.
    for (std::size_t other = at + 1; other < object.broken.size() + object.broken_names.size(); ++other) {
      const LanguageId taken[] = {name, object.broken_names[other - object.broken.size()]};
      for (const KeyId one : unwritten(search, languages_.without(others, languages_.any_of(taken)), 1))
        keys.push_back(one);
    }
    for (const auto& member : plan.members) keys.push_back(member.first);
    for (const KeyId key : keys) {
      if (languages_.matches(name, key_texts_[key])) continue;
      const Plan kept = plan;
      if (!plan.find(key)) plan.members.emplace_back(key, value_of(object.maps, key));
      if (satisfy(search, plan, at + 1, best)) return true;
      plan = kept;
    }
    return false;
  }
  const ObjectCase::Broken& broken = object.broken[at];
  for (const KeyId key : broken.missing) {
    if (plan.find(key)) continue;
    plan.missing.push_back(key);
    if (satisfy(search, plan, at + 1, best)) return true;
    plan.missing.pop_back();
  }
  if (broken.map == kNoMap) return false;
  std::vector<KeyId> tried = plan.missing;
  const auto try_key = [&](KeyId key) {
    if (std::find(tried.begin(), tried.end(), key) != tried.end()) return false;
    tried.push_back(key);
    std::vector<std::uint32_t> stated;
    literals_of(broken.map, key_texts_[key], stated);
    for (const std::uint32_t literal : stated) {
      const Plan kept = plan;
      if (!plan.find(key)) plan.members.emplace_back(key, value_of(object.maps, key));
      auto* member = plan.find(key);
      member->second = with(member->second, literal ^ 1u);
      if (finish(member->second) != kEndless && satisfy(search, plan, at + 1, best)) return true;
      plan = kept;
    }
    return false;
  };
  const auto try_keys = [&](const std::vector<KeyId>& keys) { return std::any_of(keys.begin(), keys.end(), try_key); };
  // Keys that are written anyway, then those that the map names, then any: each is dearer to find.
  std::vector<KeyId> written;
  for (const auto& member : plan.members) written.push_back(member.first);
  if (try_keys(written)) return true;
  const ChildMap& map = maps_[broken.map];
  if (!map.unevaluated) {
    for (const Schema::Property& property : schema(map.schema).properties) {
      const KeyId id = key(property.key);
      if (available(object, search.order, id, extras(search)) && try_key(id)) return true;
    }
    std::vector<LanguageId> patterns = search.order.patterns;
    for (const LanguageId pattern : texts(map.schema).key_patterns) put_in(patterns, pattern);
    if (try_keys(one_of_each_kind(search, patterns))) return true;
  }
  return try_keys(candidates(search, 1 + plan.members.size()));
}

Cases::Completion Cases::complete_members(ObjectCaseId id, bool at_least_one) {
  KnownObject& known = objects_[id];
  auto& answer = at_least_one ? known.one_needed : known.none_needed;
  if (answer) return *answer;
  if (known.busy || depth_ >= options_.depth_max || !burn()) {
    too_deep_ = too_deep_ || depth_ >= options_.depth_max;
    tainted_ = true;
    return Completion{};
  }
  known.busy = true;
  const bool before = tainted_;
  tainted_ = false;
  Completion made = complete_beside(id, at_least_one, {});
  known.busy = false;
  if (made.bytes != kEndless || !tainted_) answer = made;
  tainted_ = before || (tainted_ && made.bytes == kEndless);
  return made;
}

/// A completion that writes none of the keys that were `written` beside those the case forbids.
Cases::Completion Cases::complete_beside(ObjectCaseId id, bool at_least_one,
                                         const std::vector<KeyId>& written) {
  ++depth_;
  ObjectCase object = objects_[id].object;
  Search search{object, orders_[objects_[id].order], at_least_one, written.size(), std::nullopt};
  if (!written.empty()) {
    extras(search);
    for (const KeyId key : written) put_in(object.forbidden, key);
  }
  Plan plan;
  for (const KeyId key : object.required) plan.members.emplace_back(key, value_of(object.maps, key));
  Completion made;
  // What only a value can break comes first, each by itself: most often that is where a search fails.
  std::stable_sort(object.broken.begin(), object.broken.end(),
                   [](const auto& a, const auto& b) { return a.missing.size() < b.missing.size(); });
  bool possible = true;
  if (object.broken.size() > 1) {
    ObjectCase alone = object;
    Search part{alone, search.order, false, search.written, search.extras};
    for (const ObjectCase::Broken& broken : object.broken) {
      if (!broken.missing.empty() || !possible) break;
      alone.broken.assign(1, broken);
      Plan some = plan;
      possible = satisfy(part, some, 0, made);
    }
  }
  if (!possible || !satisfy(search, plan, 0, made)) made = Completion{};
  --depth_;
  end_search(made.bytes != kEndless);
  if (made.bytes != kEndless) finish_most_ = std::max(finish_most_, made.bytes);
  return made;
}

std::uint64_t Cases::finish_members(ObjectCaseId id, bool at_least_one) {
  const auto& known = at_least_one ? objects_[id].one_needed : objects_[id].none_needed;
  return known ? known->bytes : complete_members(id, at_least_one).bytes;
}

std::vector<KeyId> Cases::members_needed(ObjectCaseId id, bool at_least_one,
                                         const std::vector<KeyId>& written, std::uint64_t& bytes) {
  Completion way = complete_members(id, at_least_one);
  const auto is_written = [&](const auto& member) {
    return std::find(written.begin(), written.end(), member.first) != written.end();
  };
  if (std::any_of(way.members.begin(), way.members.end(), is_written))
    way = complete_beside(id, at_least_one, written);
  bytes = way.bytes;
  std::vector<KeyId> keys;
  for (const auto& member : way.members) keys.push_back(member.first);
  return keys;
}

bool Cases::needs_extras(ObjectCaseId id) {
  const Order& order = orders_[objects_[id].order];
  const Completion way = complete_members(id, false);
  return std::any_of(way.members.begin(), way.members.end(),
                     [&](const auto& member) { return !order.index.contains(member.first); });
}

std::vector<Cases::ObjectStep> Cases::take(ObjectCaseId id, KeyId key) {
  const ObjectCase& object = objects_[id].object;
  const Order& order = orders_[objects_[id].order];
  if (object.max == 0 || holds(object.forbidden, key)) return {};
  if (object.names != kAnyText && !languages_.matches(object.names, key_texts_[key])) return {};
  const auto at = order.index.find(key);
  const bool ordered = at != order.index.end();
  if (ordered && waits(object, order.members[at->second])) return {};
  const LanguageId others = ordered ? kNothing : extras(id);
  if (!ordered && !languages_.matches(others, key_texts_[key])) return {};
  return taken(object, order, key, others);
}

std::vector<Cases::ObjectStep> Cases::taken(const ObjectCase& object, const Order& order, KeyId key,
                                            LanguageId others) {
  const auto at = order.index.find(key);
  const bool ordered = at != order.index.end();
  ObjectCase rest = object;
  take_out(rest.required, key);
  for (std::size_t i = 0; i < rest.implied.size();) {
    ObjectCase::Implied& implied = rest.implied[i];
    take_out(implied.needed, key);
    if (implied.key == key) {
      for (const KeyId needed : implied.needed) put_in(rest.required, needed);
      implied.needed.clear();
    }
    if (implied.needed.empty()) rest.implied.erase(rest.implied.begin() + static_cast<std::ptrdiff_t>(i));
    else ++i;
  }
  if (rest.min > 0) --rest.min;
  if (rest.max != kUnlimited) --rest.max;
  const auto names_it = [&](const ObjectCase::Broken& broken) {
    if (std::binary_search(broken.missing.begin(), broken.missing.end(), key)) return true;
    if (broken.map == kNoMap || maps_[broken.map].unevaluated) return false;
    const auto& properties = schema(maps_[broken.map].schema).properties;
    return std::any_of(properties.begin(), properties.end(),
                       [&](const Schema::Property& property) { return property.key == key_texts_[key]; });
  };
  // Other keys that were written are remembered elsewhere.
  if (ordered || finite(others) || std::any_of(rest.broken.begin(), rest.broken.end(), names_it))
    put_in(rest.forbidden, key);
  std::erase_if(rest.broken_names,
                [&](LanguageId name) { return !languages_.matches(name, key_texts_[key]); });
  const RequirementId value = ordered ? order.members[at->second].value : value_of(object.maps, key);

  std::erase_if(rest.broken, [&](const auto& broken) { return breaks(value, broken.map, key); });
  for (ObjectCase::Broken& broken : rest.broken) take_out(broken.missing, key);
  std::sort(rest.broken.begin(), rest.broken.end());
  // Each map that some value may break is either broken by this one or left for later.
  std::vector<std::pair<RequirementId, ObjectCase>> ways{{value, std::move(rest)}};
  for (const ObjectCase::Broken& broken : std::vector<ObjectCase::Broken>(ways[0].second.broken)) {
    if (broken.map == kNoMap) continue;
    std::vector<std::uint32_t> stated;
    literals_of(broken.map, key_texts_[key], stated);
    const std::size_t count = ways.size();
    for (std::size_t i = 0; i < count && ways.size() < options_.cases_max; ++i) {
      for (const std::uint32_t literal : stated) {
        const RequirementId other = with(ways[i].first, literal ^ 1u);
        if (impossible(other)) continue;
        auto way = ways[i];
        way.first = other;
        std::erase(way.second.broken, broken);
        ways.push_back(std::move(way));
      }
    }
  }
  std::vector<ObjectStep> steps;
  for (auto& [asked, left] : ways) {
    if (finish(asked) == kEndless || !settle_broken(left)) continue;
    const ObjectCaseId next = intern(std::move(left));
    if (finish_members(next, false) != kEndless) steps.push_back(ObjectStep{asked, next});
  }
  return steps;
}

const std::vector<bool>& Cases::open(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (known.open) return *known.open;
  const ObjectCase& object = known.object;
  const Order& order = orders_[known.order];
  std::vector<bool> open(order.members.size(), false);
  const bool simple = object.min == 0 && object.broken.empty() && object.broken_names.empty() &&
                      object.implied.empty() && object.max >= object.required.size();
  for (std::uint32_t i = 0; i < open.size() && object.max > 0; ++i) {
    if (waits(object, order.members[i])) continue;
    const KeyId key = order.members[i].key;
    const bool required = holds(object.required, key);
    if (simple) {
      open[i] = !holds(object.forbidden, key) && finish(order.members[i].value) != kEndless &&
                (required || object.max > object.required.size()) &&
                (object.names == kAnyText || languages_.matches(object.names, key_texts_[key]));
    } else {
      open[i] = !take(id, key).empty();
    }
  }
  known.open = std::move(open);
  return *known.open;
}

bool Cases::many_members(ObjectCaseId id) {
  const LanguageId others = extras(id);
  if (others != kNothing && !finite(others)) return true;
  const std::vector<bool> keys = open(id);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] && many(order(id).members[i].value)) return true;
  }
  return false;
}

bool Cases::may_go_on(ObjectCaseId id) {
  const std::vector<bool>& keys = open(id);
  return std::find(keys.begin(), keys.end(), true) != keys.end() || extras(id) != kNothing;
}

}  // namespace praxis::grammar
