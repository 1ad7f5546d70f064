// praxis run: one question, or the rest of an unfinished run.

#include <iostream>
#include <iterator>
#include <string>

#include "agent/cli/report.h"
#include "agent/cli/session.h"

namespace praxis::agent::cli {

namespace {

/// A question of any length: the kernel limits one argument to 128 KiB.
std::string read_question() {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

int run(const Options& given) {
  Options options = given;
  if (options.question == "-") options.question = read_question();
  bool going_on = options.resume || !options.conversation.empty();
  if (options.question.empty() && !going_on)
    return report({ErrorCode::bad_request, "no question; praxis run \"…\" asks one, --continue goes on with the last", "run"});
  if (!options.question.empty() && options.question.find_first_not_of(" \t\r\n") == std::string::npos)
    return report({ErrorCode::bad_request, "the question is empty", "run"});
  auto session = Session::open(options);
  if (!session) return report(session.error());

  auto unfinished = (*session)->unfinished_run();
  if (!unfinished) return report(unfinished.error());
  if (*unfinished) {
    RunOutcome outcome = (*session)->resume(**unfinished);
    if (options.question.empty() || outcome.status == RunStatus::cancelled) return exit_code(outcome);
  } else if (options.question.empty()) {
    return report({ErrorCode::bad_request, "nothing is unfinished; give a question to go on with", (*session)->conversation()});
  }
  return exit_code((*session)->ask(options.question));
}

}  // namespace praxis::agent::cli
