#pragma once
// Where an output may be in its program: all places at once, moved by bytes and by tokens.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "grammar/program.h"
#include "grammar/trie.h"

namespace praxis::grammar {

/// One place in the program; which fields mean something depends on the node's kind.
struct Position {
  NodeId node = 0;
  std::uint32_t calls = 1;          // the call this is in, or would be in
  std::uint32_t offset = 0;         // text, names: bytes read; free: the state of its trigger
  std::uint32_t low = 0, high = 0;  // names: those that begin like what was read
  StateId state = 0;                // value
  bool operator==(const Position&) const = default;
};

/// Mostly one.
using Places = std::vector<Position>;

/// Reads a program: where bytes and tokens lead, and what each place still costs. What an output's
/// budget allows beyond that is the structure's to say. Everything it is given must outlive it.
class ProgramReader {
 public:
  ProgramReader(const Program& program, const Vocabulary& vocabulary)
      : program_(program), vocabulary_(vocabulary) {}

  const Node& node(const Position& place) const { return program_.nodes[place.node]; }
  bool in(const Places& places, NodeId id) const;
  /// Adds where the output is once it comes to `id`, also what is reached from there without
  /// reading anything.
  void enter(NodeId id, std::uint32_t calls, Places& places) const;
  /// Where a token leads; empty if nowhere.
  Places after(const Places& from, TokenId id) const;
  Places step(const Places& from, std::uint8_t byte) const;
  /// Tokens that end the output from here, every byte counted as one; the shortest of all ways.
  std::uint64_t finish(const Places& places) const;
  /// The byte that must come next, or -1.
  int only_byte(const Places& places) const;
  /// May a token come that begins with `begun`, which led to `from`, and goes on beyond it?
  bool token_goes_on(const Places& from, std::string_view begun) const;
  /// Sets the tokens after which `tokens_max` more can end the output.
  void mask(const Places& places, std::uint64_t tokens_max, std::span<std::uint32_t> bits) const;

 private:
  void settle(const Position& place, Places& places) const;
  void step_place(const Position& place, std::uint8_t byte, Places& next) const;
  std::uint64_t finish(const Position& place) const;
  void walk(std::uint32_t root, Places from, std::uint64_t tokens_max,
            std::span<std::uint32_t> bits) const;
  void mask_free(const Position& place, std::uint64_t tokens_max, std::span<std::uint32_t> bits) const;
  void mask_value(const Position& place, std::uint64_t tokens_max,
                  std::span<std::uint32_t> bits) const;

  const Program& program_;
  const Vocabulary& vocabulary_;
};

}  // namespace praxis::grammar
