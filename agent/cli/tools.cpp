// praxis tools list|show, and how options become a toolbox.

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/arguments.h"
#include "agent/cli/report.h"
#include "agent/cli/session.h"
#include "plugins/host.h"
#include "plugins/plugin.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

Error bad_plugin(const tools::Error& error) { return {ErrorCode::bad_plugin, error.what, error.where}; }
Error bad_name(const tools::Error& error) { return {ErrorCode::bad_request, error.what, error.where}; }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::string word;
  for (char c : text + ",") {
    if (c != ',') {
      if (c != ' ') word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  return out;
}

/// What a plugin has to say to people: warnings and errors, on standard error.
void log_line(std::string_view plugin, std::int32_t level, std::string_view line) {
  if (level < PRAXIS_LOG_WARNING) return;
  std::string text = "praxis: plugin ";
  text.append(plugin).append(": ").append(line).append("\n");
  std::fputs(printable(text).c_str(), stderr);
}

/// Each plugin's settings: those of --docs and --files, then --plugin-config over them.
Result<std::map<std::string, std::string>> plugin_settings(const Options& options) {
  std::map<std::string, std::string> out;
  if (!options.docs.empty()) out["search"] = line(Json{{"root", options.docs.string()}});
  if (!options.files.empty()) out["files"] = line(Json{{"root", options.files.string()}});
  for (const auto& text : options.plugin_configs) {
    auto equals = text.find('=');
    if (equals == std::string::npos || !Json::parse(text.substr(equals + 1), nullptr, false).is_object())
      return tl::unexpected(Error{ErrorCode::bad_request, "is not NAME={…}: a plugin's name and a JSON object", "--plugin-config " + text});
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

}  // namespace

Result<tools::Toolbox> open_tools(const Options& options, std::vector<std::string>& warnings) {
  auto settings = plugin_settings(options);
  if (!settings) return tl::unexpected(settings.error());
  tools::Toolbox toolbox(check_by_schema);
  std::set<std::string> loaded;
  auto warn_of = [&warnings](const plugins::Loaded& plugin) {
    for (const auto& tool : plugin.left_out)
      warnings.push_back("a tool of plugin " + plugin.name + " is left out: " + tool.why);
  };
  // A plugin that needs a folder is loaded when that folder was named.
  const std::set<std::string> need_settings = {"search", "files"};

  for (const auto& file : options.plugins) {
    std::string name = file.stem().string();
    auto config = settings->find(name);
    auto plugin = plugins::load(file, toolbox, config == settings->end() ? "{}" : config->second, log_line);
    if (!plugin) return tl::unexpected(bad_plugin(plugin.error()));
    warn_of(*plugin);
    loaded.insert(name);
  }
  for (const auto& file : plugins::list_plugins()) {
    std::string name = file.stem().string();
    auto config = settings->find(name);
    if (loaded.count(name) || (need_settings.count(name) && config == settings->end())) continue;
    loaded.insert(name);
    auto plugin = plugins::load(file, toolbox, config == settings->end() ? "{}" : config->second, log_line);
    if (plugin) {
      warn_of(*plugin);
      continue;
    }
    // Asked for by its settings: an error. Lying in a folder: a warning.
    if (config != settings->end()) return tl::unexpected(bad_plugin(plugin.error()));
    warnings.push_back("plugin " + name + " is left out: " + plugin.error().what);
  }
  for (const auto& [name, config] : *settings)
    if (!loaded.count(name))
      return tl::unexpected(Error{ErrorCode::bad_plugin, "no plugin of this name is in the plugin folders", name});
  if (!options.tools) return toolbox;
  auto narrowed = toolbox.only(split(*options.tools));
  if (!narrowed) return tl::unexpected(bad_name(narrowed.error()));
  return std::move(*narrowed);
}

namespace {

Json spec_json(const tools::ToolSpec& spec) {
  Json out;
  out["name"] = spec.name;
  out["description"] = spec.description;
  out["parameters"] = Json::parse(spec.schema, nullptr, false);
  out["effect"] = tools::to_string(spec.effect);
  out["needs_approval"] = spec.needs_approval;
  out["deadline_ms"] = spec.limits.deadline_ms;
  out["output_bytes_max"] = spec.limits.output_bytes_max;
  out["source"] = spec.source;
  return out;
}

}  // namespace

int tools_list(const Options& options) {
  std::vector<std::string> warnings;
  auto toolbox = open_tools(options, warnings);
  if (!toolbox) return report(toolbox.error());
  print_warnings(warnings);
  for (const tools::ToolSpec* spec : toolbox->list()) {
    if (options.json)
      std::puts(line(spec_json(*spec)).c_str());
    else
      std::printf("%-16s %-10s  %s\n", spec->name.c_str(), std::string(tools::to_string(spec->effect)).c_str(),
                  first_line(spec->description, 80).c_str());
  }
  if (toolbox->list().empty() && !options.json) std::puts("no tools; --docs, --files and --plugin bring some");
  return kOk;
}

int tools_show(const Options& options) {
  std::vector<std::string> warnings;
  auto toolbox = open_tools(options, warnings);
  if (!toolbox) return report(toolbox.error());
  print_warnings(warnings);
  const tools::ToolSpec* spec = toolbox->find(options.id);
  if (!spec) {
    auto none = toolbox->only({options.id});
    return report(bad_name(none.error()));
  }
  Json json = spec_json(*spec);
  if (options.json)
    std::puts(line(json).c_str());
  else
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return kOk;
}

}  // namespace praxis::agent::cli
