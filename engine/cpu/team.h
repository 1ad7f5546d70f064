#pragma once
// A persistent team of threads for the loops of a forward pass.
//
// A loop is cut into pieces that whoever is free takes; which thread computes a piece never changes
// its bits. The caller takes part and returns when all pieces are done; a member that is late (or
// not scheduled at all) finds no piece left and is never waited for.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace praxis::engine::cpu {

class Team {
 public:
  /// `threads` in all, the caller included, at most kThreadsMax; 0 is one per core.
  explicit Team(unsigned threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  unsigned size() const { return static_cast<unsigned>(members_.size()) + 1; }

  /// Calls f(begin, end, thread) on pieces that cover [0, units), thread < size(). `work` is about
  /// how many multiply-adds the loop takes: below kWorkMin the caller does it alone, because waking
  /// others would cost more. One caller at a time; f must not throw.
  template <class F>
  void run(std::size_t units, std::uint64_t work, const F& f) {
    if (units == 0) return;
    if (members_.empty() || units == 1 || work < kWorkMin) return f(std::size_t{0}, units, 0u);
    share(
        units,
        [](const void* job, std::size_t begin, std::size_t end, unsigned thread) {
          (*static_cast<const F*>(job))(begin, end, thread);
        },
        &f);
  }

  static constexpr unsigned kThreadsMax = 1024;
  static constexpr std::uint64_t kWorkMin = 1 << 18;  // about 15 us on one core

 private:
  using Call = void (*)(const void* job, std::size_t begin, std::size_t end, unsigned thread);
  struct Shared;

  void share(std::size_t units, Call call, const void* job);
  bool work_on(std::uint32_t round, unsigned thread);
  void member(unsigned thread);

  std::unique_ptr<Shared> shared_;
  std::vector<std::thread> members_;
};

}  // namespace praxis::engine::cpu
