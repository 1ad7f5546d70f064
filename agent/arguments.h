#pragma once
// A tool's arguments against its schema: the grammar, introduced to the toolbox.

#include <string_view>

#include "tools/toolbox.h"

namespace praxis::agent {

/// The check of a tool with this JSON Schema, for tools::Toolbox. Every keyword counts, whoever wrote
/// the arguments; keys that the schema merely tolerates are tolerated. Refuses (bad_schema) a schema
/// that the grammar refuses to judge by.
tools::Result<tools::ArgumentsCheck> check_by_schema(std::string_view schema);

}  // namespace praxis::agent
