#include "tests/crash/world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "agent/recover.h"
#include "memory/store.h"

namespace praxis::crash {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using memory::CallStatus;

constexpr std::chrono::seconds kHangs{120};
constexpr int kNothingToContinue = 3;

/// What the driver writes, until it closes its end, or `until`, or, when asked, its first line.
void read_until(int pipe, Clock::time_point until, std::string& output, bool& open, bool one_line = false) {
  while (open && !(one_line && output.find('\n') != std::string::npos)) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now());
    if (left.count() <= 0) return;
    const timespec wait = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    pollfd ready = {pipe, POLLIN, 0};
    if (ppoll(&ready, 1, &wait, nullptr) <= 0) continue;
    char buffer[65536];
    const ssize_t size = read(pipe, buffer, sizeof buffer);
    if (size > 0) output.append(buffer, static_cast<std::size_t>(size));
    if (size == 0) open = false;
  }
}

std::string integrity(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  sqlite3_stmt* check = nullptr;
  std::string found = "cannot be opened";
  if (sqlite3_open(file.c_str(), &database) == SQLITE_OK &&
      sqlite3_prepare_v2(database, "SELECT group_concat(integrity_check, '; ') FROM pragma_integrity_check", -1, &check, nullptr) == SQLITE_OK &&
      sqlite3_step(check) == SQLITE_ROW)
    found = reinterpret_cast<const char*>(sqlite3_column_text(check, 0));
  sqlite3_finalize(check);
  sqlite3_close(database);
  return found;
}

/// A line of the effects: what a tool did to the world.
struct Effect {
  std::string tool, key, text;
};

std::vector<Effect> effects_in(const std::filesystem::path& file) {
  std::vector<Effect> effects;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Effect effect;
    words >> effect.tool >> effect.key >> effect.text;
    effects.push_back(effect);
  }
  return effects;
}

}  // namespace

Life World::live(bool go_on, std::optional<Moment> kill, const Environment& environment) {
  const std::string database = folder_ / "runs.db", effects = folder_ / "effects";
  std::vector<std::string> words = {CRASH_DRIVER, database, CRASH_PLUGIN, effects};
  if (go_on) words.push_back("--continue");
  std::vector<char*> arguments, variables;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
  for (char** variable = environ; *variable; ++variable) variables.push_back(*variable);
  for (auto& setting : settings) variables.push_back(setting.data());
  variables.push_back(nullptr);

  Life life;
  int ends[2];
  pid_t process = 0;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const auto born = Clock::now();
  if (posix_spawn(&process, CRASH_DRIVER, &actions, nullptr, arguments.data(), variables.data()) != 0)
    throw std::runtime_error("the driver cannot be started");
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  std::string output;
  bool open = true;
  const bool timed_from_birth = kill && !kill->of_first_event;
  if (!timed_from_birth) read_until(ends[0], born + kHangs, output, open, true);
  life.until_first_event = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - born);
  const auto deadline = kill ? (timed_from_birth ? born : Clock::now()) + kill->after : born + kHangs;
  read_until(ends[0], deadline, output, open);
  if (open) ::kill(process, SIGKILL);
  read_until(ends[0], Clock::now() + kHangs, output, open);
  close(ends[0]);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
  life.lasted = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - born);
  life.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  life.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

  // A line without its end was never told.
  for (std::size_t begin = 0, end; (end = output.find('\n', begin)) != std::string::npos; begin = end + 1)
    life.events.push_back(Json::parse(output.substr(begin, end - begin)));
  heard_.insert(heard_.end(), life.events.begin(), life.events.end());
  begun_ = !(go_on && !life.killed && life.exit_code == kNothingToContinue);
  return life;
}

bool World::to_the_end() {
  for (int lives = 0; lives < 3; ++lives) {
    const bool going_on = begun_;
    const Life life = live(going_on, std::nullopt);
    if (life.killed) return false;
    if (life.exit_code == 0) return true;
    if (life.exit_code != kNothingToContinue) return false;
  }
  return false;
}

