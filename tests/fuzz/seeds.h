#pragma once
// A fuzz target brings its own seeds: without one, chance does not find the first valid file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace praxis::fuzz {

/// Now and then one of `seeds`, else a mutation of the input.
inline std::size_t mutate(const std::vector<std::string>& seeds, std::uint8_t* data,
                          std::size_t size, std::size_t size_max, unsigned random) {
  if (size <= 1 || random % 64 == 0) {
    const std::string& seed = seeds[random / 64 % seeds.size()];
    size = std::min(seed.size(), size_max);
    std::memcpy(data, seed.data(), size);
  }
  return LLVMFuzzerMutate(data, size, size_max);
}

}  // namespace praxis::fuzz
