#include "grammar/rules.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace praxis::grammar {
namespace {

// Containers that may stand at one place; the matcher follows all of them at once.
constexpr std::size_t kAlternativesMax = 512;

// What a rule and a product cost, measured in the steps of looking at one property.
constexpr std::uint64_t kRuleSteps = 8;
constexpr std::uint64_t kProductSteps = 4;

/// Schemas that one value must satisfy together: sorted, unique.
using Together = std::vector<SchemaId>;

class RuleMaker {
 public:
  RuleMaker(const Schemas& schemas, Fuel& fuel) : schemas_(schemas), fuel_(fuel) {}

  Result<Rules> make() {
    rule_for(unique({0}));
    for (RuleId id = 0; id < rules_.rules.size(); ++id) {
      Rule rule = std::move(rules_.rules[id]);
      if (auto ok = fill(rule, *sources_[id]); !ok) return tl::unexpected<Error>(ok.error());
      rules_.rules[id] = std::move(rule);
    }
    if (auto ok = measure(); !ok) return tl::unexpected<Error>(ok.error());
    if (rules_.rules[0].finish == kEndless) return explain();
    prune();
    return std::move(rules_);
  }

 private:
  using Ok = Result<void>;

  RuleId rule_for(Together schemas) {
    const auto [known, fresh] =
        ids_.try_emplace(std::move(schemas), static_cast<RuleId>(rules_.rules.size()));
    if (fresh) {
      Rule rule;
      rule.path = known->first.empty() ? "$" : schemas_[known->first.front()].path;
      rules_.rules.push_back(std::move(rule));
      sources_.push_back(&known->first);
    }
    return known->second;
  }

  /// The choices among anyOf branches: each product is a set of schemas whose own constraints hold
  /// together, with nothing left to choose. Depth is bounded by the reader's chain limit.
  Result<std::vector<Together>> expand(const Together& schemas) {
    std::set<Together> products{{}};
    for (const SchemaId id : schemas) {
      if (auto ok = expand_one(id, products); !ok) return tl::unexpected<Error>(ok.error());
    }
    return std::vector<Together>(products.begin(), products.end());
  }

  Ok expand_one(SchemaId id, std::set<Together>& products) {
    const Schema& schema = schemas_[id];
    if (constrains(schema)) {
      std::set<Together> with;
      for (Together product : products) {
        if (!fuel_.burn(kProductSteps + product.size())) return fuel_.error(schema.path);
        const auto at = std::lower_bound(product.begin(), product.end(), id);
        if (at == product.end() || *at != id) product.insert(at, id);
        with.insert(std::move(product));
      }
      products = std::move(with);
    }
    for (const SchemaId other : schema.all) {
      if (!fuel_.burn()) return fuel_.error(schema.path);
      if (auto ok = expand_one(other, products); !ok) return ok;
    }
    for (const auto& any : schema.any) {
      std::set<Together> with;
      for (const SchemaId branch : any) {
        if (!fuel_.burn(1 + kProductSteps * products.size())) return fuel_.error(schema.path);
        std::set<Together> through = products;
        if (auto ok = expand_one(branch, through); !ok) return ok;
        with.merge(through);
      }
      products = std::move(with);
    }
    return {};
  }

  static bool constrains(const Schema& s) {
    return s.never || s.types != kAllTypes || s.integral || s.minimum || s.maximum ||
           s.length_min > 0 || s.length_max != kUnlimited || s.items_min > 0 ||
           s.items_max != kUnlimited || s.items || !s.properties.empty() || !s.required.empty() ||
           s.additional || s.listed;
  }

  Ok fill(Rule& rule, const Together& together) {
    if (!fuel_.burn(kRuleSteps)) return fuel_.error(rule.path);
    auto products = expand(together);
    if (!products) return tl::unexpected<Error>(products.error());
    for (const Together& product : *products) {
      if (auto ok = fill_product(rule, product); !ok) return ok;
    }
    std::sort(rule.literals.begin(), rule.literals.end());
    rule.literals.erase(std::unique(rule.literals.begin(), rule.literals.end()),
                        rule.literals.end());
    if (rule.arrays.size() + rule.objects.size() > kAlternativesMax) {
      return refuse(ErrorCode::limit,
                    "leaves a choice of more than " + std::to_string(kAlternativesMax) +
                        " arrays and objects for one value (grammar.alternatives_max)",
                    rule.path);
    }
    return {};
  }

