// praxis chat: a conversation, one line a turn. Ctrl-C stops the answer under way, Ctrl-D ends.

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "agent/cli/report.h"
#include "agent/cli/session.h"

namespace praxis::agent::cli {

int chat(const Options& options) {
  auto session = Session::open(options);
  if (!session) return report(session.error());
  bool prompting = isatty(STDIN_FILENO) && !options.json;
  if (prompting) std::fputs("one line a turn; Ctrl-C stops an answer, Ctrl-D ends\n", stdout);

  if (auto unfinished = (*session)->unfinished_run(); unfinished && *unfinished) {
    RunOutcome outcome = (*session)->resume(**unfinished);
    if (outcome.status == RunStatus::failed && !prompting) return exit_code(outcome);
  }
  int code = kOk;
  std::string line;
  while (true) {
    if (prompting) {
      std::fputs("> ", stdout);
      std::fflush(stdout);
    }
    if (!std::getline(std::cin, line)) break;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    // What Ctrl-C stopped is not gone on with: the person has asked something else.
    auto unfinished = (*session)->unfinished_run();
    if (!unfinished) return report(unfinished.error());
    if (*unfinished)
      if (auto abandoned = (*session)->abandon(**unfinished); !abandoned) return report(abandoned.error());
    RunOutcome outcome = (*session)->ask(line);
    code = exit_code(outcome);
    if (outcome.code == ErrorCode::store && outcome.status == RunStatus::failed) return code;
  }
  if (prompting) std::fputs("\n", stdout);
  return prompting ? kOk : code;
}

}  // namespace praxis::agent::cli
