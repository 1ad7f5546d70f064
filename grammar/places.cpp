#include "grammar/places.h"

#include <algorithm>

namespace praxis::grammar {
namespace {

void allow(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] |= 1u << (static_cast<std::uint32_t>(id) % 32);
}

void forbid(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] &= ~(1u << (static_cast<std::uint32_t>(id) % 32));
}

void keep(const Position& place, Places& places) {
  if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
}

std::span<const TokenId> tokens_from(const Vocabulary::Trie& trie, std::uint32_t begin,
                                     std::uint32_t end) {
  return std::span(trie.tokens).subspan(trie.first[begin], trie.first[end] - trie.first[begin]);
}

}  // namespace

bool ProgramReader::in(const Places& places, NodeId id) const {
  return id != kNoNode &&
         std::any_of(places.begin(), places.end(), [&](const Position& p) { return p.node == id; });
}

void ProgramReader::enter(NodeId id, std::uint32_t calls, Places& places) const {
  Position place;
  place.node = id;
  place.calls = calls;
  const Node& node = program_.nodes[id];
  if (node.kind == Node::Kind::names) place.high = static_cast<std::uint32_t>(node.names.size());
  if (node.kind == Node::Kind::value) place.state = node.residuals->start();
  settle(place, places);
}

void ProgramReader::settle(const Position& place, Places& places) const {
  const Node& here = node(place);
  switch (here.kind) {
    case Node::Kind::text:
      if (place.offset == here.text.size() && !here.ends_token)
        return enter(here.next, place.calls, places);
      return keep(place, places);
    case Node::Kind::names: {
      Position longer = place;
      if (here.names[place.low].name.size() == place.offset) {  // sorted: the shortest is the first
        enter(here.names[place.low].next, place.calls, places);
        ++longer.low;
      }
      if (longer.low < longer.high) keep(longer, places);
      return;
    }
    case Node::Kind::value:
      if (here.residuals->complete(place.state)) enter(here.next, place.calls, places);
      if (!here.residuals->ended(place.state)) keep(place, places);
      return;
    case Node::Kind::free:
      keep(place, places);
      [[fallthrough]];
    case Node::Kind::split:
      for (const NodeId branch : here.branches) enter(branch, place.calls, places);
      return;
    case Node::Kind::called:
      return enter(here.next, place.calls + 1, places);
    case Node::Kind::call:
      if (place.calls <= program_.calls_max) enter(here.next, place.calls, places);
      return;
    case Node::Kind::control:
    case Node::Kind::finished:
      return keep(place, places);
  }
}

void ProgramReader::step_place(const Position& place, std::uint8_t byte, Places& next) const {
  const Node& here = node(place);
  Position moved = place;
  switch (here.kind) {
    case Node::Kind::text:
      if (place.offset == here.text.size()) return;  // ends_token
      if (static_cast<std::uint8_t>(here.text[place.offset]) != byte) return;
      ++moved.offset;
      return settle(moved, next);
    case Node::Kind::names: {
      const auto at = [&](std::uint32_t i) {
        return static_cast<std::uint8_t>(here.names[i].name[place.offset]);
      };
      while (moved.low < moved.high && at(moved.low) < byte) ++moved.low;
      moved.high = moved.low;
      while (moved.high < place.high && at(moved.high) == byte) ++moved.high;
      if (moved.low == moved.high) return;
      ++moved.offset;
      return settle(moved, next);
    }
    case Node::Kind::value: {
      const char c = static_cast<char>(byte);
      moved.state = here.residuals->advance(place.state, std::string_view(&c, 1));
      if (moved.state != Residuals::kDead) settle(moved, next);
      return;
    }
    case Node::Kind::free:
      if (here.finder) moved.offset = here.finder->step(place.offset, byte);
      if (!here.finder || moved.offset < here.finder->size()) return settle(moved, next);
      if (here.next != kNoNode) enter(here.next, place.calls, next);
      return;
    case Node::Kind::split:
    case Node::Kind::called:
    case Node::Kind::call:
    case Node::Kind::control:
    case Node::Kind::finished:
      return;
  }
}

Places ProgramReader::step(const Places& from, std::uint8_t byte) const {
  Places next;
  for (const Position& place : from) step_place(place, byte, next);
  return next;
}

Places ProgramReader::after(const Places& from, TokenId id) const {
  const std::string_view bytes = vocabulary_.bytes(id);
  Places next;
  if (bytes.empty()) {
    for (const Position& place : from) {
      const Node& here = node(place);
      if (here.kind == Node::Kind::control && here.control == id)
        enter(here.next, place.calls, next);
      const auto& free = here.free_controls;
      if (std::find(free.begin(), free.end(), id) == free.end()) continue;
      Position again = place;
      again.offset = 0;  // a control token breaks off a trigger's text
      settle(again, next);
    }
    return next;
  }
  Places read = from;
  for (std::size_t i = 0; i < bytes.size() && !read.empty(); ++i)
    read = step(read, static_cast<std::uint8_t>(bytes[i]));
  for (const Position& place : read) {
    const Node& here = node(place);
    const bool passed = here.kind == Node::Kind::text && place.offset == here.text.size();
    if (passed) enter(here.next, place.calls, next);
    else keep(place, next);
  }
  return next;
}

std::uint64_t ProgramReader::finish(const Position& place) const {
  const Node& here = node(place);
  switch (here.kind) {
    case Node::Kind::text:
      return here.finish - place.offset;
    case Node::Kind::value:
      return add_bytes(here.residuals->finish(place.state), program_.nodes[here.next].finish);
    case Node::Kind::names: {
      std::uint64_t least = kEndless;
      for (std::uint32_t i = place.low; i < place.high; ++i) {
        const Node::Name& name = here.names[i];
        least = std::min(
            least, add_bytes(name.name.size() - place.offset, program_.nodes[name.next].finish));
      }
      return least;
    }
    default:
      return here.finish;
  }
}

