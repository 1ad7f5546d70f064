// Objects: which key may come next, what its value must satisfy, and what is left behind it.

#include <algorithm>

#include "grammar/cases.h"
#include "grammar/sorted.h"
#include "grammar/ways.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kQuestionsMax = 8;  // so many are answered in every way

void put(std::vector<std::uint32_t>& words, const std::vector<std::uint32_t>& list) {
  words.push_back(static_cast<std::uint32_t>(list.size()));
  words.insert(words.end(), list.begin(), list.end());
}

}  // namespace

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
  for (const MapId map : maps) {
    if (maps_[map].unevaluated) continue;
    for (const Schema::Property& property : schema(maps_[map].schema).properties) {
      const KeyId id = key(property.key);
      if (!order.index.emplace(id, static_cast<std::uint32_t>(order.members.size())).second) continue;
      order.members.push_back(Order::Member{id, kAnything, {}});
    }
    for (const LanguageId pattern : texts(maps_[map].schema).key_patterns) put_in(order.patterns, pattern);
    if (!options_.any_order) put_in_line(schema(maps_[map].schema), order);
  }
  for (Order::Member& member : order.members) member.value = value_of(maps, member.key);
  sort_by_spelling(order);
  orders_.push_back(std::move(order));
  return id;
}

void Cases::sort_by_spelling(Order& order) const {
  order.sorted.resize(order.members.size());
  for (std::uint32_t i = 0; i < order.sorted.size(); ++i) order.sorted[i] = i;
  std::sort(order.sorted.begin(), order.sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return key_spelled_[order.members[a].key] < key_spelled_[order.members[b].key];
  });
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
  std::erase_if(object.conditional, [&](const ObjectCase::Conditional& one) {
    const bool comes = holds(object.required, one.key);
    if (comes) put_in(object.maps, one.map);
    return comes || holds(object.forbidden, one.key);
  });
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
  words.push_back(static_cast<std::uint32_t>(object.implied.size()));
  for (const ObjectCase::Implied& implied : object.implied) {
    words.push_back(implied.key);
    put(words, implied.needed);
  }
  for (const ObjectCase::Conditional& one : object.conditional) words.insert(words.end(), {one.key, one.map});
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
LanguageId Cases::extras_of(const ObjectCase& object, Order& order) {
  if (object.max == 0) return kNothing;
  const std::uint64_t doubts_before = doubts();
  const LanguageId parts[] = {object.names, others_of(object.maps, order)};
  LanguageId keys = languages_.all_of(parts);
  std::vector<std::string> forbidden;
  for (const KeyId key : object.forbidden) {
    if (!order.index.contains(key)) forbidden.push_back(key_texts_[key]);
  }
  if (keys != kNothing && !forbidden.empty()) keys = languages_.without(keys, languages_.texts(std::move(forbidden)));
  return languages_.empty(keys) || doubts() != doubts_before ? kNothing : keys;
}

