// Arrays: what the next item must satisfy, and whether the rest can be had.

#include <algorithm>

#include "grammar/cases.h"

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
  std::vector<std::pair<RequirementId, ArrayCase>> ways{{value, std::move(rest)}};
  for (const MapId broken : array.broken) {
    std::vector<std::uint32_t> stated;
    literals_at(broken, array.index, stated);
    const std::size_t count = ways.size();
    for (std::size_t i = 0; i < count && ways.size() < options_.cases_max; ++i) {
      for (const std::uint32_t literal : stated) {
        auto way = ways[i];
        way.first = with(way.first, literal ^ 1u);
        std::erase(way.second.broken, broken);
        ways.push_back(std::move(way));
      }
    }
  }
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
    const ArrayCaseId next = intern(std::move(left));
    if (next == id || finish_items(next, false) != kEndless) steps.push_back(ArrayStep{asked, next});
  }
  return steps;
}

/// Items one after the other, the cheapest way first; a chain of residuals, so its length is bounded.
Cases::Completion Cases::complete_items(ArrayCaseId id, bool at_least_one) {
  KnownArray& known = arrays_[id];
  auto& answer = at_least_one ? known.one_needed : known.none_needed;
  if (answer) return *answer;
  if (!at_least_one && known.may_end) {
    answer = Completion{0, 0};
    return *answer;
  }
  if (known.busy || depth_ >= options_.depth_max || !burn()) {
    too_deep_ = too_deep_ || depth_ >= options_.depth_max;
    tainted_ = true;
    return Completion{};
  }
  known.busy = true;
  ++depth_;
  const bool before = tainted_;
  tainted_ = false;
  const ArrayCase array = known.array;
  Completion made;
  const bool even = array.broken.empty() && array.contains.empty() && !array.unique &&
                    !array.repeated && array.index == horizon(array);
  if (even) {
    std::vector<std::uint32_t> literals;
    for (const MapId map : array.maps) literals_at(map, array.index, literals);
    RequirementId value = kAnything;
    for (const std::uint32_t literal : literals) value = with(value, literal);
    const std::uint32_t count = std::max(array.min, 1u);
    if (count <= array.max) {
      const std::uint64_t bytes = add_bytes(times_bytes(count, finish(value)), count - 1);
      if (bytes < kEndless) made = Completion{bytes, count};
    }
  } else if (array.max > 0) {
    for (const ArrayStep& step : steps_of(id)) {
      // Nothing gained, unless by an item that another can repeat.
      if (step.rest == id && !array.repeated) continue;
      ArrayCaseId after = step.rest;
      if (array.unique || array.repeated) {
        const auto taken = ended_with(after, sample(step.value));
        if (!taken) continue;
        after = *taken;
      }
      if (after == id) continue;
      const Completion rest = complete_items(after, false);
      if (rest.bytes == kEndless) continue;
      const std::uint64_t bytes =
          add_bytes(add_bytes(finish(step.value), rest.bytes), rest.count > 0 ? 1 : 0);
      if (bytes < made.bytes) made = Completion{bytes, rest.count + 1};
    }
  }
  known.busy = false;
  --depth_;
  end_search(made.bytes != kEndless);
  if (made.bytes != kEndless || !tainted_) answer = made;
  if (made.bytes != kEndless) finish_most_ = std::max(finish_most_, made.bytes);
  tainted_ = before || (tainted_ && made.bytes == kEndless);
  return made;
}

std::uint64_t Cases::finish_items(ArrayCaseId id, bool at_least_one) {
  return complete_items(id, at_least_one).bytes;
}

/// Some scalar that satisfies the requirement; if there is none, an empty array stands for it.
std::string Cases::sample(RequirementId id) {
  for (const std::string& bare : languages_.samples(bare_of(id), 1)) return bare;
  for (const std::string& text : languages_.samples(text_of(id), 1)) return '"' + spell_string(text) + '"';
  return "[]";
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

std::optional<ArrayCaseId> Cases::ended_with(ArrayCaseId id, std::string_view json) {
  ArrayCase array = arrays_[id].array;
  if (!array.unique && !array.repeated) return id;
  constexpr std::uint32_t kDepthMax = 1024;
  const auto document = read_json(json, kDepthMax, fuel_);
  if (!document) return std::nullopt;
  const std::uint32_t literal = exactly(*document, 0);
  const auto at = std::lower_bound(array.seen.begin(), array.seen.end(), literal);
  if (at == array.seen.end() || *at != literal) array.seen.insert(at, literal);
  const ArrayCaseId next = intern(std::move(array));
  if (finish_items(next, false) == kEndless) return std::nullopt;
  return next;
}

}  // namespace praxis::grammar