std::uint64_t ProgramReader::finish(const Places& places) const {
  std::uint64_t least = kEndless;
  for (const Position& place : places) least = std::min(least, finish(place));
  return least;
}

int ProgramReader::only_byte(const Places& places) const {
  int only = -1;
  for (const Position& place : places) {
    const Node& here = node(place);
    int byte = -1;
    if (here.kind == Node::Kind::text && place.offset < here.text.size()) {
      byte = static_cast<std::uint8_t>(here.text[place.offset]);
    } else if (here.kind == Node::Kind::names) {
      const auto at = [&](std::uint32_t i) {
        return static_cast<std::uint8_t>(here.names[i].name[place.offset]);
      };
      if (at(place.low) == at(place.high - 1)) byte = at(place.low);
    } else if (here.kind == Node::Kind::value) {
      byte = here.residuals->only_byte(place.state);
    }
    if (byte < 0 || (only >= 0 && byte != only)) return -1;
    only = byte;
  }
  return only;
}

bool ProgramReader::token_goes_on(const Places& from, std::string_view begun) const {
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
  const std::uint32_t root = trie.find(0, begun);
  if (root == Vocabulary::Trie::kNone) return false;
  std::vector<Places> path(trie.depth_max + 1);
  path[trie.depth[root]] = from;
  for (std::uint32_t node = root + 1; node < trie.end[root];) {
    Places here = step(path[trie.depth[node] - 1], trie.byte[node]);
    if (here.empty()) {
      node = trie.end[node];
      continue;
    }
    if (trie.first[node] != trie.first[node + 1]) return true;
    path[trie.depth[node]] = std::move(here);
    ++node;
  }
  return false;
}

/// Sets the tokens at and below `root`, to which `from` belongs, that may be.
void ProgramReader::walk(std::uint32_t root, Places from, std::uint64_t tokens_max,
                         std::span<std::uint32_t> bits) const {
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
  std::vector<Places> path(trie.depth_max + 1);
  for (std::uint32_t node = root; node < trie.end[root];) {
    Places here =
        node == root ? std::move(from) : step(path[trie.depth[node] - 1], trie.byte[node]);
    if (here.empty()) {
      node = trie.end[node];
      continue;
    }
    if (trie.first[node] != trie.first[node + 1] && finish(here) <= tokens_max) {
      for (const TokenId id : tokens_from(trie, node, node + 1)) allow(bits, id);
    }
    path[trie.depth[node]] = std::move(here);
    ++node;
  }
}

/// Any text, but for what goes on behind a trigger: there the program binds.
void ProgramReader::mask_free(const Position& place, std::uint64_t tokens_max,
                              std::span<std::uint32_t> bits) const {
  const Node& here = node(place);
  if (here.finish > tokens_max) return;
  for (const TokenId id : here.free_controls) allow(bits, id);
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
  const std::vector<std::uint32_t>& text = vocabulary_.tries().text_tokens;
  const bool triggers = here.finder && !here.finder->completions(place.offset).empty();
  if (!triggers) {
    for (std::size_t i = 0; i < text.size(); ++i) bits[i] |= text[i];
    return;
  }
  std::vector<std::uint32_t> own = text;  // other places may allow what this one does not
  for (const std::uint32_t node : here.finder->completions(place.offset)) {
    for (const TokenId id : tokens_from(trie, node, trie.end[node])) forbid(own, id);
    Places behind;
    if (here.next != kNoNode) enter(here.next, place.calls, behind);
    walk(node, std::move(behind), tokens_max, own);
  }
  for (std::size_t i = 0; i < own.size(); ++i) bits[i] |= own[i];
}

/// A value's own mask covers it and its suffix. Tokens that go on with what follows have the
/// suffix's end in them, or begin inside it: they are few, and are read one by one.
void ProgramReader::mask_value(const Position& place, std::uint64_t tokens_max,
                               std::span<std::uint32_t> bits) const {
  const Node& here = node(place);
  if (here.straddles && !here.finder) return walk(0, Places{place}, tokens_max, bits);
  const std::uint64_t behind = program_.nodes[here.next].finish;
  if (behind <= tokens_max) here.residuals->add_mask(place.state, bits, tokens_max - behind);
  if (!here.straddles) return;
  const Vocabulary::Trie& trie = vocabulary_.tries().all;
  for (const std::uint32_t node : here.finder->completions_anywhere()) {
    const auto tokens = tokens_from(trie, node, trie.end[node]);
    const std::string_view begun = vocabulary_.bytes(tokens[0]).substr(0, trie.depth[node]);
    Places read{place};
    for (std::size_t i = 0; i < begun.size() && !read.empty(); ++i)
      read = step(read, static_cast<std::uint8_t>(begun[i]));
    walk(node, std::move(read), tokens_max, bits);
  }
}

void ProgramReader::mask(const Places& places, std::uint64_t tokens_max,
                         std::span<std::uint32_t> bits) const {
  for (const Position& place : places) {
    const Node& here = node(place);
    switch (here.kind) {
      case Node::Kind::control:
        if (program_.nodes[here.next].finish <= tokens_max) allow(bits, here.control);
        break;
      case Node::Kind::free:
        mask_free(place, tokens_max, bits);
        break;
      case Node::Kind::value:
        mask_value(place, tokens_max, bits);
        break;
      case Node::Kind::text:
      case Node::Kind::names:
        walk(0, Places{place}, tokens_max, bits);
        break;
      case Node::Kind::split:
      case Node::Kind::called:
      case Node::Kind::call:
      case Node::Kind::finished:
        break;
    }
  }
}

}  // namespace praxis::grammar
