#include "engine/kv.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace praxis::engine {
namespace {

std::size_t common(std::span<const Token> a, std::span<const Token> b) {
  const std::size_t n = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + n, b.begin()).first -
                                  a.begin());
}

}  // namespace

Result<std::unique_ptr<Kv>> Kv::make(KvShape shape, std::uint64_t bytes_max) {
  const std::uint64_t floats = std::uint64_t{shape.layers} * kTokens * shape.width;
  const std::uint64_t blocks = bytes_max / (floats * sizeof(float));
  if (blocks == 0) {
    return tl::unexpected(Error{ErrorCode::bad_request,
                                "is " + std::to_string(bytes_max) + "; one block of " +
                                    std::to_string(kTokens) + " tokens takes " +
                                    std::to_string(floats * sizeof(float)),
                                "kv_bytes_max"});
  }
  constexpr std::uint64_t kBlocksMax = std::numeric_limits<std::uint32_t>::max() / kTokens;
  return std::unique_ptr<Kv>(
      new Kv(shape, floats, static_cast<std::uint32_t>(std::min(blocks, kBlocksMax))));
}

Kv::Kv(KvShape shape, std::uint64_t block_floats, std::uint32_t blocks_max)
    : shape_(shape), block_floats_(block_floats), blocks_max_(blocks_max) {
  root_ = &nodes_.emplace_back();
  root_->self = nodes_.begin();
}

std::uint32_t Kv::blocks_used() const {
  std::lock_guard lock(mutex_);
  return blocks_ - static_cast<std::uint32_t>(free_.size());
}

std::uint32_t Kv::cached_prefix(std::span<const Token> prefix) const {
  std::lock_guard lock(mutex_);
  const Match m = match(prefix);
  return static_cast<std::uint32_t>(m.full.size()) * kTokens + m.tokens;
}

Kv::Match Kv::match(std::span<const Token> prefix) const {
  Match m;
  const Node* at = root_;
  while (true) {
    const auto rest = prefix.subspan(m.full.size() * kTokens);
    Node* best = nullptr;
    std::size_t length = 0;
    for (Node* child : at->children) {
      const std::size_t n = common(child->tokens, rest);
      if (n > length) best = child, length = n;
    }
    if (length < kTokens) {
      m.partial = best;
      m.tokens = static_cast<std::uint32_t>(length);
      return m;
    }
    m.full.push_back(best);
    at = best;
  }
}

bool Kv::evictable(const Node& node) const {
  return node.pins == 0 && node.children.empty() && &node != root_;
}

void Kv::touch(Node* node) {
  leaves_.erase({node->used, node});
  node->used = clock_;
  if (evictable(*node)) leaves_.insert({node->used, node});
}

void Kv::pin(Node* node) {
  ++node->pins;
  touch(node);
}

void Kv::unpin(Node* node) {
  --node->pins;
  touch(node);
}

// `parent` is the root or pinned, and none of its blocks begins with `tokens`.
Kv::Node* Kv::add(Node* parent, std::span<const Token> tokens, Rows rows) {
  // A shorter block that this one goes on from has nothing that this one lacks.
  const auto shorter = std::find_if(parent->children.begin(), parent->children.end(), [&](Node* n) {
    return common(n->tokens, tokens) == n->tokens.size();
  });
  if (shorter != parent->children.end()) {
    free_.push_back(std::move((*shorter)->rows));
    remove(*shorter);
  }
  Node* node = &nodes_.emplace_back();
  node->self = std::prev(nodes_.end());
  node->parent = parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->rows = std::move(rows);
  parent->children.push_back(node);
  touch(node);
  return node;
}

void Kv::remove(Node* leaf) {
  leaves_.erase({leaf->used, leaf});
  Node* parent = leaf->parent;
  std::erase(parent->children, leaf);
  nodes_.erase(leaf->self);
  if (evictable(*parent)) leaves_.insert({parent->used, parent});
}

