// praxis doctor: checks what a run needs, one line each, and says what to do about what is missing.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/cli/paths.h"
#include "agent/cli/report.h"
#include "agent/cli/session.h"
#include "agent/model/engines.h"
#include "agent/model/remote.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

struct Check {
  std::string name, detail;
  bool ok = true;
};

std::string text(const Error& error) { return error.where + ": " + error.what; }

/// A server is asked what it is; whether it answers well, only a run can tell.
Check check_engine(Model& model, const std::string& name) {
  auto* remote = dynamic_cast<RemoteModel*>(&model);
  if (!remote) return {name, std::string(model.name())};
  auto server = remote->probe();
  if (!server) return {name, text(server.error()), false};
  return {name, std::string(to_string(server->api)) + " with " + server->model};
}

Check check_model(const Options& options) {
  auto model = open_model(options);
  if (!model) return {"model", text(model.error()), false};
  const auto& info = (*model)->engine().info();
  return {"model", info.family + ", " + std::to_string(info.parameters / 1'000'000) + " M parameters, dialect " +
                       std::string((*model)->dialect().name())};
}

/// The model folder, or each engine that a run could use.
std::vector<Check> check_models(const Options& options) {
  if (options.engines.empty()) {
    if (options.engine.empty()) return {check_model(options)};
    auto model = open_engine(options);
    if (!model) return {{"engine", text(model.error()), false}};
    return {check_engine(**model, "engine")};
  }
  auto list = read_engines_file(options.engines);
  if (!list) return {{"engines", text(list.error()), false}};
  auto specs = list->find(options.engine);
  if (!specs) return {{"engines", text(specs.error()), false}};
  std::vector<Check> out;
  for (const EngineSpec* spec : *specs) {
    auto model = open_engine(*spec, {});
    if (model) out.push_back(check_engine(**model, spec->name));
    else out.push_back({spec->name, text(model.error()), false});
  }
  return out;
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
  std::vector<Check> checks = {check_machine()};
  for (Check& check : check_models(options)) checks.push_back(std::move(check));
  checks.push_back(check_tools(options));
  checks.push_back(check_database(options));
  for (const Check& check : checks) {
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
