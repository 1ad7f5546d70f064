#pragma once
// Responses that are kept: what a request goes on from, and what can be asked for again.

#include <string>
#include <vector>

#include "agent/api/fields.h"
#include "agent/turn.h"
#include "memory/store.h"

namespace praxis::agent::api {

/// Responses that one can go back over; more is refused.
inline constexpr std::size_t kChainMax = 4096;

/// A kept response. Rows of other APIs, and those that only bring thoughts back, are none.
Parsed<memory::Reply> find_response(memory::Reads& reads, const std::string& id);

/// What was said up to and with the response `id`, oldest first: the items of each request, what was
/// answered, and the very tokens of it where `fingerprint` made them. Instructions are not part of it.
Parsed<std::vector<Message>> history(memory::Reads& reads, std::string_view fingerprint, const std::string& id);

/// Puts the items in place of references to them.
Parsed<Json> resolve_references(memory::Reads& reads, Json items);

}  // namespace praxis::agent::api
