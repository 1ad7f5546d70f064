#pragma once
// After a crash or an interruption: what becomes of each call that was under way.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/error.h"
#include "agent/event.h"
#include "memory/store.h"
#include "tools/toolbox.h"

namespace praxis::agent {

enum class Settle : std::uint8_t {
  keep,      // has its result
  start,     // planned, never started: may start now
  restart,   // pure, or idempotent with the same key: runs again
  finish,    // its tool says what became of it: take that result
  unknown,   // once, and nobody knows: never run again, shown as such
};

struct Decision {
  Settle what = Settle::keep;
  tools::ToolResult result;   // for finish
};

/// Pure of side effects but for asking the tool's status(key).
Decision decide(const memory::Call& call, const tools::Toolbox& toolbox);

/// What the model and people read in place of an unknown result.
inline constexpr const char* kUnknownText =
    "unknown: the process stopped while this call ran; it may or may not have taken effect and is not repeated";

/// The right to work on a run, and its row as it is once nobody else has that right.
struct ClaimedRun {
  memory::Claim claim;
  memory::Run row;
};
/// Running without anybody at work on it, or interrupted.
inline bool may_go_on(const memory::Run& row) {
  return row.status == memory::RunStatus::running || row.status == memory::RunStatus::interrupted;
}
/// not_found, or busy where somebody works on its conversation.
Result<ClaimedRun> claim_run(memory::Store& store, const std::string& run_id);

/// Where the steps of a run ended in its journal.
struct StepEnds {
  std::vector<memory::JournalEvent> rows;
  std::int64_t last = 0;          // seq of the last of them; 0: none
  std::int64_t before_last = 0;   // what the last step did comes after it
};
memory::Result<StepEnds> step_ends(memory::Reads& reads, const std::string& run_id);
/// Calls whose ends the journal tells behind `after`.
memory::Result<std::set<std::string>> told_ends(memory::Reads& reads, const std::string& run_id, std::int64_t after);

/// Calls that were made before their step could end become its message, with what the step had said
/// up to the last of them (its journal has that), and the step is over: the event that says so. None
/// when there are no such calls.
memory::Result<std::optional<Event>> adopt_orphans(memory::Tx& tx, const std::string& run_id);

/// Leaves nothing of a run open, so that its conversation can go on: orphans are adopted, calls under
/// way become cancelled or unknown, and each call gets its result message. Returns the events that
/// the journal has of it, in their order.
memory::Result<std::vector<Event>> conclude_calls(memory::Tx& tx, const std::string& run_id);

/// Ends for good an unfinished run that nobody works on (the caller holds its claim), its calls
/// concluded, its end told: cancelled to make place for another question, or `status` and why.
Result<void> abandon_run(memory::Store& store, const std::string& run_id, RunStatus status = RunStatus::cancelled,
                         const std::string& why = "abandoned for another question");

/// A call's stored result as its tool would have returned it.
tools::ToolResult result_of(const memory::Call& call);
/// What the model reads.
std::string result_text(const tools::ToolResult& result);

/// At start: runs that a dead process left `running` become `interrupted`, and their started `once`
/// calls become `unknown` unless their tool knows better. Runs that another process works on are
/// left alone. Pure and idempotent calls run again when their run goes on. Returns how many runs
/// wait to be continued.
Result<std::uint32_t> settle_left_behind(memory::Store& store, const tools::Toolbox& toolbox);

}  // namespace praxis::agent
