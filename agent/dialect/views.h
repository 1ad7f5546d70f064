#pragma once
// Think-stripping: what of a conversation's reasoning the model sees. The store always keeps all of it.

#include <span>
#include <vector>

#include "agent/turn.h"

namespace praxis::agent {

/// One flag per message, in order: true where an assistant message's reasoning is visible. A turn
/// goes from one user message to the next; the current turn is the last one, and messages before
/// the first user message are a turn of their own. Needs `role` and `calls` only.
std::vector<bool> reasoning_visible(std::span<const Message> messages, ThinkPolicy policy);

}  // namespace praxis::agent
