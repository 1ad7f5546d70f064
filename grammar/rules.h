#pragma once
// The generative form of a schema: what a value may look like, alternatives side by side, all
// combinators multiplied out. Plain arrays; rules refer to each other by index, so recursion is
// free.

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/number.h"
#include "grammar/schema.h"

namespace praxis::grammar {

using RuleId = std::uint32_t;
inline constexpr RuleId kNoRule = ~0u;
/// Bytes; nothing that an output could hold reaches it.
inline constexpr std::uint64_t kEndless = 1ull << 60;
inline std::uint64_t add_bytes(std::uint64_t a, std::uint64_t b) {
  return a + b < kEndless ? a + b : kEndless;
}
inline std::uint64_t times_bytes(std::uint64_t n, std::uint64_t bytes) {
  return n != 0 && bytes >= kEndless / n ? kEndless : n * bytes;
}

struct StringRule {
  std::uint32_t min = 0, max = kUnlimited;  // code points
  bool operator==(const StringRule&) const = default;
};

struct ArrayRule {
  std::uint32_t min = 0, max = kUnlimited;  // items
  RuleId items = kNoRule;
  bool operator==(const ArrayRule&) const = default;
};

struct ObjectRule {
  struct Property {
    std::string key;  // as spelled between the quotes
    RuleId rule = kNoRule;
    bool required = false;
  };
  std::vector<Property> properties;  // in the order they are generated
  RuleId additional = kNoRule;       // values of other keys; kNoRule: none

  // Derived, for the matcher. i runs over properties and one past them: "i is the next one".
  std::vector<std::uint32_t> sorted;         // properties by key
  std::vector<std::uint32_t> next_required;  // first required property >= i, or the count
  std::vector<bool> more;                    // some key may still be written
  std::vector<std::uint64_t> finish;  // bytes of "key":value,... through the last required one,
                                      // at least one of them declared; kEndless: none can
  /// Keys that are not declared may be written when i is next.
  bool extras(std::uint32_t i) const {
    return additional != kNoRule && next_required[i] == properties.size();
  }
};

/// One value: any of the alternatives. `literals` are sorted, unique, whole spellings.
struct Rule {
  std::vector<std::string> literals;
  std::vector<StringRule> strings;
  std::vector<std::uint32_t> numbers;  // start nodes in Rules::numbers
  std::vector<std::uint32_t> arrays;   // in Rules::arrays
  std::vector<std::uint32_t> objects;  // in Rules::objects
  std::uint64_t finish = kEndless;     // fewest bytes of a value; kEndless: there is none
  std::string path;                    // of the first schema behind it
  std::string why;  // where an alternative was impossible: the reason, for errors
};

struct Rules {
  std::vector<Rule> rules;  // rules[0]: the root
  std::vector<ArrayRule> arrays;
  std::vector<ObjectRule> objects;
  NumberTable numbers;
};

/// Fails with unsatisfiable (with the path of the reason) if nothing satisfies the root, and with
/// limit: fuel, or too many alternatives for one value (grammar.alternatives_max).
Result<Rules> make_rules(const Schemas& schemas, Fuel& fuel);

}  // namespace praxis::grammar
