#include "tests/bench/plain_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace praxis::bench {
namespace {

using engine::Dtype;
using engine::cpu::Attend;
using engine::cpu::Matrix;
using engine::cpu::Product;

float value(const Matrix& w, std::size_t row, std::size_t column) {
  const std::byte* p = w.row(row);
  if (w.dtype == Dtype::f32) return reinterpret_cast<const float*>(p)[column];
  std::uint16_t half;
  std::memcpy(&half, p + 2 * column, sizeof half);
  return std::bit_cast<float>(std::uint32_t{half} << 16);
}

void product(const Product& p) {
  for (std::size_t t = 0; t < p.tokens; ++t) {
    const float* x = p.x + (p.x_rows ? p.x_rows[t] : t) * p.x_stride;
    for (std::size_t r = p.row_begin; r < p.row_end; ++r) {
      float sum = 0;
      for (std::size_t k = 0; k < p.w.columns; ++k) sum += value(p.w, r, k) * x[k];
      p.y[t * p.y_stride + r] = sum;
    }
  }
}

void product_transposed(const Matrix& w, const float* x, float* y) {
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t c = 0; c < w.columns; ++c) y[c] += x[r] * value(w, r, c);
  }
}

void attend(const Attend& a) {
  for (std::size_t q = 0; q < a.queries; ++q) {
    float* out = a.out + q * a.out_stride;
    for (std::size_t j = 0; j < a.visible[q]; ++j) {
      float score = 0;
      for (std::size_t d = 0; d < a.key_width; ++d)
        score += a.q[q * a.q_stride + d] * a.keys[j * a.key_stride + d];
      score *= a.scale;
      const float high = std::max(a.max[q], score), keep = std::exp(a.max[q] - high),
                  p = std::exp(score - high);
      a.max[q] = high;
      a.sum[q] = a.sum[q] * keep + p;
      for (std::size_t c = 0; c < a.value_width; ++c)
        out[c] = out[c] * keep + p * a.values[j * a.value_stride + c];
    }
  }
}

void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* y) {
  float squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += x[i] * x[i];
  const float scale = 1 / std::sqrt(squares / static_cast<float>(n) + epsilon);
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

void silu_multiply(float* gate, const float* up, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

void add_scaled(const float* x, float scale, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

void scale(const float* x, float scale, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * scale;
}

void sigmoid(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = 1 / (1 + std::exp(-x[i]));
}

void widen(const Matrix& w, std::size_t row, float* y) {
  for (std::size_t c = 0; c < w.columns; ++c) y[c] = value(w, row, c);
}

}  // namespace

const engine::cpu::Kernels plain_kernels = {"plain",  product,       product_transposed, attend,
                                            rms_norm, silu_multiply, add_scaled,         scale,
                                            sigmoid,  widen};

}  // namespace praxis::bench