  Ok fill_product(Rule& rule, const Together& product) {
    std::uint8_t types = kAllTypes;
    std::optional<SchemaId> listed;
    for (const SchemaId id : product) {
      const Schema& schema = schemas_[id];
      if (!fuel_.burn()) return fuel_.error(schema.path);
      if (schema.never) return impossible(rule, schema.path, "false admits no value");
      types &= schema.types;
      if (schema.listed && (!listed || schema.values.size() < schemas_[*listed].values.size()))
        listed = id;
    }
    if (listed) return fill_listed(rule, product, *listed);
    if (types == 0)
      return impossible(rule, schemas_[product.back()].path,
                        "type leaves no type that all schemas here share");
    if (types & kNull) rule.literals.push_back("null");
    if (types & kBoolean) rule.literals.insert(rule.literals.end(), {"false", "true"});
    if (types & kNumber) {
      if (auto ok = fill_number(rule, product); !ok) return ok;
    }
    if (types & kString) fill_string(rule, product);
    if (types & kArray) fill_array(rule, product);
    return types & kObject ? fill_object(rule, product) : Ok{};
  }

  Ok impossible(Rule& rule, const std::string& path, std::string why) {
    if (rule.why.empty()) {
      rule.path = path;
      rule.why = std::move(why);
    }
    return {};
  }

  Ok fill_listed(Rule& rule, const Together& product, SchemaId listed) {
    const auto values = listed_values(schemas_, listed, product, fuel_);
    if (!values) return tl::unexpected<Error>(values.error());
    for (const JsonId value : *values) rule.literals.push_back(spell(schemas_.document, value));
    return values->empty() ? impossible(rule, schemas_[listed].path,
                                        "no listed value satisfies the rest of the schema")
                           : Ok{};
  }

  Ok fill_number(Rule& rule, const Together& product) {
    NumberRange range;
    std::string where = "$";
    for (const SchemaId id : product) {
      const Schema& s = schemas_[id];
      range.integral = range.integral || s.integral;
      if (s.minimum && (!range.minimum || s.minimum->value > range.minimum->value ||
                        (s.minimum->value == range.minimum->value && s.minimum->open))) {
        range.minimum = s.minimum;
        where = s.path;
      }
      if (s.maximum && (!range.maximum || s.maximum->value < range.maximum->value ||
                        (s.maximum->value == range.maximum->value && s.maximum->open))) {
        range.maximum = s.maximum;
        where = s.path;
      }
    }
    auto start = rules_.numbers.add(range, where, fuel_);
    if (!start) return tl::unexpected<Error>(start.error());
    if (*start == NumberNode::kDead)
      return impossible(rule, where, "no number lies between minimum and maximum");
    if (std::find(rule.numbers.begin(), rule.numbers.end(), *start) == rule.numbers.end())
      rule.numbers.push_back(*start);
    return {};
  }

  void fill_string(Rule& rule, const Together& product) {
    StringRule string;
    std::string where = "$";
    for (const SchemaId id : product) {
      const Schema& s = schemas_[id];
      string.min = std::max(string.min, s.length_min);
      string.max = std::min(string.max, s.length_max);
      if (s.length_min > 0 || s.length_max != kUnlimited) where = s.path;
    }
    if (string.min > string.max) {
      impossible(rule, where, "minLength is above maxLength");
    } else if (std::find(rule.strings.begin(), rule.strings.end(), string) == rule.strings.end()) {
      rule.strings.push_back(string);
    }
  }

