#pragma once
// Sequences of words, each kept once and numbered from 0 in the order of their first coming.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace praxis::grammar {

class Interned {
 public:
  struct Answer {
    std::uint32_t id;
    bool added;
  };

  Answer add(std::span<const std::uint32_t> words) {
    if ((begins_.size() + 1) * 2 > slots_.size()) grow();
    const std::uint32_t hash = hash_of(words);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != kFree; at = (at + 1) & (slots_.size() - 1)) {
      const std::uint32_t id = slots_[at];
      if (hashes_[id] == hash && std::ranges::equal((*this)[id], words)) return Answer{id, false};
    }
    const auto id = static_cast<std::uint32_t>(hashes_.size());
    slots_[at] = id;
    hashes_.push_back(hash);
    begins_.push_back(static_cast<std::uint32_t>(words_.size()));
    words_.insert(words_.end(), words.begin(), words.end());
    return Answer{id, true};
  }
  std::span<const std::uint32_t> operator[](std::uint32_t id) const {
    const std::size_t end = id + 1 < begins_.size() ? begins_[id + 1] : words_.size();
    return std::span(words_).subspan(begins_[id], end - begins_[id]);
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(hashes_.size()); }

 private:
  static constexpr std::uint32_t kFree = ~0u;

  static std::uint32_t hash_of(std::span<const std::uint32_t> words) {
    std::uint64_t hash = words.size();
    for (const std::uint32_t word : words) {
      hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
      hash ^= hash >> 29;
    }
    return static_cast<std::uint32_t>(hash ^ hash >> 32);
  }
  void grow() {
    slots_.assign(std::max<std::size_t>(32, slots_.size() * 2), kFree);
    for (std::uint32_t id = 0; id < size(); ++id) {
      std::size_t at = hashes_[id] & (slots_.size() - 1);
      while (slots_[at] != kFree) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = id;
    }
  }

  std::vector<std::uint32_t> words_, begins_, hashes_, slots_;
};

}  // namespace praxis::grammar