// A block to write into: one given back, a new one, or the least recently used leaf's (never
// `spared`'s). Null when all are in use.
Kv::Rows Kv::take_rows(const Node* spared) {
  if (!free_.empty()) {
    Rows rows = std::move(free_.back());
    free_.pop_back();
    return rows;
  }
  if (blocks_ < blocks_max_) {
    if (Rows rows{new (std::nothrow) float[block_floats_]}) {
      ++blocks_;
      return rows;
    }
  }
  for (const auto& [used, leaf] : leaves_) {
    if (leaf == spared) continue;
    Rows rows = std::move(leaf->rows);
    remove(leaf);
    return rows;
  }
  return nullptr;
}

Kv::Timeline::Timeline(Kv& kv, std::span<const Token> prefix, std::uint32_t reuse_max) : kv_(kv) {
  std::lock_guard lock(kv_.mutex_);
  ++kv_.clock_;
  const auto reusable = prefix.first(std::min<std::size_t>(prefix.size(), reuse_max));
  const Match m = kv_.match(reusable);
  for (Node* node : m.full) {
    kv_.pin(node);
    path_.push_back(node);
    blocks_.push_back(node->rows.get());
  }
  size_ = static_cast<std::uint32_t>(path_.size()) * kTokens;
  if (!m.partial) return;

  // The rest of that block may be another's future: copy what is shared. With no other block left
  // to copy into, the block itself changes hands.
  Rows rows = kv_.take_rows(m.partial);
  if (rows) {
    const std::size_t stride = std::size_t{kTokens} * kv_.shape_.width;
    for (std::uint32_t l = 0; l < kv_.shape_.layers; ++l) {
      std::memcpy(rows.get() + l * stride, m.partial->rows.get() + l * stride,
                  std::size_t{m.tokens} * kv_.shape_.width * sizeof(float));
    }
    kv_.touch(m.partial);
  } else {
    rows = std::move(m.partial->rows);
    kv_.remove(m.partial);
  }
  blocks_.push_back(rows.get());
  own_.push_back(std::move(rows));
  const auto shared = prefix.subspan(size_, m.tokens);
  tail_.assign(shared.begin(), shared.end());
  size_ += m.tokens;
}

Kv::Timeline::~Timeline() {
  std::lock_guard lock(kv_.mutex_);
  ++kv_.clock_;
  if (!tail_.empty()) publish();
  for (Rows& rows : own_) kv_.free_.push_back(std::move(rows));
  for (Node* node : path_) kv_.unpin(node);
}

bool Kv::Timeline::reserve(std::uint32_t count) {
  std::lock_guard lock(kv_.mutex_);
  while (blocks_.size() * kTokens < std::size_t{size_} + count) {
    Rows rows = kv_.take_rows(nullptr);
    if (!rows) return false;
    blocks_.push_back(rows.get());
    own_.push_back(std::move(rows));
  }
  return true;
}

void Kv::Timeline::commit(std::span<const Token> tokens) {
  std::lock_guard lock(kv_.mutex_);
  tail_.insert(tail_.end(), tokens.begin(), tokens.end());
  size_ += static_cast<std::uint32_t>(tokens.size());
  while (tail_.size() >= kTokens) {
    Node* node = publish();
    kv_.pin(node);
    blocks_[path_.size()] = node->rows.get();
    path_.push_back(node);
  }
}

// Moves the first own block into the tree, or gives it back when the tree has one that begins with
// the same tokens (the same bits, as the same tokens give the same rows).
Kv::Node* Kv::Timeline::publish() {
  const auto tokens = std::span(tail_).first(std::min<std::size_t>(tail_.size(), kTokens));
  Node* parent = path_.empty() ? kv_.root_ : path_.back();
  Node* node = nullptr;
  for (Node* child : parent->children) {
    if (common(child->tokens, tokens) == tokens.size()) node = child;
  }
  if (node) {
    kv_.free_.push_back(std::move(own_.front()));
    kv_.touch(node);
  } else {
    node = kv_.add(parent, tokens, std::move(own_.front()));
  }
  own_.erase(own_.begin());
  tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(tokens.size()));
  return node;
}

}  // namespace praxis::engine
