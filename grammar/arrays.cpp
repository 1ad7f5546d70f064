// Arrays: what the next item must satisfy, and whether the rest can be had.

#include <algorithm>

#include "grammar/cases.h"
#include "grammar/ways.h"

namespace praxis::grammar {
namespace {

void put(std::vector<std::uint32_t>& words, const std::vector<std::uint32_t>& list) {
  words.push_back(static_cast<std::uint32_t>(list.size()));
  words.insert(words.end(), list.begin(), list.end());
}

std::uint32_t less_one(std::uint32_t n) { return n == kUnlimited || n == 0 ? n : n - 1; }

}  // namespace

bool Cases::covers_item(MapId id, std::uint32_t index) {
  const ChildMap& map = maps_[id];
  if (map.unevaluated) return true;
  const Schema& s = schema(map.schema);
  return index < s.prefix_items.size() || s.items != kNoSchema;
}

void Cases::literals_at(MapId id, std::uint32_t index, std::vector<std::uint32_t>& out) {
  const ChildMap& map = maps_[id];
  if (map.unevaluated) {
    const bool covered = std::any_of(map.covered_by.begin(), map.covered_by.end(),
                                     [&](MapId other) { return covers_item(other, index); });
    if (!covered) out.push_back(Literal{map.schema, false}.word());
    return;
  }
  const Schema& s = schema(map.schema);
  if (index < s.prefix_items.size()) out.push_back(Literal{s.prefix_items[index], false}.word());
  else if (s.items != kNoSchema) out.push_back(Literal{s.items, false}.word());
}

std::uint32_t Cases::horizon(const ArrayCase& array) {
  std::size_t last = 0;
  const auto look = [&](auto&& self, MapId id) -> void {
    const ChildMap& map = maps_[id];
    if (!map.unevaluated) last = std::max(last, schema(map.schema).prefix_items.size());
    for (const MapId other : map.covered_by) self(self, other);
  };
  for (const MapId id : array.maps) look(look, id);
  for (const MapId id : array.broken) look(look, id);
  return static_cast<std::uint32_t>(last);
}

ArrayCaseId Cases::intern(ArrayCase array) {
  array.index = std::min(array.index, horizon(array));
  std::erase_if(array.contains, [](const auto& c) { return c.min == 0 && c.max == kUnlimited; });
  std::sort(array.contains.begin(), array.contains.end(),
            [](const auto& a, const auto& b) { return a.literal < b.literal; });
  if (!array.unique && !array.repeated) array.seen.clear();
  std::vector<std::uint32_t> words{array.min, array.max, array.index, array.unique, array.repeated};
  put(words, array.maps);
  put(words, array.broken);
  put(words, array.seen);
  for (const ArrayCase::Contains& c : array.contains)
    words.insert(words.end(), {c.literal, c.min, c.max});
  const auto [id, added] = array_index_.add(words);
  if (!added) return id;
  KnownArray known;
  known.may_end = array.min == 0 && array.broken.empty() && !array.repeated &&
                  std::all_of(array.contains.begin(), array.contains.end(),
                              [](const auto& c) { return c.min == 0; });
  known.array = std::move(array);
  arrays_.push_back(std::move(known));
  return id;
}

const std::vector<Cases::ArrayStep>& Cases::take(ArrayCaseId id) {
  KnownArray& known = arrays_[id];
  if (!known.steps) known.steps = steps_of(id);
  return *known.steps;
}

std::vector<Cases::ArrayStep> Cases::steps_of(ArrayCaseId id) {
  std::vector<ArrayStep> steps;
  for (ArrayStep& way : ways_on(id)) {
    way.value = goes_on(id, way.value, way.rest);
    if (finish(way.value) == kEndless) continue;
    const bool possible = way.rest == id || finish_items(way.rest, false) != kEndless ||
                          (arrays_[id].array.repeated && ended_with(way.rest, shortest_text(way.value)));
    if (possible) steps.push_back(way);
  }
  return steps;
}

/// The next item in every way that counts for something else, and what is left behind it. Whether that can
/// be had is not asked, see goes_on().
std::vector<Cases::ArrayStep> Cases::ways_on(ArrayCaseId id) {
  const ArrayCase array = arrays_[id].array;
  std::vector<ArrayStep> steps;
  if (array.max == 0) return steps;
  std::vector<std::uint32_t> literals;
  for (const MapId map : array.maps) literals_at(map, array.index, literals);
  RequirementId value = kAnything;
  for (const std::uint32_t literal : literals) value = with(value, literal);
  if (array.unique) {
    for (const std::uint32_t seen : array.seen) value = with(value, seen ^ 1u);
  }
  ArrayCase rest = array;
  ++rest.index;
  rest.min = less_one(rest.min);
  rest.max = less_one(rest.max);
  std::vector<Way<ArrayCase>> ways{{value, std::move(rest)}};
  break_some(ways, [&](MapId broken) {
    std::vector<std::uint32_t> stated;
    literals_at(broken, array.index, stated);
    return stated;
  });
  for (std::size_t c = 0; c < array.contains.size(); ++c) {
    const ArrayCase::Contains& contains = array.contains[c];
    const std::size_t count = ways.size();
    for (std::size_t i = 0; i < count && ways.size() < options_.cases_max; ++i) {
      auto counted = ways[i];
      if (contains.max > 0) {
        counted.first = with(counted.first, contains.literal);
        counted.second.contains[c].min = less_one(contains.min);
        counted.second.contains[c].max = less_one(contains.max);
        ways.push_back(std::move(counted));
      }
      // Left uncounted it must not satisfy, if too many would be wrong.
      if (contains.max != kUnlimited) ways[i].first = with(ways[i].first, contains.literal ^ 1u);
    }
  }
  if (array.repeated) {
    const std::size_t count = ways.size();
    for (std::size_t i = 0; i < count && ways.size() < options_.cases_max; ++i) {
      for (const std::uint32_t seen : array.seen) {
        auto way = ways[i];
        way.first = with(way.first, seen);
        way.second.repeated = false;
        ways.push_back(std::move(way));
      }
    }
  }
  if (!burn(ways.size())) return steps;
  for (auto& [asked, left] : ways) {
    if (finish(asked) == kEndless) continue;
    steps.push_back(ArrayStep{asked, intern(std::move(left))});
  }
  return steps;
}

bool Cases::even(const ArrayCase& array) {
  return array.broken.empty() && array.contains.empty() && !array.repeated && array.index == horizon(array);
}

/// The case that needs one item more: the one that is being written may be any of them.
ArrayCaseId Cases::with_one_more(ArrayCaseId id) {
  ArrayCase array = arrays_[id].array;
  ++array.min;
  if (array.max != kUnlimited) ++array.max;
  return intern(std::move(array));
}

/// The items without those after which the array, that compares them, could not be completed. Asked
/// one by one where there are few; of many, some other is always left.
RequirementId Cases::goes_on(ArrayCaseId before_id, RequirementId item, ArrayCaseId rest) {
  constexpr std::size_t kTriedMax = 8;  // each makes a case of its own, and so does each set of them
  const ArrayCase before = arrays_[before_id].array;
  const ArrayCase array = arrays_[rest].array;
  // Of items that are all alike there are as many as are needed, or there would be no such case.
  if (!array.unique || arrays_[rest].may_end || even(before)) return item;
  if (even(array) && before.index == array.index) {
    const bool enough = complete_items(with_one_more(rest), false).bytes != kEndless;
    return enough ? item : with(item, Literal{never(), false}.word());
  }
  std::vector<std::string> tried = samples(bare_of(item), kTriedMax + 1);
  for (const std::string& text : samples(text_of(item), kTriedMax + 1))
    tried.push_back('"' + spell_string(text, options_.escapes) + '"');
  if (tried.size() > kTriedMax) return item;
  for (const std::string& text : tried) {
    const auto literal = literal_of(text);
    if (literal && !ended_with(rest, text)) item = with(item, *literal ^ 1u);
  }
  return item;
}

/// Items one after the other, the cheapest way first; a chain of residuals, so its length is bounded.
Cases::Completion Cases::complete_items(ArrayCaseId id, bool at_least_one) {
  KnownArray& known = arrays_[id];
  auto& [answer, open] = at_least_one ? known.one_needed : known.none_needed;
  if (answer) return *answer;
  if (!at_least_one && known.may_end) {
    answer = Completion{0, 0};
    return *answer;
  }
  if (open != 0 || depth_ >= options_.depth_max || !burn()) {
    too_deep_ = too_deep_ || depth_ >= options_.depth_max;
    rest_on(open);
    return Completion{};
  }
  const Question question = ask(open);
  ++depth_;
  const ArrayCase array = known.array;
  Completion made;
  if (even(array) && !array.unique) {
    std::vector<std::uint32_t> literals;
    for (const MapId map : array.maps) literals_at(map, array.index, literals);
    RequirementId value = kAnything;
    for (const std::uint32_t literal : literals) value = with(value, literal);
    const std::uint32_t count = std::max(array.min, 1u);
    if (count <= array.max) {
      const std::uint64_t bytes = add_bytes(times_bytes(count, finish(value)), count - 1);
      Layout layout = Layout::closing();
      layout.put(count, length(value).layout, false);
      if (bytes < kEndless) made = Completion{bytes, count, {{0, value}}, id, layout};
    }
  } else if (array.max > 0) {
    std::vector<ArrayStep> ways = ways_on(id);
    const auto least = [&](const ArrayStep& way) {
      return add_bytes(finish(way.value), may_end(way.rest) ? 0 : 2);  // a comma and an item
    };
    std::stable_sort(ways.begin(), ways.end(),
                     [&](const ArrayStep& a, const ArrayStep& b) { return least(a) < least(b); });
    for (ArrayStep& step : ways) {
      if (least(step) >= made.bytes) break;
      step.value = goes_on(id, step.value, step.rest);
      if (finish(step.value) == kEndless) continue;
      // Nothing gained, unless by an item that another can repeat.
      if (step.rest == id && !array.repeated) continue;
      ArrayCaseId after = step.rest;
      if (array.unique || array.repeated) {
        const auto taken = ended_with(after, shortest_text(step.value));
        if (!taken) continue;
        after = *taken;
      }
      if (after == id) continue;
      const Completion rest = complete_items(after, false);
      if (rest.bytes == kEndless) continue;
      const std::uint64_t bytes =
          add_bytes(add_bytes(finish(step.value), rest.bytes), rest.count > 0 ? 1 : 0);
      Layout layout = rest.count > 0 ? rest.layout : Layout::closing();
      layout.put(1, length(step.value).layout, false);
      if (Length{bytes, layout} < made.length())
        made = Completion{bytes, rest.count + 1, {{0, step.value}}, after, layout};
    }
  }
  --depth_;
  end_search(made.bytes != kEndless);
  if (made.bytes != kEndless) note_finish(made.length());
  if (answered(question, made.bytes != kEndless)) answer = made;
  return made;
}

std::uint64_t Cases::finish_items(ArrayCaseId id, bool at_least_one) {
  return complete_items(id, at_least_one).bytes;
}

Length Cases::length_of_items(ArrayCaseId id, bool at_least_one) {
  return complete_items(id, at_least_one).length();
}

Length Cases::length_behind_item(ArrayCaseId id) {
  KnownArray& known = arrays_[id];
  if (known.behind_item) return *known.behind_item;
  const ArrayCase array = known.array;
  Length most = length_of_items(id, false);
  if (array.unique && !known.may_end) {
    // The items needed, one of them being this one: at best the cheapest is.
    const Completion all = even(array) ? complete_items(with_one_more(id), false) : Completion{};
    if (all.bytes != kEndless) {
      const Length item = length(all.members[0].second);
      Length others{all.bytes - item.bytes - 1, all.layout};
      others.layout.lines -= item.layout.lines + 1;
      others.layout.levels -= item.layout.levels + item.layout.lines + 1;
      others.layout.blanks -= item.layout.blanks;
      most = std::max(most, others);
    } else {
      constexpr std::size_t kItemsMax = 16;
      ArrayCaseId at = id;
      for (std::size_t i = 0; i < kItemsMax && !arrays_[at].may_end; ++i) {
        const Completion way = complete_items(at, false);
        if (way.members.empty()) break;
        const std::string item = shortest_text(way.members[0].second);
        if (const auto without = ended_with(id, item)) most = std::max(most, length_of_items(*without, false));
        at = way.rest;
      }
    }
  }
  known.behind_item = most;
  return most;
}

Length Cases::length_repeating(ArrayCaseId id, std::uint64_t bytes) {
  ArrayCase array = arrays_[id].array;
  if (!array.repeated || array.max == 0) return {};
  array.repeated = false;
  if (!even(array)) return {};
  array.min = less_one(array.min);
  array.max = less_one(array.max);
  const ArrayCaseId rest = intern(std::move(array));
  if (arrays_[rest].may_end) return Length{bytes, Layout::closing()};
  const Length more = length_of_items(rest, false);
  return Length{add_bytes(add_bytes(bytes, 1), more.bytes), more.layout};
}

/// A value of finish() bytes; null, which stands for any, where that would be a long text.
std::string Cases::shortest_text(RequirementId id) {
  constexpr std::uint64_t kBytesMax = 4096;
  const std::uint64_t bytes = finish(id);
  if (bytes > kBytesMax) return "null";
  for (std::string& bare : samples(bare_of(id), 1)) {
    if (bare.size() == bytes) return std::move(bare);
  }
  const LanguageId text = text_of(id);
  if (add_bytes(2, spelled_shortest(text)) == bytes) {
    std::vector<std::string> ways = samples(text, 1);
    if (plain_) {
      const LanguageId both[] = {text, *plain_};
      for (std::string& plain : samples(languages_.all_of(both), 1)) ways.push_back(std::move(plain));
    }
    for (const std::string& way : ways) {
      std::string spelled = '"' + spell_string(way, options_.escapes) + '"';
      if (spelled.size() == bytes) return spelled;
    }
  }
  for (ArrayCaseId array : std::vector<ArrayCaseId>(arrays(id))) {
    if (add_bytes(2, finish_items(array, false)) != bytes) continue;
    std::string made = "[";
    for (Completion way = complete_items(array, false); !way.members.empty();) {
      const std::string item = shortest_text(way.members[0].second);
      const bool same = way.rest == array;  // all alike
      for (std::uint32_t i = 0; i < (same ? way.count : 1); ++i) made += (made.size() > 1 ? "," : "") + item;
      if (same) break;
      array = way.rest;
      way = complete_items(array, false);
    }
    return made + "]";
  }
  for (const ObjectCaseId object : std::vector<ObjectCaseId>(objects(id))) {
    const Completion way = complete_members(object, false);
    if (add_bytes(2, way.bytes) != bytes) continue;
    std::string made = "{";
    for (const auto& [key, value] : way.members)
      made += (made.size() > 1 ? ",\"" : "\"") + key_spelled_[key] + "\":" + shortest_text(value);
    return made + "}";
  }
  return "null";
}

/// A schema for one value that was read, as the literal that says so.
std::uint32_t Cases::exactly(const JsonDocument& document, JsonId at) {
  const auto canonical_text = canonical(document, at);
  const std::string name = canonical_text ? *canonical_text : spell(document, at);
  if (const auto known = values_.find(name); known != values_.end()) return known->second;
  const Json& json = document[at];
  Schema made;
  made.path = "$";
  std::optional<LanguageId> text, number, boolean;
  switch (json.kind) {
    case Json::Kind::object:
      made.types = kObject;
      made.members_max = json.count;
      for (JsonId child = json.child; child != kNoJson; child = document[child].next) {
        const SchemaId value = Literal::of(exactly(document, child)).schema;
        made.properties.push_back(Schema::Property{document[child].key, value});
        made.required.push_back(document[child].key);
      }
      break;
    case Json::Kind::array:
      made.types = kArray;
      made.items_min = made.items_max = json.count;
      for (JsonId child = json.child; child != kNoJson; child = document[child].next)
        made.prefix_items.push_back(Literal::of(exactly(document, child)).schema);
      break;
    case Json::Kind::string:
      made.types = kString;
      text = languages_.text(json.text);
      break;
    case Json::Kind::number: {
      made.types = kNumber;
      const auto value = Decimal::parse(json.text);
      const auto equal = value ? equal_to(languages_, *value, "$", fuel_)
                                : Result<LanguageId>(languages_.text(json.text));
      number = equal ? *equal : languages_.text(json.text);
      break;
    }
    case Json::Kind::boolean:
      made.types = kBoolean;
      boolean = languages_.text(json.truth ? "true" : "false");
      break;
    case Json::Kind::null:
      made.types = kNull;
      break;
  }
  const SchemaId id = add_schema(std::move(made));
  texts(id).scalars = std::array<std::optional<LanguageId>, 4>{text, number, boolean, number};
  return values_[name] = Literal{id, false}.word();
}

/// The literal for the value that the text spells.
std::optional<std::uint32_t> Cases::literal_of(std::string_view json) {
  constexpr std::uint32_t kDepthMax = 1024;
  const auto document = read_json(json, kDepthMax, fuel_);
  if (!document) return std::nullopt;
  return exactly(*document, 0);
}

std::optional<ArrayCaseId> Cases::ended_with(ArrayCaseId id, std::string_view json) {
  ArrayCase array = arrays_[id].array;
  if (!array.unique && !array.repeated) return id;
  const auto literal = literal_of(json);
  if (!literal) return std::nullopt;
  const auto at = std::lower_bound(array.seen.begin(), array.seen.end(), *literal);
  if (at == array.seen.end() || *at != *literal) array.seen.insert(at, *literal);
  const ArrayCaseId next = intern(std::move(array));
  if (finish_items(next, false) == kEndless) return std::nullopt;
  return next;
}

}  // namespace praxis::grammar
