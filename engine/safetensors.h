#pragma once
// Strict reader of safetensors weights, one file or shards under an index. Every length, type,
// shape and range is checked against the file before a view onto it is handed out.
//
// Format: https://github.com/huggingface/safetensors#format. A file is an 8-byte little-endian
// header length, a JSON header, and the data; the header gives each tensor's byte range in the
// data.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace praxis::engine {

enum class Dtype : std::uint8_t { f32, bf16 };

constexpr std::size_t dtype_bytes(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }
constexpr std::string_view dtype_name(Dtype dtype) { return dtype == Dtype::f32 ? "F32" : "BF16"; }

/// One tensor, row-major. `data` is aligned for its type and lives as long as its Safetensors.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> data;  // product(shape) * dtype_bytes(dtype)
  std::uint64_t size() const { return data.size() / dtype_bytes(dtype); }  // elements
};

struct SafetensorsLimits {
  std::uint64_t header_bytes_max = 100'000'000;  // as the reference reader's
  std::uint64_t index_bytes_max = 100'000'000;
  std::size_t tensors_max = 1'000'000;  // R1 has 91,991
  std::size_t shards_max = 4'096;       // R1 has 163
  std::size_t rank_max = 8;
  std::size_t name_bytes_max = 1'024;
};

/// Read-only, memory-mapped, so weights are read on first use and shared between processes.
/// A file that another process shortens while it is mapped ends this process by SIGBUS: replace
/// weights by renaming a new file over the old one, never in place.
class Safetensors {
 public:
  /// `path` is a .safetensors file, an index (.json), or a folder holding model.safetensors or
  /// model.safetensors.index.json. Errors name the file, the tensor or field, and the byte offset
  /// in the file where what was refused begins.
  static Result<Safetensors> open(const std::filesystem::path& path,
                                  const SafetensorsLimits& limits = {});
  /// The same checks on bytes in memory, which must outlive the result (tests, fuzzing).
  static Result<Safetensors> parse(std::span<const std::byte> file, std::string_view where,
                                   const SafetensorsLimits& limits = {});

  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  ~Safetensors();

  /// Null when there is no such tensor.
  const TensorView* find(std::string_view name) const;
  /// The tensor, or an error that names it and says what was expected and found.
  Result<TensorView> require(std::string_view name, std::span<const std::uint64_t> shape) const;
  Result<TensorView> require(std::string_view name,
                             std::initializer_list<std::uint64_t> shape) const {
    return require(name, std::span(shape.begin(), shape.size()));
  }

  std::span<const TensorView> tensors() const;  // by name
  std::uint64_t data_bytes() const;             // of all tensors together
  /// 16 hex digits over every shard's header in shard order: names, types, shapes and ranges, not
  /// the weights themselves. Tells models apart; proves nothing against an attacker.
  std::string header_digest() const;

 private:
  struct Impl;
  explicit Safetensors(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace praxis::engine
