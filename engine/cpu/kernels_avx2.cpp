// The AVX2 tier: two registers hold the 16 lanes. Compiled with its own instruction set; reached
// only through the table, and only where the machine has it.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace praxis::engine::cpu {
namespace {

alignas(64) const std::int32_t kFirst[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                             -1, -1, -1, -1, -1, 0,  0,  0,  0,  0,  0,
                                             0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

struct V {
  __m256 lo, hi;  // lanes 0-7 and 8-15

  static __m256i first(std::size_t n, std::size_t half) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst + 16 - n + 8 * half));
  }
  static V zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static V all(float f) { return {_mm256_set1_ps(f), _mm256_set1_ps(f)}; }
  static V load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static V load(const float* p, std::size_t n) {
    return {_mm256_maskload_ps(p, first(n, 0)), _mm256_maskload_ps(p + 8, first(n, 1))};
  }
  static __m256 widened(const std::byte* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static V load_bf16(const std::byte* p) { return {widened(p), widened(p + 16)}; }
  static V load_bf16(const std::byte* p, std::size_t n) {
    alignas(32) std::byte bits[32] = {};
    for (std::size_t i = 0; i < 2 * n; ++i) bits[i] = p[i];
    return load_bf16(bits);
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void store(float* p, std::size_t n) const {
    _mm256_maskstore_ps(p, first(n, 0), lo);
    _mm256_maskstore_ps(p + 8, first(n, 1), hi);
  }
  static V fma(V a, V b, V c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  static V add(V a, V b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static V sub(V a, V b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  static V mul(V a, V b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static V div(V a, V b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
  static V larger(V a, V b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static V smaller(V a, V b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static __m256 shifted(__m256 a, __m256 t) {
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_castps_si256(t), 23)));
  }
  static V shift_exponent(V a, V t) { return {shifted(a.lo, t.lo), shifted(a.hi, t.hi)}; }
  static float fold(V a) {
    const __m256 s8 = _mm256_add_ps(a.lo, a.hi);
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_shuffle_ps(s2, s2, 1)));
  }
  static float largest(V a) {
    const __m256 s8 = _mm256_max_ps(a.lo, a.hi);
    const __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_shuffle_ps(s2, s2, 1)));
  }
  static V fold16(const V* in) {
    alignas(32) float sums[16];
    for (int i = 0; i < 16; ++i) sums[i] = fold(in[i]);
    return load(sums);
  }
};

#include "engine/cpu/kernels_body.h"

}  // namespace

extern const Kernels kernels_avx2;
const Kernels kernels_avx2 = kernels_named("avx2");

}  // namespace praxis::engine::cpu
