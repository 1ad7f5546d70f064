#pragma once
// One run and the processes that it takes: each life of the driver may be killed, the next one goes
// on, and in the end the file is held to everything that any life had announced.

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/memory/fixture.h"

namespace praxis::crash {

/// How one process ended.
struct Life {
  bool killed = false;   // by SIGKILL
  int exit_code = 0;     // otherwise
  std::vector<nlohmann::json> events;
  std::chrono::microseconds until_first_event{0}, lasted{0};  // since it began
};

/// When to kill: so long after the process began, or after its first event.
struct Moment {
  std::chrono::microseconds after{0};
  bool of_first_event = false;
};

/// What was found in the end.
struct Verdict {
  std::vector<std::string> broken;   // promises, in words
  std::size_t lost = 0;              // of these, announced and not there as announced
  std::size_t done_twice = 0;        // of these, effects that may happen once
  std::size_t acknowledged = 0;      // events that a row must back
  std::size_t calls = 0, unknown = 0, repeated = 0;  // repeated: ran again, which pure and idempotent may
};

class World {
 public:
  using Environment = std::map<std::string, std::string>;

  /// Runs the driver to its end, or kills it at a moment.
  Life live(bool go_on, std::optional<Moment> kill, const Environment& environment = {});
  /// Goes on, without further kills, until the run is complete. False: it never was.
  bool to_the_end();
  /// Holds the database and the effects to what was announced. Call it once the run is complete.
  Verdict judge();

  /// How the next life begins: whether there is a run to go on with.
  bool begun() const { return begun_; }

 private:
  memory::Folder folder_{memory::Folder::fast};
  std::vector<nlohmann::json> heard_;
  bool begun_ = false;
};

}  // namespace praxis::crash
