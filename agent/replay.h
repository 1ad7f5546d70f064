#pragma once
// A step that was cut off is decoded again when its run goes on. What had been told of it must not be
// told twice: with the same seed the same tokens come, and those that are known are passed over in
// silence until the new ones begin.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/dialect/dialect.h"
#include "memory/rows.h"

namespace praxis::agent {

class Replay {
 public:
  Replay() = default;
  /// What `journal`, a run's rows, tells of step `step` (counted from 1) and nothing later.
  static Replay of(std::span<const memory::JournalEvent> journal, std::uint32_t step);

  /// The step has begun in the eyes of those who listened.
  bool begun() const { return begun_; }
  /// The id under which the step's index-th call was told of, if it was.
  std::optional<std::string> call_id(std::size_t index) const;

  /// What of `delta` is new: its text, an end of it, or nothing (empty). No value: the step takes
  /// another course than it took before.
  std::optional<std::string> fresh(const ParsedDelta& delta);
  /// All that was told has been decoded again.
  bool exhausted() const;

 private:
  struct Call {
    std::string id, name, arguments;
  };
  bool begun_ = false;
  std::string reasoning_, text_;   // told, and not yet decoded again
  std::vector<Call> calls_;
  std::size_t met_ = 0;            // calls that were decoded again
};

}  // namespace praxis::agent
