// One scripted run in a process that may be killed at any moment:
//   crash_driver DB PLUGIN EFFECTS [--continue]
// Three steps with parallel calls of every effect; each tool appends a line "TOOL KEY TEXT" to the
// file EFFECTS. Events go to standard output, one a line, each in one write. Exit codes: 0 the run
// is complete, 3 there is none to continue, 1 anything else, said on standard error.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "agent/loop.h"
#include "agent/recover.h"
#include "plugins/host.h"
#include "tests/agent/scripted_model.h"

namespace praxis::agent {
namespace {

constexpr int kNothingToContinue = 3;

/// An effect that nobody can ask about afterwards: after a crash it stays unknown.
class BlindRecorder final : public tools::Backend {
 public:
  explicit BlindRecorder(std::string file) : file_(std::move(file)) {}
  tools::ToolResult call(const tools::Call& call, const tools::CallContext&) override {
    auto arguments = nlohmann::json::parse(call.arguments, nullptr, false);
    const std::string line = call.tool + " " + call.idempotency_key + " " + arguments.value("text", "") + "\n";
    const int file = open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const bool good = file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(file) == 0;
    if (file >= 0) close(file);
    tools::ToolResult result;
    result.status = good ? tools::Status::ok : tools::Status::error;
    result.text = good ? "recorded" : "cannot write the record";
    return result;
  }
  std::optional<Settled> status(std::string_view, std::string_view) override { return std::nullopt; }

 private:
  const std::string file_;
};

/// What the model says depends on the conversation alone, so that it goes on in any process.
Script next_step(const StepInput& input) {
  const auto steps = std::count_if(input.messages.begin(), input.messages.end(),
                                   [](const Message& message) { return message.role == SenderRole::assistant; });
  if (steps == 0)
    return Script().think("all at once").say("I begin.")
        .call("record_pure", R"({"text":"first"})").call("record_idempotent", R"({"text":"second"})")
        .call("record_once", R"({"text":"third"})").call("record_blind", R"({"text":"fourth"})").ids({1, 2, 3});
  if (steps == 1)
    return Script().think("and more")
        .call("record_blind", R"({"text":"fifth"})").call("record_once", R"({"text":"sixth"})").ids({4, 5});
  return Script().say("all recorded").ids({6});
}

int report(const std::string& where, const std::string& what) {
  std::fprintf(stderr, "crash_driver: %s: %s\n", where.c_str(), what.c_str());
  return 1;
}

void print(const Event& event) {
  const std::string line = to_json(event) + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    std::fprintf(stderr, "crash_driver: an event was not written\n");
}

int drive(const std::string& database, const std::string& plugin, const std::string& effects, bool go_on) {
  tools::Toolbox toolbox;
  auto loaded = plugins::load(plugin, toolbox, nlohmann::json{{"file", effects}}.dump());
  if (!loaded) return report(loaded.error().where, loaded.error().what);
  tools::ToolSpec blind;
  blind.name = "record_blind";
  blind.schema = R"({"type":"object"})";
  blind.effect = tools::Effect::once;
  if (auto added = toolbox.add(blind, std::make_shared<BlindRecorder>(effects)); !added)
    return report(added.error().where, added.error().what);

  auto store = memory::Store::open(database);
  if (!store) return report(store.error().where, store.error().what);
  if (auto left = settle_left_behind(**store, toolbox); !left) return report(left.error().where, left.error().what);

  ScriptedModel model(next_step);
  std::optional<memory::Claim> claim;
  Result<RunHandle> handle;
  if (go_on) {
    auto latest = (*store)->read().latest_conversation();
    if (!latest) return latest.error().code == memory::ErrorCode::not_found ? kNothingToContinue : report("latest", latest.error().what);
    auto claimed = (*store)->claim(latest->id);
    if (!claimed) return report(claimed.error().where, claimed.error().what);
    claim.emplace(std::move(*claimed));
    auto unfinished = (*store)->read().unfinished_runs(latest->id);
    if (!unfinished) return report(unfinished.error().where, unfinished.error().what);
    if (unfinished->empty()) return 0;
    handle = resume_run(**store, unfinished->front().id);
  } else {
    NewTurn turn;
    turn.question = "Record six things.";
    turn.model_name = "scripted";
    handle = begin_run(**store, model, turn, claim);
  }
  if (!handle) return report(handle.error().where, handle.error().what);
  tools::Dispatcher dispatcher(std::move(toolbox));
  const RunOutcome outcome = run_blocking({model, dispatcher, store->get(), {}, print}, *handle, Interrupt());
  return outcome.status == RunStatus::completed ? 0 : report("run", outcome.error);
}

}  // namespace
}  // namespace praxis::agent

int main(int argc, char** argv) {
  const bool go_on = argc == 5 && std::string_view(argv[4]) == "--continue";
  if (argc != 4 && !go_on) return praxis::agent::report("usage", "crash_driver DB PLUGIN EFFECTS [--continue]");
  return praxis::agent::drive(argv[1], argv[2], argv[3], go_on);
}