Verdict World::judge() {
  Verdict verdict;
  const auto demand = [&](bool kept, const std::string& promise) {
    if (!kept) verdict.broken.push_back(promise);
  };
  const auto file = folder_ / "runs.db";
  if (auto found = integrity(file); found != "ok") demand(false, "integrity_check says " + found);
  auto store = memory::Store::open(file);
  if (!store) {
    demand(false, "the database opens: " + store.error().what);
    return verdict;
  }
  auto runs = (*store)->read().runs();
  if (!runs || runs->size() != 1) {
    demand(false, "there is one run");
    return verdict;
  }
  const memory::Run run = runs->front();
  demand(run.status == memory::RunStatus::finished, "the run is finished, not " + std::string(to_string(run.status)));
  demand(run.answer == "all recorded", "the answer is stored, not " + run.answer);
  demand(Json::parse(run.usage).value("status", "") == "completed", "the run is completed: " + run.usage);

  std::map<std::string, memory::Call> calls;  // by id
  std::map<std::string, const memory::Call*> by_key;
  const auto rows = (*store)->read().calls(run.id);
  const auto stored = (*store)->read().messages(run.conversation_id);
  if (!rows || !stored) {
    demand(false, "calls and messages can be read");
    return verdict;
  }
  const std::vector<memory::Message>& messages = *stored;
  for (const auto& call : *rows) calls.emplace(call.id, call);
  for (const auto& [id, call] : calls) by_key[call.idempotency_key] = &call;

  // What was announced is there.
  const auto demand_kept = [&](bool kept, const std::string& event) {
    demand(kept, "stored as announced: " + event);
    verdict.lost += !kept;
  };
  std::set<std::string> told;
  for (const auto& event : heard_) {
    const std::string type = event.at("type");
    const std::string shown = event.dump();
    if (type == "run.started") {
      demand_kept(event.at("run") == run.id && event.at("conversation") == run.conversation_id, shown);
    } else if (type == "call.started") {
      auto call = calls.find(event.at("id"));
      demand_kept(call != calls.end() && call->second.attempts > 0 && Json::parse(call->second.arguments) == event.at("arguments"), shown);
    } else if (type == "call.finished") {
      auto call = calls.find(event.at("id"));
      told.insert(event.at("id"));
      if (call == calls.end()) {
        demand_kept(false, shown);
      } else {
        const auto result = agent::result_of(call->second);
        demand_kept(tools::to_string(result.status) == event.at("status") && result.text == event.at("result"), shown);
      }
    } else if (type == "step.finished") {
      std::size_t steps = 0;
      for (const auto& message : messages) steps += message.role == memory::Role::assistant;
      demand_kept(steps >= event.at("step"), shown);
    } else if (type == "run.finished") {
      demand_kept(event.at("status") == "completed" && event.at("answer") == run.answer, shown);
    } else {
      continue;
    }
    ++verdict.acknowledged;
  }

  // What was done is known, and nothing with effect once was done twice, under its key or anew.
  std::map<std::string, int> by_effect, by_text;
  const auto demand_first = [&](int times, const std::string& effect) {
    demand(times == 1, "happens once: " + effect);
    verdict.done_twice += times != 1;
  };
  for (const auto& effect : effects_in(folder_ / "effects")) {
    const std::string shown = effect.tool + " " + effect.key + " " + effect.text;
    auto call = by_key.find(effect.key);
    // A pure call waits for no disk: one that nobody was told of may have run, for nothing.
    const bool recorded = call != by_key.end() && call->second->tool == effect.tool && call->second->attempts > 0;
    demand(recorded || (call == by_key.end() && effect.tool == "record_pure"), "only recorded calls act: " + shown);
    const int times = ++by_effect[effect.key];
    if (effect.tool == "record_idempotent") demand(times == 1, "happens once under its key: " + shown);
    if (effect.tool == "record_once" || effect.tool == "record_blind") {
      demand_first(times, shown);
      demand_first(++by_text[effect.text], shown);
    }
  }

  // Every call ended, everybody heard of it, and what cannot be known is shown as that.
  std::map<std::string, std::string> results;
  for (const auto& message : messages)
    if (message.role == memory::Role::tool) demand(results.emplace(message.call_id, message.content).second, "one result for " + message.call_id);
  demand(results.size() == calls.size(), "as many results as calls");
  for (const auto& [id, call] : calls) {
    const std::string shown = call.tool + " " + id;
    ++verdict.calls;
    verdict.unknown += call.status == CallStatus::unknown;
    verdict.repeated += call.attempts > 1;
    demand(call.status == CallStatus::finished || call.status == CallStatus::unknown, "ended: " + shown);
    demand(call.message_id.has_value(), "belongs to a message: " + shown);
    demand(told.count(id) > 0, "told: " + shown);
    demand(results[id] == agent::result_text(agent::result_of(call)), "the model sees the result: " + shown + ": " + results[id]);
    if (call.status == CallStatus::finished && call.result_status == "ok") demand(by_effect[call.idempotency_key] > 0, "took effect: " + shown);
    if (call.status == CallStatus::unknown) demand(call.effect == memory::Effect::once && call.tool == "record_blind", "may be unknown: " + shown);
  }
  return verdict;
}

}  // namespace praxis::crash