/// Keys outside the maps' order. What a value must satisfy depends on the patterns that its key matches:
/// keys whose values cannot be had are left out.
LanguageId Cases::others_of(const std::vector<MapId>& maps, Order& order) {
  if (order.others) return *order.others;
  if (order.patterns.size() > kKeyPatternsMax) {
    give_up(too_many_patterns(), where(asked_));
    return kNothing;
  }
  const std::uint32_t outside = std::exchange(rests_on_, kNoQuestion);
  const std::uint64_t doubts_before = doubts();
  const auto literals_in = [&](const std::vector<LanguageId>& matched) {
    std::vector<std::uint32_t> literals;
    const auto covered = [&](MapId id) {
      const Schema& s = schema(maps_[id].schema);
      if (maps_[id].unevaluated || s.additional != kNoSchema) return true;
      const auto& patterns = texts(maps_[id].schema).key_patterns;
      return std::any_of(patterns.begin(), patterns.end(),
                         [&](LanguageId pattern) { return holds(matched, pattern); });
    };
    for (const MapId id : maps) {
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
  LanguageId keys = kAnyText;
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
  if (keys != kNothing && !order.members.empty()) {
    std::vector<std::string> declared;
    for (const Order::Member& member : order.members) declared.push_back(key_texts_[member.key]);
    keys = languages_.without(keys, languages_.texts(std::move(declared)));
  }
  if (doubts() != doubts_before) keys = kNothing;
  else if (rests_on_ == kNoQuestion) order.others = keys;
  rests_on_ = std::min(rests_on_, outside);
  return keys;
}

/// Leaves out the keys after which the rest of the object could not be had. Keys that answer the
/// case's questions alike are alike, so one of each kind is tried.
LanguageId Cases::completable(ObjectCaseId id, LanguageId keys) {
  const ObjectCase& object = objects_[id].object;
  const Order& order = orders_[objects_[id].order];
  const bool simple = object.min == 0 && object.max == kUnlimited && object.broken.empty() &&
                      object.broken_names.empty() && object.implied.empty() && object.conditional.empty();
  if (simple || keys == kNothing) return keys;
  const std::vector<LanguageId> asked = questions(id);
  if (asked.size() > kQuestionsMax) return keys;
  for (std::uint64_t answers = 0; answers < std::uint64_t{1} << asked.size(); ++answers) {
    LanguageId kind = keys;
    for (std::size_t i = 0; i < asked.size() && kind != kNothing; ++i) {
      const LanguageId parts[] = {kind, asked[i]};
      kind = answers >> i & 1 ? languages_.all_of(parts) : languages_.without(kind, asked[i]);
    }
    const std::vector<std::string> some = samples(kind, 1);
    if (!some.empty() && taken(object, order, key(some[0]), keys).empty())
      keys = languages_.without(keys, kind);
  }
  return languages_.empty(keys) ? kNothing : keys;
}

LanguageId Cases::extras(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (known.extras) return *known.extras;
  const std::uint32_t outside = std::exchange(rests_on_, kNoQuestion);
  const std::uint64_t doubts_before = doubts();
  LanguageId made = completable(id, extras_of(known.object, orders_[known.order]));
  if (doubts() != doubts_before) {
    made = kNothing;
    if (languages_.exhausted()) note_work(where(asked_));
  }
  if (rests_on_ == kNoQuestion) known.extras = made;
  rests_on_ = std::min(rests_on_, outside);
  return made;
}

bool Cases::has_extras(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (!known.has_extras) {
    known.has_extras = extras_of(known.object, orders_[known.order]) != kNothing;
  }
  return *known.has_extras;
}

bool Cases::takes_any_others(ObjectCaseId id) {
  const Order& order = orders_[objects_[id].order];
  const LanguageId keys = extras(id);
  return keys != kNothing && order.patterns.empty() && order.others == keys && objects_[id].object.names == kAnyText;
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
  for (const ObjectCase::Conditional& one : object.conditional) {
    named(one.key);
    ask_about(ask_about, one.map);
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
  for (const std::string& text : samples(keys, 1)) at->second = key(text);
  return at->second;
}

/// Is a key still to come that comes first?
bool Cases::waits(const ObjectCase& object, const Order::Member& member) const {
  return std::any_of(member.behind.begin(), member.behind.end(),
                     [&](KeyId first) { return holds(object.required, first); });
}

std::vector<Cases::ObjectStep> Cases::take(ObjectCaseId id, KeyId key) {
  if (is_joined(id)) return take_some(id, key);
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
  std::erase_if(rest.conditional, [&](const ObjectCase::Conditional& one) {
    if (one.key == key) put_in(rest.maps, one.map);
    return one.key == key;
  });
  const auto has_property = [&](MapId map) {
    if (map == kNoMap || maps_[map].unevaluated) return false;
    const auto& properties = schema(maps_[map].schema).properties;
    return std::any_of(properties.begin(), properties.end(),
                       [&](const Schema::Property& property) { return property.key == key_texts_[key]; });
  };
  const bool named =
      std::any_of(rest.broken.begin(), rest.broken.end(),
                  [&](const ObjectCase::Broken& broken) {
                    return std::binary_search(broken.missing.begin(), broken.missing.end(), key) ||
                           has_property(broken.map);
                  }) ||
      // What a condition adds to the order later must not come from there again.
      std::any_of(object.conditional.begin(), object.conditional.end(),
                  [&](const ObjectCase::Conditional& one) { return one.key == key || has_property(one.map); });
  // Other keys that were written are remembered elsewhere.
  if (ordered || finite(others) || named) put_in(rest.forbidden, key);
  std::erase_if(rest.broken_names,
                [&](LanguageId name) { return !languages_.matches(name, key_texts_[key]); });
  const bool same_maps = rest.maps.size() == object.maps.size();
  const RequirementId value =
      ordered && same_maps ? order.members[at->second].value : value_of(rest.maps, key);

  std::erase_if(rest.broken, [&](const auto& broken) { return breaks(value, broken.map, key); });
  for (ObjectCase::Broken& broken : rest.broken) take_out(broken.missing, key);
  std::sort(rest.broken.begin(), rest.broken.end());
  std::vector<ObjectWay> ways{{value, std::move(rest)}};
  break_some(ways, [&](const ObjectCase::Broken& broken) {
    std::vector<std::uint32_t> stated;
    if (broken.map != kNoMap) literals_of(broken.map, key_texts_[key], stated);
    return stated;
  });
  if (ways.empty()) return {};
  for (const auto& conditional : std::vector<ObjectCase::Conditional>(ways[0].second.conditional))
    decide(conditional, key, ways);
  std::vector<ObjectStep> steps;
  for (auto& [asked, left] : ways) {
    if (finish(asked) == kEndless || !settle_broken(left)) continue;
    const ObjectCaseId next = intern(std::move(left));
    if (finish_members(next, false) != kEndless) steps.push_back(ObjectStep{asked, next});
  }
  return steps;
}

/// The value at `key` either satisfies the map, or the key that asks for it may not come any more.
void Cases::decide(const ObjectCase::Conditional& conditional, KeyId key, std::vector<ObjectWay>& ways) {
  std::vector<std::uint32_t> stated;
  literals_of(conditional.map, key_texts_[key], stated);
  if (stated.empty()) return;
  std::vector<ObjectWay> decided;
  for (ObjectWay& way : ways) {
    const std::vector<std::uint32_t> known = requirements_[way.first].literals;
    std::vector<RequirementId> breaking;
    RequirementId keeping = way.first;
    for (const std::uint32_t literal : stated) {
      keeping = with(keeping, literal);
      const RequirementId broken = with(way.first, literal ^ 1u);
      if (!holds(known, literal) && !impossible(broken)) breaking.push_back(broken);
    }
    if (holds(way.second.forbidden, conditional.key) || breaking.empty()) {
      decided.push_back(std::move(way));
      continue;
    }
    const bool must_keep = holds(way.second.required, conditional.key);
    const bool may_keep = !impossible(keeping);
    if (!must_keep) {
      ObjectCase without = way.second;
      put_in(without.forbidden, conditional.key);
      if (!may_keep) breaking.assign(1, way.first);
      for (const RequirementId broken : breaking) decided.emplace_back(broken, without);
    }
    if (may_keep) decided.emplace_back(keeping, std::move(way.second));
  }
  ways = std::move(decided);
  bound(ways, "let fewer dependentSchemas speak of one key", schema(maps_[conditional.map].schema).path);
}

/// Does each key that may come lead to one case, which can be completed if the key's own value can be had?
bool Cases::is_simple(const ObjectCase& object) const {
  return object.min == 0 && object.broken.empty() && object.broken_names.empty() && object.implied.empty() &&
         object.conditional.empty() && object.max >= object.required.size();
}

const std::vector<bool>& Cases::open(ObjectCaseId id) {
  KnownObject& known = objects_[id];
  if (known.open) return *known.open;
  if (is_joined(id)) {
    known.open = open_to_some(id);
    return *known.open;
  }
  const ObjectCase& object = known.object;
  const Order& order = orders_[known.order];
  std::vector<bool> open(order.members.size(), false);
  const bool simple = is_simple(object);
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
