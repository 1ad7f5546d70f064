#pragma once
// Schemas made to hurt: what crashed, hung or filled the memory of other engines, and what a
// hostile mind adds. Each must get a verdict or a refusal by name, within bounded work.

#include <optional>
#include <string>
#include <vector>

#include "grammar/error.h"

namespace praxis::grammar::test {

struct HostileCase {
  std::string name, schema;
  std::optional<ErrorCode> refused = {};  // with this code; nothing: either way, but by name
  bool compiles = false;                  // must not be refused
  std::vector<std::string> valid = {}, invalid = {};  // compact texts, keys in any order
};

struct HostileGroup {
  const char* name;
  std::vector<HostileCase> (*make)();  // some tens of MiB
};

const std::vector<HostileGroup>& hostile_groups();

}  // namespace praxis::grammar::test
