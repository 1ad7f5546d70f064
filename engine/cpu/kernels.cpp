#include "engine/cpu/kernels.h"

#include <vector>

namespace praxis::engine::cpu {

extern const Kernels kernels_portable;
#ifdef PRAXIS_X86_TIERS
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

std::span<const Kernels* const> tiers() {
  static const std::vector<const Kernels*> found = [] {
    std::vector<const Kernels*> list;
#ifdef PRAXIS_X86_TIERS
    // These ask for the operating system's support of the registers too.
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
      list.push_back(&kernels_avx512);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list.push_back(&kernels_avx2);
    }
#endif
    list.push_back(&kernels_portable);
    return list;
  }();
  return found;
}

}  // namespace praxis::engine::cpu