  void fill_array(Rule& rule, const Together& product) {
    ArrayRule array;
    Together items;
    std::string where = "$";
    for (const SchemaId id : product) {
      const Schema& s = schemas_[id];
      array.min = std::max(array.min, s.items_min);
      array.max = std::min(array.max, s.items_max);
      if (s.items) items.push_back(*s.items);
      if (s.items_min > 0 || s.items_max != kUnlimited) where = s.path;
    }
    if (array.min > array.max) {
      impossible(rule, where, "minItems is above maxItems");
      return;
    }
    array.items = rule_for(unique(std::move(items)));
    rule.arrays.push_back(static_cast<std::uint32_t>(rules_.arrays.size()));
    rules_.arrays.push_back(array);
  }

  Ok fill_object(Rule& rule, const Together& product) {
    ObjectRule object;
    std::map<std::string_view, std::size_t> places;
    const auto place = [&](std::string_view key) -> std::size_t {
      const auto [at, fresh] = places.try_emplace(key, object.properties.size());
      if (fresh) {
        ObjectRule::Property property;
        property.key = spell_string(key);
        property.rule = rule_for(schemas_of(product, std::string(key)));
        object.properties.push_back(std::move(property));
      }
      return at->second;
    };
    for (const SchemaId id : product) {
      for (const Schema::Property& property : schemas_[id].properties) {
        if (!fuel_.burn(product.size())) return fuel_.error(schemas_[id].path);
        place(property.key);
      }
    }
    Together others;
    for (const SchemaId id : product) {
      for (const std::string& key : schemas_[id].required) {
        if (!fuel_.burn(product.size())) return fuel_.error(schemas_[id].path);
        object.properties[place(key)].required = true;
      }
      if (schemas_[id].additional) others.push_back(*schemas_[id].additional);
    }
    object.additional = rule_for(unique(std::move(others)));
    rule.objects.push_back(static_cast<std::uint32_t>(rules_.objects.size()));
    rules_.objects.push_back(std::move(object));
    return {};
  }

  /// What the value of `key` must satisfy in an object under `product`.
  Together schemas_of(const Together& product, const std::string& key) {
    Together together;
    for (const SchemaId id : product) {
      const Schema& s = schemas_[id];
      if (const auto known = s.by_key.find(key); known != s.by_key.end())
        together.push_back(known->second);
      else if (s.additional) together.push_back(*s.additional);
    }
    return unique(std::move(together));
  }

  /// As a set, and without those that admit everything.
  Together unique(Together together) const {
    std::erase_if(together, [&](SchemaId id) {
      const Schema& s = schemas_[id];
      return s.all.empty() && s.any.empty() && !constrains(s);
    });
    std::sort(together.begin(), together.end());
    together.erase(std::unique(together.begin(), together.end()), together.end());
    return together;
  }

  /// Fewest bytes of every rule's values: the least fixed point, reached from above. Children come
  /// after their parents, so a pass from the back settles all but recursion.
  Ok measure() {
    for (bool changed = true; changed;) {
      changed = false;
      for (RuleId id = static_cast<RuleId>(rules_.rules.size()); id-- > 0;) {
        const std::uint64_t finish = shortest(rules_.rules[id]);
        if (!fuel_.burn(1 + cost_)) return fuel_.error(rules_.rules[id].path);
        changed = changed || finish < rules_.rules[id].finish;
        rules_.rules[id].finish = finish;
      }
    }
    return {};
  }

  std::uint64_t shortest(const Rule& rule) {
    std::uint64_t least = kEndless;
    cost_ = rule.arrays.size();
    for (const std::string& literal : rule.literals)
      least = std::min<std::uint64_t>(least, literal.size());
    for (const StringRule& string : rule.strings)
      least = std::min<std::uint64_t>(least, string.min + 2ull);
    for (const std::uint32_t number : rule.numbers)
      least = std::min<std::uint64_t>(least, rules_.numbers[number].finish);
    for (const std::uint32_t array : rule.arrays)
      least = std::min(least, shortest(rules_.arrays[array]));
    for (const std::uint32_t object : rule.objects)
      least = std::min(least, shortest(rules_.objects[object]));
    return least;
  }

