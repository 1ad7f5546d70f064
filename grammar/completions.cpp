// Members that complete an object: a search for a plan, a short one but not always the shortest.

#include <algorithm>

#include "grammar/cases.h"
#include "grammar/sorted.h"

namespace praxis::grammar {
namespace {

constexpr std::size_t kUnnamedMax = 500;  // keys of a completion that no schema names

}  // namespace

/// What a completion is looked for in.
struct Cases::Search {
  const ObjectCase& object;
  Order& order;
  bool at_least_one = false;
  std::size_t written = 0;            // so many of the forbidden keys `extras` still holds
  std::optional<LanguageId> extras;   // keys outside the order, once asked for
};

/// Members that a completion would write, and what their values must satisfy.
struct Cases::Plan {
  std::vector<std::pair<KeyId, RequirementId>> members;
  std::vector<KeyId> missing;  // these it does not write
  std::vector<MapId> owed;     // all values satisfy them, for the sake of keys in the plan
  bool misses(KeyId key) const { return std::find(missing.begin(), missing.end(), key) != missing.end(); }
  std::pair<KeyId, RequirementId>* find(KeyId key) {
    const auto at = std::find_if(members.begin(), members.end(),
                                 [&](const auto& member) { return member.first == key; });
    return at == members.end() ? nullptr : &*at;
  }
};

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
  for (const std::string& text : samples(keys, count + search.written)) {
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

/// Adds the keys that the plan's keys imply, and to every value what they ask of it; false: it cannot be
/// carried out.
bool Cases::follow(Search& search, Plan& plan) {
  const ObjectCase& object = search.object;
  for (std::size_t i = 0; i < plan.members.size(); ++i) {
    const KeyId key = plan.members[i].first;
    const bool ordered = search.order.index.contains(key);
    if (!available(object, search.order, key, ordered ? kNothing : extras(search))) return false;
    for (const ObjectCase::Implied& implied : object.implied) {
      if (implied.key != key) continue;
      for (const KeyId needed : implied.needed) {
        if (plan.misses(needed)) return false;
        if (!plan.find(needed)) plan.members.emplace_back(needed, value_of(object.maps, needed));
      }
    }
  }
  for (const ObjectCase::Conditional& one : object.conditional) {
    if (plan.find(one.key)) put_in(plan.owed, one.map);
  }
  for (auto& [key, value] : plan.members) value = owing(plan, key, value);
  return true;
}

/// The value with what the plan's keys ask of all.
RequirementId Cases::owing(const Plan& plan, KeyId key, RequirementId value) {
  std::vector<std::uint32_t> stated;
  for (const MapId map : plan.owed) literals_of(map, key_texts_[key], stated);
  for (const std::uint32_t literal : stated) value = with(value, literal);
  return value;
}

std::uint64_t Cases::finish_member(KeyId key, RequirementId value) {
  return add_bytes(key_spelled_[key].size() + 3, finish(value));
}

/// Adds the cheapest members that ask for no others until there are `least`, or one that does; false:
/// there are not enough.
bool Cases::fill_up(Search& search, Plan& plan, std::size_t least) {
  if (plan.members.size() >= least) return true;
  const ObjectCase& object = search.object;
  const std::size_t missing = least - plan.members.size();
  struct Offer {
    Length length;
    KeyId key;
    RequirementId value;
  };
  std::vector<Offer> offers;
  std::vector<KeyId> asking;
  const std::size_t unfit =
      plan.members.size() + plan.missing.size() + object.implied.size() + object.conditional.size();
  for (const KeyId key : candidates(search, missing + unfit)) {
    if (plan.misses(key) || plan.find(key)) continue;
    const auto asks = [&](const auto& one) { return one.key == key; };
    if (std::any_of(object.implied.begin(), object.implied.end(), asks) ||
        std::any_of(object.conditional.begin(), object.conditional.end(), asks)) {
      asking.push_back(key);
      continue;
    }
    const RequirementId value = owing(plan, key, value_of(object.maps, key));
    const std::uint64_t bytes = finish_member(key, value);
    if (bytes != kEndless) offers.push_back(Offer{Length{bytes, length(value).layout}, key, value});
  }
  if (offers.size() >= missing) {
    std::partial_sort(offers.begin(), offers.begin() + static_cast<std::ptrdiff_t>(missing), offers.end(),
                      [](const Offer& a, const Offer& b) { return a.length < b.length; });
    for (std::size_t i = 0; i < missing; ++i) plan.members.emplace_back(offers[i].key, offers[i].value);
    return true;
  }
  for (const KeyId key : asking) {
    if (asking.size() > kFew || !burn(kFew)) break;
    Plan more = plan;
    more.members.emplace_back(key, value_of(object.maps, key));
    if (!follow(search, more) || !fill_up(search, more, least)) continue;
    plan = std::move(more);
    return true;
  }
  if (missing > kUnnamedMax)
    give_up("more than " + std::to_string(kUnnamedMax) +
                " keys that nobody names are needed (grammar.unnamed_keys_max); ask for fewer",
            where(asked_));
  return false;
}

/// The plan's bytes once every key that it implies is in it and there are enough members.
Cases::Completion Cases::carry_out(Search& search, Plan plan) {
  if (!follow(search, plan)) return {};
  const std::uint32_t least = std::max(search.object.min, search.at_least_one ? 1u : 0u);
  if (least > search.object.max || plan.members.size() > search.object.max) return {};
  if (!fill_up(search, plan, least) || plan.members.size() > search.object.max) return {};
  std::uint64_t bytes = plan.members.empty() ? 0 : plan.members.size() - 1;  // commas
  for (const auto& [key, value] : plan.members) bytes = add_bytes(bytes, finish_member(key, value));
  if (bytes == kEndless) return {};
  const auto count = static_cast<std::uint32_t>(plan.members.size());
  Layout layout = count > 0 ? Layout::closing() : Layout();
  for (const auto& member : plan.members) layout.put(1, length(member.second).layout, true);
  return Completion{bytes, count, std::move(plan.members), 0, layout};
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
  auto& [answer, open] = at_least_one ? known.one_needed : known.none_needed;
  if (answer) return *answer;
  if (open != 0 || depth_ >= options_.depth_max || !burn()) {
    too_deep_ = too_deep_ || depth_ >= options_.depth_max;
    rest_on(open);
    return Completion{};
  }
  const Question question = ask(open);
  Completion made = is_joined(id) ? complete_some(id, at_least_one) : complete_beside(id, at_least_one, {});
  if (answered(question, made.bytes != kEndless)) answer = made;
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
  if (made.bytes != kEndless) note_finish(made.length());
  return made;
}

std::uint64_t Cases::finish_members(ObjectCaseId id, bool at_least_one) {
  const auto& known = (at_least_one ? objects_[id].one_needed : objects_[id].none_needed).answer;
  return known ? known->bytes : complete_members(id, at_least_one).bytes;
}

Length Cases::length_of_members(ObjectCaseId id, bool at_least_one) {
  const auto& known = (at_least_one ? objects_[id].one_needed : objects_[id].none_needed).answer;
  return known ? known->length() : complete_members(id, at_least_one).length();
}

std::vector<KeyId> Cases::members_needed(ObjectCaseId id, bool at_least_one,
                                         const std::vector<KeyId>& written, Length& length) {
  Completion way = complete_members(id, at_least_one);
  const auto is_written = [&](const auto& member) {
    return std::find(written.begin(), written.end(), member.first) != written.end();
  };
  if (std::any_of(way.members.begin(), way.members.end(), is_written))
    way = complete_beside(id, at_least_one, written);
  length = way.length();
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

}  // namespace praxis::grammar
