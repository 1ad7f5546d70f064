#pragma once
// The ways in which a member's value or an item may keep and break what a case still asks.

#include <algorithm>

#include "grammar/cases.h"
#include "grammar/sorted.h"

namespace praxis::grammar {

/// Each map that some value may break is either broken by this one or left for later. Of many, one is
/// left by those values alone that satisfy it: so what differs in a constant does not multiply.
/// stated_by(broken): the literals that it states of this value.
template <class Case, class StatedBy>
void Cases::break_some(std::vector<Way<Case>>& ways, StatedBy stated_by) {
  constexpr std::size_t kFew = 3;  // may multiply: values that are not narrowed are simpler
  using Broken = typename decltype(Case::broken)::value_type;
  struct Alike {  // they state the same
    std::vector<std::uint32_t> stated;
    std::vector<Broken> broken;  // sorted
  };
  std::vector<Alike> groups;
  for (const Broken& broken : ways[0].second.broken) {
    std::vector<std::uint32_t> stated = stated_by(broken);
    if (stated.empty()) continue;
    auto at = std::find_if(groups.begin(), groups.end(), [&](const Alike& one) { return one.stated == stated; });
    if (at == groups.end()) at = groups.insert(at, Alike{std::move(stated), {}});
    put_in(at->broken, broken);
  }
  const bool many = groups.size() > kFew;
  for (const Alike& alike : groups) {
    if (!burn(1 + ways.size())) return ways.clear();
    std::vector<Way<Case>> decided;
    for (Way<Case>& way : ways) {
      RequirementId keeping = way.first;
      for (const std::uint32_t literal : alike.stated) {
        if (many) keeping = with(keeping, literal);
        const RequirementId breaking = with(way.first, literal ^ 1u);
        if (impossible(breaking)) continue;
        Way<Case> without{breaking, way.second};
        std::erase_if(without.second.broken, [&](const Broken& one) { return holds(alike.broken, one); });
        decided.push_back(std::move(without));
      }
      if (many && impossible(keeping)) continue;
      decided.emplace_back(keeping, std::move(way.second));
    }
    ways = std::move(decided);
    bound(ways, "let fewer branches of not and oneOf speak of one key or item", where(asked_));
  }
}

template <class Case>
void Cases::bound(std::vector<Way<Case>>& ways, const std::string& advice, const std::string& where) {
  if (ways.size() <= options_.cases_max) return;
  give_up("more than " + std::to_string(options_.cases_max) +
              " alternatives for one value (grammar.cases_max); " + advice,
          where);
  ways.resize(options_.cases_max);
}

}  // namespace praxis::grammar
