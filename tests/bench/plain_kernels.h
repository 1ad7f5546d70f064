#pragma once
// The baseline: every kernel as the plainest loop that computes it, one accumulator, left to the
// compiler. The forward pass around it is the engine's own.

#include "engine/cpu/kernels.h"

namespace praxis::bench {

extern const engine::cpu::Kernels plain_kernels;

}  // namespace praxis::bench
