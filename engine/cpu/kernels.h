#pragma once
// The arithmetic of a forward pass, in three tiers that give the same bits.
//
// Every kernel is written once, in kernels_body.h, over a vector of 16 floats; a tier says how
// that vector is kept (one AVX-512 register, two AVX2 registers, an array). What fixes the bits:
//   - a product of a weight row and an input row is summed in 16 lanes with fused multiply-adds,
//     lane i taking elements i, i+16, i+32, ...; every kSegment elements the lanes are folded
//     (l + (l+8), then +4, +2, +1) and added to the total, so rounding grows with the segment's
//     length and not with the row's;
//   - neither the number of rows or tokens in a call nor the thread that makes it changes that.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/safetensors.h"  // Dtype

namespace praxis::engine::cpu {

inline constexpr std::size_t kLanes = 16;
inline constexpr std::size_t kSegment = 1024;     // elements summed in lanes before a fold
inline constexpr std::size_t kKeysPerBlock = 64;  // keys one attend() call may bring

/// A weight matrix where it lies: (rows, columns) row-major, f32 or bf16.
struct Matrix {
  const std::byte* data = nullptr;
  Dtype dtype = Dtype::f32;
  std::size_t rows = 0, columns = 0;

  const std::byte* row(std::size_t r) const { return data + r * columns * dtype_bytes(dtype); }
  /// Rows [first, first + count) as a matrix of their own.
  Matrix slice(std::size_t first, std::size_t count) const {
    return {row(first), dtype, count, columns};
  }
};

/// y[t][r] = sum_k w[r][k] * x[t][k] for rows [row_begin, row_end) and t in [0, tokens).
struct Product {
  Matrix w;                  // (rows, columns)
  const float* x = nullptr;  // (tokens, columns), x_stride floats apart
  std::size_t x_stride = 0;
  const std::uint32_t* x_rows = nullptr;  // when set, token t reads row x_rows[t] of x
  float* y = nullptr;                     // (tokens, rows), y_stride floats apart
  std::size_t y_stride = 0;
  std::size_t tokens = 0;
  std::size_t row_begin = 0, row_end = 0;
};

/// Softmax attention of many queries over one block of keys, folded into running totals.
/// Start with max = -infinity, sum = 0, out = 0; after the last block divide out by sum.
/// Online softmax: Milakov, Gimelshein, "Online normalizer calculation for softmax" (2018).
struct Attend {
  const float* q = nullptr;  // (queries, key_width), q_stride floats apart
  std::size_t queries = 0, key_width = 0, q_stride = 0;
  const float* keys = nullptr;    // (count, key_width), key_stride floats apart
  const float* values = nullptr;  // (count, value_width), value_stride floats apart
  std::size_t key_stride = 0, value_stride = 0, value_width = 0;
  std::size_t count = 0;  // keys in this block, at most kKeysPerBlock
  const std::uint32_t* visible =
      nullptr;  // (queries) how many of them each query sees, from the first
  float scale = 1;
  float* scores = nullptr;  // scratch (queries, kKeysPerBlock)
  float* max = nullptr;     // (queries)
  float* sum = nullptr;     // (queries)
  float* out = nullptr;     // (queries, value_width), out_stride floats apart
  std::size_t out_stride = 0;
};

struct Kernels {
  const char* name;
  void (*product)(const Product&);
  /// y[c] += sum_r x[r] * w[r][c], r ascending: the transposed product of one row.
  void (*product_transposed)(const Matrix& w, const float* x, float* y);
  void (*attend)(const Attend&);
  /// y = x / sqrt(mean(x^2) + epsilon) * weight. Zhang, Sennrich (2019), equation 4.
  void (*rms_norm)(const float* x, const float* weight, float epsilon, std::size_t n, float* y);
  /// gate[i] = silu(gate[i]) * up[i], silu(v) = v / (1 + e^-v)
  void (*silu_multiply)(float* gate, const float* up, std::size_t n);
  /// y[i] += scale * x[i]
  void (*add_scaled)(const float* x, float scale, std::size_t n, float* y);
  /// y[i] = x[i] * scale
  void (*scale)(const float* x, float scale, std::size_t n, float* y);
  /// y[i] = 1 / (1 + e^-x[i])
  void (*sigmoid)(const float* x, std::size_t n, float* y);
  /// Values of one weight row as f32.
  void (*widen)(const Matrix& w, std::size_t row, float* y);
};

/// The tiers this machine can run, best first; the last is "portable".
std::span<const Kernels* const> tiers();
inline const Kernels& best_tier() { return *tiers().front(); }

}  // namespace praxis::engine::cpu
