#pragma once
// Finds plugins, loads them into this process and adds their tools to a toolbox.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/toolbox.h"

namespace praxis::plugins {

/// A line of a plugin for people: level as PRAXIS_LOG_*, the line clean and short. Called from any
/// thread, as long as a tool of the plugin is in use somewhere.
using Log = std::function<void(std::string_view plugin, std::int32_t level, std::string_view line)>;

struct Loaded {
  struct LeftOut {
    std::string tool, why;
  };
  std::string name, version;
  std::vector<std::string> tools;  // names, in the plugin's order
  std::vector<LeftOut> left_out;   // the toolbox cannot judge by their schemas
};

/// Loads the shared object `file`, opens an instance configured by `config` (a JSON object) and
/// adds its tools: all of them or, on an error, none. A tool whose schema the toolbox refuses is left
/// out alone, unless no other is there. Refused by name: a missing file, what is not
/// a plugin, another ABI (both numbers are named), a refusal of the plugin itself, tools that are
/// not described strictly, a name that is taken. The object stays loaded while any of its tools is
/// in a toolbox or a call runs in it, abandoned or not.
tools::Result<Loaded> load(const std::filesystem::path& file, tools::Toolbox& toolbox,
                           std::string_view config = "{}", Log log = {});

/// Where plugins are looked for, existing folders only: $PRAXIS_PLUGIN_PATH (absolute, parted by
/// colons), then beside the running executable, installed or in its build tree. A folder beside it
/// that everybody may write to, or that belongs to a stranger, is not taken.
std::vector<std::filesystem::path> plugin_folders();

/// The first NAME.so in these folders. The error lists what there is.
tools::Result<std::filesystem::path> find_plugin(std::string_view name);

/// Every plugin's file, the first of each name, sorted by name.
std::vector<std::filesystem::path> list_plugins();

}  // namespace praxis::plugins
