#include "engine/cpu/team.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace praxis::engine::cpu {
namespace {

constexpr std::size_t kPiecesPerThread = 4;
constexpr int kSpins = 2000;  // about 30-60 us before a waiting member sleeps

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// The state word: which round it is, and how many of its pieces are taken of how many.
struct Pieces {
  std::uint32_t round;
  std::uint16_t taken, count;
  std::uint64_t word() const {
    return std::uint64_t{round} << 32 | std::uint64_t{taken} << 16 | count;
  }
  static Pieces of(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }
};

}  // namespace

// `units`, `call` and `job` are written before the round's state is published and read only by who
// took one of its pieces; share() does not return before that piece is done, so they hold still.
struct Team::Shared {
  alignas(64) std::atomic<std::uint64_t> state{0};
  alignas(64) std::atomic<std::uint32_t> done{0};   // pieces finished in this round
  alignas(64) std::atomic<std::uint32_t> round{0};  // what members sleep on
  std::atomic<bool> stop{false};
  std::size_t units = 0;
  Call call = nullptr;
  const void* job = nullptr;
};

Team::Team(unsigned threads) : shared_(std::make_unique<Shared>()) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min(threads, kThreadsMax);
  for (unsigned t = 1; t < threads; ++t) members_.emplace_back([this, t] { member(t); });
}

Team::~Team() {
  shared_->stop.store(true);
  shared_->round.fetch_add(1);
  shared_->round.notify_all();
  for (std::thread& m : members_) m.join();
}

void Team::share(std::size_t units, Call call, const void* job) {
  Shared& s = *shared_;
  s.units = units;
  s.call = call;
  s.job = job;
  s.done.store(0, std::memory_order_relaxed);
  const auto count = static_cast<std::uint16_t>(std::min(units, size() * kPiecesPerThread));
  const std::uint32_t round = s.round.load(std::memory_order_relaxed) + 1;
  s.state.store(Pieces{round, 0, count}.word(), std::memory_order_release);
  s.round.store(round);
  s.round.notify_all();
  work_on(round, 0);
  for (int spin = 0; s.done.load(std::memory_order_acquire) != count; ++spin) {
    if (spin < kSpins) relax();
    else std::this_thread::yield();  // whoever holds the last piece needs the core
  }
}

// Takes pieces of `round` until none is left; false when there was none at all.
bool Team::work_on(std::uint32_t round, unsigned thread) {
  Shared& s = *shared_;
  bool worked = false;
  std::uint64_t word = s.state.load(std::memory_order_acquire);
  while (true) {
    const Pieces now = Pieces::of(word);
    if (now.round != round || now.taken == now.count) return worked;
    Pieces next = now;
    ++next.taken;
    if (!s.state.compare_exchange_weak(word, next.word(), std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    const std::size_t begin = s.units * now.taken / now.count;
    const std::size_t end = s.units * next.taken / now.count;
    s.call(s.job, begin, end, thread);
    s.done.fetch_add(1, std::memory_order_acq_rel);
    worked = true;
    word = s.state.load(std::memory_order_acquire);
  }
}

void Team::member(unsigned thread) {
  Shared& s = *shared_;
  std::uint32_t seen = 0;
  while (true) {
    for (int spin = 0; spin < kSpins && s.round.load(std::memory_order_acquire) == seen; ++spin) {
      relax();
    }
    s.round.wait(seen);
    seen = s.round.load(std::memory_order_acquire);
    if (s.stop.load()) return;
    work_on(seen, thread);
  }
}

}  // namespace praxis::engine::cpu