  std::uint64_t shortest(const ArrayRule& array) const {
    if (array.min == 0) return 2;
    const std::uint64_t item = rules_.rules[array.items].finish;
    return item == kEndless ? kEndless : add_bytes(1, times_bytes(array.min, item + 1));
  }

  std::uint64_t shortest(const ObjectRule& object) {
    std::uint64_t least = 1;
    cost_ += object.properties.size();
    for (const ObjectRule::Property& p : object.properties) {
      if (p.required)
        least = add_bytes(least, add_bytes(p.key.size() + 4, rules_.rules[p.rule].finish));
    }
    return std::max<std::uint64_t>(least, 2);
  }

  /// Drops what has no value, so that every alternative that is left can be completed, and fills in
  /// what is derived.
  void prune() {
    for (ArrayRule& array : rules_.arrays) {
      if (rules_.rules[array.items].finish == kEndless) array.max = 0;
      if (array.max == 0) array.items = kNoRule;
    }
    for (Rule& rule : rules_.rules) {
      std::erase_if(rule.arrays,
                    [&](std::uint32_t a) { return rules_.arrays[a].min > rules_.arrays[a].max; });
      std::erase_if(rule.objects,
                    [&](std::uint32_t o) { return shortest(rules_.objects[o]) == kEndless; });
    }
    for (ObjectRule& object : rules_.objects) derive(object);
  }

  void derive(ObjectRule& object) {
    const auto n = static_cast<std::uint32_t>(object.properties.size());
    if (object.additional != kNoRule && rules_.rules[object.additional].finish == kEndless)
      object.additional = kNoRule;
    object.sorted.resize(n);
    std::iota(object.sorted.begin(), object.sorted.end(), 0u);
    std::sort(object.sorted.begin(), object.sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
      return object.properties[a].key < object.properties[b].key;
    });
    object.next_required.assign(n + 1, n);
    object.more.assign(n + 1, object.additional != kNoRule);
    object.finish.assign(n + 1, kEndless);
    for (std::uint32_t i = n; i-- > 0;) {
      const ObjectRule::Property& p = object.properties[i];
      const std::uint64_t value = rules_.rules[p.rule].finish;
      object.next_required[i] = p.required ? i : object.next_required[i + 1];
      object.more[i] = value != kEndless || object.more[i + 1];
      // "key":value, and behind it whatever is still required, with its comma.
      std::uint64_t with = value == kEndless ? kEndless : add_bytes(p.key.size() + 3, value);
      if (object.next_required[i + 1] < n)
        with = add_bytes(with, add_bytes(1, object.finish[i + 1]));
      object.finish[i] = p.required ? with : std::min(with, object.finish[i + 1]);
    }
  }

  tl::unexpected<Error> explain() const {
    RuleId id = 0;
    std::set<RuleId> seen;
    while (seen.insert(id).second) {
      const Rule& rule = rules_.rules[id];
      if (!rule.why.empty())
        return refuse(ErrorCode::unsatisfiable, "no value is possible: " + rule.why, rule.path);
      RuleId below = kNoRule;
      for (const std::uint32_t object : rule.objects) {
        for (const auto& p : rules_.objects[object].properties) {
          if (p.required && below == kNoRule && rules_.rules[p.rule].finish == kEndless)
            below = p.rule;
        }
      }
      for (const std::uint32_t array : rule.arrays) {
        if (below == kNoRule && rules_.arrays[array].min > 0) below = rules_.arrays[array].items;
      }
      if (below == kNoRule) break;
      id = below;
    }
    return refuse(ErrorCode::unsatisfiable, "no value is possible: what it requires never ends",
                  rules_.rules[id].path);
  }

  const Schemas& schemas_;
  Fuel& fuel_;
  Rules rules_;
  std::map<Together, RuleId> ids_;
  std::vector<const Together*> sources_;  // keys of ids_, by rule
  std::uint64_t cost_ = 0;                // properties and items looked at by the last shortest()
};

}  // namespace

Result<Rules> make_rules(const Schemas& schemas, Fuel& fuel) {
  return RuleMaker(schemas, fuel).make();
}

}  // namespace praxis::grammar
