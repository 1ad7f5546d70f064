// Which values of a schema may meet a limit, and asking about them before any text gets there.

#include <algorithm>
#include <functional>

#include "grammar/cases.h"

namespace praxis::grammar {
namespace {

constexpr std::uint64_t kFewCases = 64;      // fewer alternatives meet no limit
constexpr std::uint64_t kManyCases = 1 << 20;
constexpr std::size_t kFewDigits = 3;        // of a divisor: its remainders are few
constexpr std::uint32_t kShortText = 100;
constexpr std::uint32_t kDepthMax = 64;      // of applicators: what is deeper may meet a limit

std::uint64_t times(std::uint64_t a, std::uint64_t b) { return std::min(a * b, kManyCases); }
std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return std::min(a + b, kManyCases); }

/// What a value has to do at once: about how many alternatives there are of arrays and objects, and
/// how many languages meet in its scalars.
struct Weight {
  std::uint64_t cases = 1;
  std::uint64_t languages = 0;
};

class Weigher {
 public:
  Weigher(const Schemas& schemas, Languages& languages,
          const std::function<LanguageId(SchemaId)>& pattern)
      : schemas_(schemas), languages_(languages), pattern_(pattern), known_(schemas.schemas.size()) {}

  Weight weigh(SchemaId id, std::uint32_t depth = 0) {
    if (depth > kDepthMax) return Weight{kManyCases, 2};
    if (known_[id]) return *known_[id];
    known_[id] = Weight{};  // a schema made of itself
    const Schema& s = schemas_[id];
    Weight all{1, own_languages(id)};
    const auto of = [&](SchemaId sub) { return weigh(sub, depth + 1); };
    const auto both = [&](Weight more) {
      all.cases = times(all.cases, more.cases);
      all.languages = sum(all.languages, more.languages);
    };
    const auto any = [&](const std::vector<SchemaId>& group) {
      Weight ways{0, 0};
      for (const SchemaId sub : group) {
        const Weight way = of(sub);
        ways.cases = sum(ways.cases, way.cases);
        ways.languages = std::max(ways.languages, way.languages);
      }
      return ways;
    };
    for (const SchemaId sub : s.all_of) both(of(sub));
    for (const auto& group : s.any_of) both(any(group));
    for (const auto& group : s.one_of) {
      Weight ways = any(group);
      ways.languages = times(ways.languages, group.size());  // each beside that no other holds
      both(ways);
    }
    if (s.negated != kNoSchema) both(of(s.negated));
    for (const SchemaId sub : {s.if_, s.then_, s.else_}) {
      if (sub != kNoSchema) both(of(sub));
    }
    if (s.if_ != kNoSchema) both(Weight{2, 0});
    for (const Schema::Property& dependent : s.dependent_schemas)
      both(Weight{sum(1, of(dependent.schema).cases), 0});
    return *(known_[id] = all);
  }

 private:
  std::uint64_t own_languages(SchemaId id) const {
    const Schema& s = schemas_[id];
    std::uint64_t made = (s.pattern ? 1 : 0) + (s.format ? 1 : 0) + (s.multiple_of ? 1 : 0);
    const bool hard = (s.pattern && !languages_.knows_shortest(pattern_(id))) ||
                      (s.multiple_of && s.multiple_of->digits.size() > kFewDigits);
    const bool long_text = made > 0 && s.length_min > kShortText;
    return made + (hard || long_text ? 1 : 0);
  }

  const Schemas& schemas_;
  Languages& languages_;
  const std::function<LanguageId(SchemaId)>& pattern_;
  std::vector<std::optional<Weight>> known_;
};

}  // namespace

void Cases::ask_ahead() {
  const std::function<LanguageId(SchemaId)> pattern = [this](SchemaId id) { return texts(id).pattern; };
  Weigher weigher(schemas_, languages_, pattern);
  std::vector<bool> asked(schemas_.schemas.size(), false);
  const auto ask = [&](SchemaId id) {
    if (id >= asked.size() || asked[id] || limit_) return;  // kNoSchema, too
    asked[id] = true;
    const Weight weight = weigher.weigh(id);
    const RequirementId value = with(kAnything, Literal{id, false}.word());
    if (weight.languages > 1) finish(value);
    if (weight.cases > kFewCases) {
      objects(value);
      arrays(value);
    }
  };
  ask(0);
  for (SchemaId id = 0; id < schemas_.schemas.size() && !limit_; ++id) {
    const Schema& s = schemas_[id];
    for (const Schema::Property& property : s.properties) ask(property.schema);
    for (const Schema::PatternProperty& property : s.pattern_properties) ask(property.schema);
    for (const SchemaId item : s.prefix_items) ask(item);
    for (const SchemaId child :
         {s.additional, s.items, s.property_names, s.unevaluated_items, s.unevaluated_properties})
      ask(child);
    if (s.pattern_properties.size() > kKeyPatternsMax)
      give_up(too_many_patterns(), path_key(s.path, "patternProperties"));
    for (const LanguageId key_pattern : texts(id).key_patterns) {
      if (!languages_.knows_shortest(key_pattern)) languages_.empty(key_pattern);
    }
    if (languages_.exhausted()) note_work(path_key(s.path, "patternProperties"));
  }
  note_work("$");
}

}  // namespace praxis::grammar
