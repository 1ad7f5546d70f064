#pragma once
// The KV cache: what each computed token left behind, as a tree of prefixes.
//
// A token leaves one row of kv_width floats per layer (MLA's latent and its rotated key part). Rows
// live in blocks of kTokens; a block's place in the tree says which tokens came before it, so a
// path from the root is a timeline that any number of others may share and branch from. Tokens are
// equal when id and role are: a role decides how the row was computed.
//
// Invariants: only a full block has children; no block's tokens begin a sibling's; blocks that a
// running timeline stands on are pinned; others go, least recently used leaf first, when room is
// needed. One worker opens, extends and closes timelines; cached_prefix() may be asked from any
// thread.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace praxis::engine {

struct KvShape {
  std::uint32_t layers = 0;
  std::uint32_t width = 0;  // floats a token and layer
};

class Kv {
 public:
  static constexpr std::uint32_t kTokens = 64;  // a block's

  /// `bytes_max` bounds all blocks together and must hold one at least.
  static Result<std::unique_ptr<Kv>> make(KvShape shape, std::uint64_t bytes_max);

  class Timeline;

  std::uint32_t blocks_max() const { return blocks_max_; }
  std::uint64_t tokens_max() const { return std::uint64_t{blocks_max_} * kTokens; }
  std::uint64_t block_bytes() const { return block_floats_ * sizeof(float); }
  std::uint32_t blocks_used() const;

  /// How many leading tokens of `prefix` have their rows here. Any thread; changes nothing.
  std::uint32_t cached_prefix(std::span<const Token> prefix) const;

 private:
  struct Node {
    Node* parent = nullptr;         // null for the root
    std::vector<Token> tokens;      // 1 to kTokens; none in the root
    std::unique_ptr<float[]> rows;  // (layers, kTokens, width)
    std::vector<Node*> children;
    std::uint32_t pins = 0;  // running timelines that stand on it
    std::uint64_t used = 0;  // when it last was on a timeline
    std::list<Node>::iterator self;
  };
  using Rows = std::unique_ptr<float[]>;
  struct Match {
    std::vector<Node*> full;  // whole blocks, from the root down
    Node* partial = nullptr;  // shares `tokens` more, fewer than the prefix needs
    std::uint32_t tokens = 0;
  };

  Kv(KvShape shape, std::uint64_t block_floats, std::uint32_t blocks_max);

  Match match(std::span<const Token> prefix) const;
  Rows take_rows(const Node* spared);
  Node* add(Node* parent, std::span<const Token> tokens, Rows rows);
  void remove(Node* leaf);
  void pin(Node* node);
  void unpin(Node* node);
  void touch(Node* node);
  bool evictable(const Node& node) const;

  const KvShape shape_;
  const std::uint64_t block_floats_;
  const std::uint32_t blocks_max_;

  mutable std::mutex mutex_;  // the tree; rows of pinned blocks are read without it
  std::list<Node> nodes_;     // the root first
  Node* root_;
  std::set<std::pair<std::uint64_t, Node*>> leaves_;  // evictable ones, least recently used first
  std::vector<Rows> free_;                            // blocks given back, to be used again
  std::uint32_t blocks_ = 0;                          // allocated: in the tree, in timelines, free
  std::uint64_t clock_ = 0;
};

/// A running request's view: the blocks of its tokens, shared ones first, its own behind.
class Kv::Timeline {
 public:
  /// Stands on the longest cached prefix, but on no more than `reuse_max` tokens of it.
  Timeline(Kv& kv, std::span<const Token> prefix, std::uint32_t reuse_max);
  /// Leaves what was committed in the tree.
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  std::uint32_t size() const { return size_; }  // tokens whose rows are there
  /// Makes room for `count` more tokens; false when every block is taken by this timeline.
  bool reserve(std::uint32_t count);
  /// Blocks that cover size() and what was reserved, each (layers, kTokens, width).
  std::span<float* const> blocks() const { return blocks_; }
  /// The rows of these next tokens have been written.
  void commit(std::span<const Token> tokens);

 private:
  Node* publish();

  Kv& kv_;
  std::uint32_t size_ = 0;
  std::vector<float*> blocks_;
  std::vector<Node*> path_;  // pinned, one full block each
  std::vector<Rows> own_;    // behind the path
  std::vector<Token> tail_;  // tokens of own_, committed
};

}  // namespace praxis::engine
