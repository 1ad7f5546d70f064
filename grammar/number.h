#pragma once
// Numbers as automata over their spelling, exact at every bound.
//
// Which spelling is generated: a number without bounds in any JSON spelling of at most kDigitsMax
// digits before and after the point and a two-digit exponent; a bounded one without exponent, with
// up to kDigitsMore digits after the point beyond those of its bounds; an integer as digits alone,
// without sign for zero. validate() takes every spelling.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/schema.h"

namespace praxis::grammar {

/// One position in a number's spelling. Every node leads to a complete number.
struct NumberNode {
  static constexpr std::uint32_t kDead = ~0u;
  static constexpr std::size_t kEdges = 14;
  std::array<std::uint32_t, kEdges> next;  // by digit 0-9, then - . e +
  std::uint32_t finish = 0;                // fewest bytes that complete the number
  bool complete = false;                   // it may end here

  static int edge(std::uint8_t byte);  // index into `next`, or -1
  int only_byte() const;               // the byte that must follow, or -1
};

struct NumberRange {
  std::optional<Limit> minimum, maximum;
  bool integral = false;
};

/// All the number automata of one grammar, in one array.
class NumberTable {
 public:
  static constexpr std::uint32_t kDigitsMax = 40;
  static constexpr std::uint32_t kDigitsMore = 20;
  static constexpr std::size_t kBoundDigitsMax =
      1024;  // digits of a bound written without exponent

  /// The start node for a range, or NumberNode::kDead if no number lies in it. Fails with limit: a
  /// bound of more than kBoundDigitsMax digits, or fuel.
  Result<std::uint32_t> add(const NumberRange& range, const std::string& where, Fuel& fuel);

  const NumberNode& operator[](std::uint32_t node) const { return nodes_[node]; }

 private:
  std::uint32_t keep(NumberNode node);
  std::uint32_t exponent();

  std::vector<NumberNode> nodes_;
  std::map<std::string, std::uint32_t> starts_;
  std::optional<std::uint32_t> exponent_;
  friend class MagnitudeBuilder;
};

}  // namespace praxis::grammar
