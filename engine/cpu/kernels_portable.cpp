// The portable tier: an array holds the 16 lanes. The definition of what the other tiers compute.
#include <bit>
#include <cmath>

#include "engine/cpu/kernels.h"

namespace praxis::engine::cpu {
namespace {

struct V {
  float v[16];

  template <class F>
  static V each(F f) {
    V out;
    for (std::size_t i = 0; i < 16; ++i) out.v[i] = f(i);
    return out;
  }
  static float widened(const std::byte* p) {
    const auto bits = std::to_integer<std::uint32_t>(p[0]) | std::to_integer<std::uint32_t>(p[1])
                                                                 << 8;
    return std::bit_cast<float>(bits << 16);
  }
  static V zero() { return all(0); }
  static V all(float f) {
    return each([&](std::size_t) { return f; });
  }
  static V load(const float* p) { return load(p, 16); }
  static V load(const float* p, std::size_t n) {
    return each([&](std::size_t i) { return i < n ? p[i] : 0.0f; });
  }
  static V load_bf16(const std::byte* p) { return load_bf16(p, 16); }
  static V load_bf16(const std::byte* p, std::size_t n) {
    return each([&](std::size_t i) { return i < n ? widened(p + 2 * i) : 0.0f; });
  }
  void store(float* p) const { store(p, 16); }
  void store(float* p, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) p[i] = v[i];
  }
  static V fma(const V& a, const V& b, const V& c) {
    return each([&](std::size_t i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  static V add(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] + b.v[i]; });
  }
  static V sub(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] - b.v[i]; });
  }
  static V mul(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] * b.v[i]; });
  }
  static V div(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] / b.v[i]; });
  }
  static V larger(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static V smaller(const V& a, const V& b) {
    return each([&](std::size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static V shift_exponent(const V& a, const V& t) {
    return each([&](std::size_t i) {
      const auto shift = std::bit_cast<std::uint32_t>(t.v[i]) << 23;
      return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a.v[i]) + shift);
    });
  }
  template <class F>
  static float halved(V a, F f) {
    for (std::size_t n = 8; n > 0; n /= 2) {
      for (std::size_t i = 0; i < n; ++i) a.v[i] = f(a.v[i], a.v[i + n]);
    }
    return a.v[0];
  }
  static float fold(const V& a) {
    return halved(a, [](float x, float y) { return x + y; });
  }
  static float largest(const V& a) {
    return halved(a, [](float x, float y) { return x > y ? x : y; });
  }
  static V fold16(const V* in) {
    return each([&](std::size_t i) { return fold(in[i]); });
  }
};

#include "engine/cpu/kernels_body.h"

}  // namespace

extern const Kernels kernels_portable;
const Kernels kernels_portable = kernels_named("portable");

}  // namespace praxis::engine::cpu
