#pragma once
// A run's place in the store: begun, taken up again, read back.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/error.h"
#include "agent/event.h"
#include "agent/model/model.h"
#include "agent/replay.h"
#include "agent/run_journal.h"
#include "memory/store.h"

namespace praxis::agent {

struct RunHandle {
  std::string run_id, conversation_id;
  Settings settings;
  bool resumed = false;
  std::int64_t created_ms = 0;
  std::int64_t seq = 0;   // of the row that says so
  std::vector<Message> said;  // of a run that nothing is kept of: the conversation, the question last
};

struct NewTurn {
  std::string conversation_id;   // empty: a new conversation
  std::string question;
  Settings settings;
  std::string model_name;
};

/// Stores the question and a run for it, durably, and says where. A new conversation is claimed
/// into `claim`; of an old one the caller holds the claim. Refuses an empty question.
Result<RunHandle> begin_run(memory::Store& store, const Model& model, const NewTurn& turn,
                            std::optional<memory::Claim>& claim);
/// The same for a run that nothing is kept of: the question begins a conversation that is forgotten with it.
Result<RunHandle> begin_unkept_run(const Model& model, const NewTurn& turn);
/// Takes an unfinished run (left by a crash or an interruption) up again.
Result<RunHandle> resume_run(memory::Store& store, const std::string& run_id);

/// The event that a run begins with, also when it is taken up again.
Event started_event(const RunHandle& handle);

/// A conversation as the model's dialect takes it; ids made by another model are left out.
Result<std::vector<Message>> conversation_messages(memory::Store& store, const std::string& conversation_id,
                                                   std::string_view fingerprint);

/// Where an unfinished run stood.
struct Standing {
  std::uint32_t steps = 0;                  // those that are over
  Usage usage;                              // of these
  double wall_seconds = 0;                  // until it was parked, or its last step ended
  std::optional<RunStatus> answered;        // it has its answer, and only has to end
  std::string answer;
  std::vector<memory::Call> ended;          // calls whose results the model has
  std::vector<memory::Call> calls;          // made, their results not yet told to the model
  std::set<std::string> told_ends;          // of `calls`, those whose call.finished the journal has
  Replay replay;                            // of the step that was cut off
};
Result<Standing> standing(memory::Store& store, const RunHandle& handle);

}  // namespace praxis::agent
