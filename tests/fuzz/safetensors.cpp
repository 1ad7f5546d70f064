// A weights file of any bytes loads, with every tensor readable to its end, or is refused by name.
#include "engine/safetensors.h"

#include <cstdlib>
#include <memory>

#include "tests/fuzz/seeds.h"

namespace {

using praxis::engine::Safetensors;

std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header +
         std::string(data_bytes, 'd');
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      file_of(R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      file_of(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[4],)"
              R"("data_offsets":[0,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})",
              12),
      file_of(R"({"e":{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]}})", 0),
  };
  return kSeeds;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that a read past the end is seen.
  const auto copy = std::make_unique<std::byte[]>(size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const auto weights = Safetensors::parse({copy.get(), size}, "fuzz");
  if (!weights) {
    if (weights.error().what.empty() || weights.error().where != "fuzz") std::abort();
    return 0;
  }
  std::uint64_t bytes = 0;
  unsigned sum = 0;
  for (const auto& tensor : weights->tensors()) {
    for (const std::byte b : tensor.data) sum += std::to_integer<unsigned>(b);
    bytes += tensor.data.size();
    if (weights->find(tensor.name) != &tensor) std::abort();
    if (!weights->require(tensor.name, tensor.shape)) std::abort();
  }
  if (bytes != weights->data_bytes() || bytes > size) std::abort();
  volatile unsigned sink = sum;
  (void)sink;
  return 0;
}
