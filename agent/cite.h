#pragma once
// Answers that cite. A citation, [FILE:LINE], can only name a passage that a tool returned in this
// turn: in the answer's grammar no other text may follow a bracket. What the model says without a
// citation is looked up among the same passages by its words.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/turn.h"

namespace praxis::agent {

/// A line of a tool's result: FILE:LINE: TEXT. `file` is below the folder that the tool was given.
struct Passage {
  std::string file;
  std::uint64_t line = 0;  // from 1
  std::string text;        // as the tool returned it
  bool operator==(const Passage&) const = default;
};

struct Citation {
  Passage passage;
  bool written = true;  // by the model; else found by the words of the answer
  bool operator==(const Citation&) const = default;
};

inline constexpr std::size_t kPassagesMax = 200;  // that an answer may cite: those returned first

/// What search and files_grep have returned since the last user message, each once, in order.
/// Other tools may return any text, in which something that looks like a passage is none.
std::vector<Passage> passages_in(std::span<const Message> messages);

/// The pattern of an answer that may cite these and nothing else. A bracket always opens a
/// citation; all other text is free.
std::string citing_pattern(std::span<const Passage> passages);

/// What stands behind an answer, each passage once: first those it names, in its order; then, of
/// each sentence that names none, the first one that it quotes in full or that holds all its words
/// that say something.
std::vector<Citation> citations_of(std::string_view answer, std::span<const Passage> passages);

}  // namespace praxis::agent
