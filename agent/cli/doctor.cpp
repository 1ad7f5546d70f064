// praxis doctor: checks what a run needs, one line each, and says what to do about what is missing.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/cli/paths.h"
#include "agent/cli/report.h"
#include "agent/cli/session.h"
#include "agent/model/remote.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

struct Check {
  std::string name, detail;
  bool ok = true;
};

std::string text(const Error& error) { return error.where + ": " + error.what; }

/// Servers are asked what they are; whether they answer well, only a run can tell.
Check check_engine(const Options& options) {
  auto model = open_engine(options);
  if (!model) return {"engine", text(model.error()), false};
  auto* remote = dynamic_cast<RemoteModel*>(model->get());
  if (!remote) return {"engine", std::string((*model)->name())};
  auto server = remote->probe();
  if (!server) return {"engine", text(server.error()), false};
  return {"engine", std::string(to_string(server->api)) + " with " + server->model};
}

Check check_model(const Options& options) {
  if (!options.engine.empty() || !options.engines.empty()) return check_engine(options);
  auto model = open_model(options);
  if (!model) return {"model", text(model.error()), false};
  const auto& info = (*model)->engine().info();
  return {"model", info.family + ", " + std::to_string(info.parameters / 1'000'000) + " M parameters, dialect " +
                       std::string((*model)->dialect().name())};
}

Check check_database(const Options& options) {
  auto store = open_store(options);
  if (!store) return {"database", text(store.error()), false};
  auto counts = (*store)->read().counts();
  if (!counts) return {"database", text(from(counts.error())), false};
  auto unfinished = (*store)->read().unfinished_runs();
  std::string detail = (*store)->path().string() + ": " + std::to_string(counts->conversations) + " conversations";
  if (unfinished && !unfinished->empty()) detail += ", " + std::to_string(unfinished->size()) + " unfinished runs (--continue)";
  return {"database", detail};
}

Check check_tools(const Options& options) {
  std::vector<std::string> warnings;
  auto toolbox = open_tools(options, warnings);
  if (!toolbox) return {"tools", text(toolbox.error()), false};
  std::string detail;
  for (const tools::ToolSpec* spec : toolbox->list()) detail += (detail.empty() ? "" : ", ") + spec->name;
  for (const auto& warning : warnings) detail += "; " + warning;
  return {"tools", detail.empty() ? "none; --docs, --files and --plugin bring some" : detail, warnings.empty()};
}

Check check_machine() {
  std::string simd = "baseline x86-64";
  if (__builtin_cpu_supports("avx2")) simd = "AVX2";
  if (__builtin_cpu_supports("avx512f")) simd = "AVX-512";
  return {"machine", std::to_string(std::thread::hardware_concurrency()) + " cores, " + simd};
}

}  // namespace

int doctor(const Options& options) {
  bool ok = true;
  for (const Check& check : {check_machine(), check_model(options), check_tools(options), check_database(options)}) {
    ok = ok && check.ok;
    if (options.json) {
      Json out;
      out["check"] = check.name;
      out["ok"] = check.ok;
      out["detail"] = check.detail;
      std::puts(line(out).c_str());
    } else {
      std::printf("%-4s %-9s %s\n", check.ok ? "ok" : "BAD", check.name.c_str(), printable(check.detail).c_str());
    }
  }
  return ok ? kOk : kFailed;
}

}  // namespace praxis::agent::cli
