#pragma once
// The engines of a configuration file: which there are, and which one answers to a name.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/error.h"
#include "agent/model/model.h"
#include "agent/model/remote.h"

namespace praxis::agent {

struct EngineSpec {
  std::string name;
  std::filesystem::path folder;   // a local model; else `remote`
  RemoteOptions remote;
  std::string key_env;            // the environment variable that holds the key
};

struct EngineRoute {
  std::string match;                  // a name, or its beginning and a *
  std::vector<std::string> engines;   // in fall-back order
};

struct EngineList {
  static constexpr std::size_t kEnginesMax = 64, kRoutesMax = 256;

  std::vector<EngineSpec> engines;
  std::string preferred;              // `default`: an engine's or a route's name
  std::vector<EngineRoute> routes;

  /// Who answers to `name` (empty: the preferred one), in fall-back order: the first route that
  /// matches, else the engine of that name. not_found lists what there is.
  Result<std::vector<const EngineSpec*>> find(std::string_view name) const;
};

/// JSON: {"engines": [{"name", "url" or "folder", "model", "key_env", "api", "think_opened",
/// "reasoning_effort", "temperature", "top_p", "prices": {"input", "input_cached", "output"},
/// "timeouts": {"connect_ms", "idle_ms", "whole_ms"}, "retries_max"}], "default", "routes":
/// [{"match", "engines": [names]}]}. An unknown key is refused (bad_request), with its place.
Result<EngineList> read_engines(std::string_view json);

/// The key from the environment into the options. An empty variable is an error that names it.
Result<void> take_key(const std::string& key_env, RemoteOptions& options);

/// `local` serves engines with a folder, its `model` aside.
Result<std::unique_ptr<Model>> open_engine(const EngineSpec& spec, const LocalOptions& local);
Result<std::unique_ptr<Model>> open_engines(const EngineList& list, const std::string& name, const LocalOptions& local);

}  // namespace praxis::agent
