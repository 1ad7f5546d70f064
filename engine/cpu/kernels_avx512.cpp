// The AVX-512 tier: one register holds the 16 lanes. Compiled with its own instruction set; reached
// only through the table, and only where the machine has it.
#include <immintrin.h>

#include "engine/cpu/kernels.h"

namespace praxis::engine::cpu {
namespace {

struct V {
  __m512 v;

  static __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static V zero() { return {_mm512_setzero_ps()}; }
  static V all(float f) { return {_mm512_set1_ps(f)}; }
  static V load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static V load(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  static V widened(__m256i bits) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
  }
  static V load_bf16(const std::byte* p) {
    return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static V load_bf16(const std::byte* p, std::size_t n) {
    return widened(_mm256_maskz_loadu_epi16(first(n), p));
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, std::size_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }
  static V fma(V a, V b, V c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static V add(V a, V b) { return {_mm512_add_ps(a.v, b.v)}; }
  static V sub(V a, V b) { return {_mm512_sub_ps(a.v, b.v)}; }
  static V mul(V a, V b) { return {_mm512_mul_ps(a.v, b.v)}; }
  static V div(V a, V b) { return {_mm512_div_ps(a.v, b.v)}; }
  static V larger(V a, V b) { return {_mm512_max_ps(a.v, b.v)}; }
  static V smaller(V a, V b) { return {_mm512_min_ps(a.v, b.v)}; }
  static V shift_exponent(V a, V t) {
    return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v),
                                                 _mm512_slli_epi32(_mm512_castps_si512(t.v), 23)))};
  }
  static __m256 high(__m512 a) {
    return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1));
  }
  static float fold(V a) {
    const __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), high(a.v));
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_shuffle_ps(s2, s2, 1)));
  }
  static float largest(V a) {
    const __m256 s8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), high(a.v));
    const __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_shuffle_ps(s2, s2, 1)));
  }
  // Four rounds that halve the lanes of two vectors into one, in the order fold() takes. After
  // them output 4*b + e holds input b + 4*e of the argument order, hence the transposed reading.
  static V fold16(const V* in) {
    __m512 a[8], b[4], c[2];
    for (int i = 0; i < 8; ++i) {
      const __m512 x = in[letter(2 * i)].v, y = in[letter(2 * i + 1)].v;
      a[i] = _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x44), _mm512_shuffle_f32x4(x, y, 0xee));
    }
    for (int i = 0; i < 4; ++i) {
      const __m512 x = a[2 * i], y = a[2 * i + 1];
      b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
    }
    for (int i = 0; i < 2; ++i) {
      const __m512 x = b[2 * i], y = b[2 * i + 1];
      c[i] = _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x44), _mm512_shuffle_ps(x, y, 0xee));
    }
    return {
        _mm512_add_ps(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xdd))};
  }
  static constexpr int letter(int i) { return 4 * (i % 4) + i / 4; }
};

#include "engine/cpu/kernels_body.h"

}  // namespace

extern const Kernels kernels_avx512;
const Kernels kernels_avx512 = kernels_named("avx512");

}  // namespace praxis::engine::cpu
