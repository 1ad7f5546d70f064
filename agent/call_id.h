#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace praxis::agent {

/// `prefix` and 22 random characters of 62, 130 bits: an id that cannot be guessed.
std::string unguessable_id(std::string_view prefix);

/// An idempotency key: the time in ms, then unguessable. Keys of one time are neighbours in the store's
/// index, so that many of them change few of its pages.
std::string new_call_key();

/// The id of a step's index-th call, in the form of DeepSeek's API: call_00_….
std::string new_call_id(std::size_t index);

}  // namespace praxis::agent
