#include "plugins/host.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "plugins/object_file.h"
#include "plugins/plugin.h"
#include "tools/json_check.h"
#include "tools/text.h"

namespace praxis::plugins {
namespace {

using tools::Error;
using tools::ErrorCode;
using tools::Result;
using tools::ToolSpec;
using Json = nlohmann::ordered_json;  // a schema keeps its keys in written order
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLineBytesMax = 1000;  // of a log line or a refusal
constexpr std::size_t kNameBytesMax = 64;
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
constexpr std::size_t kVersionBytesMax = 64;
constexpr std::size_t kToolsMax = 64;  // of one plugin
constexpr std::size_t kToolsBytesMax = 1024 * 1024;
constexpr std::chrono::seconds kStatusDeadline{5};

std::string_view view(praxis_text text) { return {text.size ? text.data : "", text.size}; }
praxis_text text(std::string_view view) { return {view.data(), view.size()}; }

tl::unexpected<Error> refuse(std::string what, const std::filesystem::path& file,
                             ErrorCode code = ErrorCode::bad_plugin) {
  return tl::unexpected(Error{code, std::move(what), file.string()});
}

/// Collects what a call writes, up to a little more than its limit, so that a flood costs nothing
/// and the dispatcher still sees that it was one.
struct Sink {
  std::string text;
  std::size_t bytes_max = 0;
  bool full = false;
  std::function<bool()> stop;
  std::function<void(std::string_view)> progress;

  praxis_reply reply() {
    return {
        sizeof(praxis_reply), this,
        [](void* self, praxis_text chunk) { return static_cast<Sink*>(self)->write(view(chunk)); },
        [](void* self, praxis_text line) {
          auto& sink = *static_cast<Sink*>(self);
          if (sink.progress) sink.progress(view(line));
        },
        [](void* self) -> std::int32_t { return static_cast<Sink*>(self)->stop() ? 1 : 0; }};
  }

  std::int32_t write(std::string_view chunk) {
    const std::size_t room = bytes_max - text.size();
    text += chunk.substr(0, room);
    full = full || chunk.size() > room;
    return full ? 0 : 1;
  }
};

/// One opened plugin. It is the backend of its tools, so whoever may still call it keeps it.
class Instance final : public tools::Backend {
 public:
  Instance(std::filesystem::path file, Log log)
      : file_(std::move(file)), name_(file_.stem().string()), log_(std::move(log)) {
    host_ = {sizeof(praxis_host), this,
             [](void* self, std::int32_t level, praxis_text line) {
               static_cast<Instance*>(self)->log(level, view(line));
             },
             [](void* self, praxis_text why) {
               static_cast<Instance*>(self)->refusal_ = tools::one_line(view(why), kLineBytesMax);
             }};
  }
  Instance(const Instance&) = delete;
  ~Instance() override {
    if (plugin_) table_.close(table_.self);
    if (library_) ::dlclose(library_);
  }

  Result<void> open(const std::string& config);
  Result<std::vector<ToolSpec>> describe();
  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }

  tools::ToolResult call(const tools::Call& call, const tools::CallContext& context) override;
  std::optional<Settled> status(std::string_view tool, std::string_view idempotency_key) override;

 private:
  void log(std::int32_t level, std::string_view line) {
    if (log_) log_(name_, level, tools::one_line(line, kLineBytesMax));
  }
  Result<ToolSpec> read_spec(const Json& entry, const std::string& where) const;
  Sink sink_for(std::string_view tool) const;

  const std::filesystem::path file_;
  std::string name_, version_;
  const Log log_;
  std::string refusal_;
  void* library_ = nullptr;
  praxis_host host_{};
  const praxis_plugin* plugin_ = nullptr;
  praxis_plugin table_{};  // what of *plugin_ this version knows
  std::map<std::string, std::uint32_t, std::less<>> output_bytes_max_;  // by tool
};

Result<void> Instance::open(const std::string& config) {
  // A path with a slash: dlopen searches no other place.
  library_ = ::dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) return refuse(std::string("not a plugin: ") + ::dlerror(), file_);
  const auto abi = reinterpret_cast<std::uint32_t (*)()>(::dlsym(library_, "praxis_plugin_abi"));
  if (!abi) return refuse("not a plugin: it does not export praxis_plugin_abi", file_);
  if (const std::uint32_t theirs = abi(); theirs != PRAXIS_PLUGIN_ABI)
    return refuse("the plugin speaks ABI " + std::to_string(theirs) + ", this praxis speaks " +
                      std::to_string(PRAXIS_PLUGIN_ABI) +
                      ": build it against this version's plugin.h",
                  file_);
  const auto open = reinterpret_cast<const praxis_plugin* (*)(const praxis_host*, praxis_text)>(
      ::dlsym(library_, "praxis_plugin_open"));
  if (!open) return refuse("not a plugin: it does not export praxis_plugin_open", file_);
  const praxis_plugin* plugin = nullptr;
  try {
    plugin = open(&host_, text(config));
  } catch (...) {
    return refuse("the plugin threw an exception while it was opened", file_);
  }
  if (!plugin)
    return refuse(refusal_.empty() ? "the plugin did not open and did not say why" : refusal_,
                  file_);
  // The last field of version 1 is close; what a newer plugin has beyond it is not looked at.
  if (plugin->struct_size < offsetof(praxis_plugin, close) + sizeof plugin->close)
    return refuse("the plugin's struct_size is " + std::to_string(plugin->struct_size) +
                      ", less than ABI 1 has",
                  file_);
  std::memcpy(&table_, plugin, std::min(plugin->struct_size, sizeof table_));
  if (!table_.close) return refuse("the plugin's table lacks close", file_);
  plugin_ = plugin;  // from here on it is closed, whatever else is wrong
  if (!table_.call) return refuse("the plugin's table lacks call", file_);
  const std::string_view named = view(table_.name);
  if (named.empty() || named.size() > kNameBytesMax ||
      named.find_first_not_of(kNameCharacters) != named.npos)
    return refuse("the plugin's name must have 1 to 64 of A-Z a-z 0-9 _ . -", file_);
  name_ = named;
  version_ = tools::one_line(view(table_.version), kVersionBytesMax);
  return {};
}

Result<ToolSpec> Instance::read_spec(const Json& entry, const std::string& where) const {
  const auto bad = [&](std::string what) { return refuse("tools: " + where + " " + what, file_); };
  if (!entry.is_object()) return bad("must be an object");
  ToolSpec spec;
  for (const char* required : {"name", "description", "parameters", "effect"})
    if (!entry.contains(required)) return bad(std::string("lacks ") + required);
  for (const auto& [key, value] : entry.items()) {
    const auto whole = [&, &value = value](std::uint32_t& to) {
      if (!value.is_number_unsigned() || value.template get<std::uint64_t>() > UINT32_MAX)
        return false;
      to = value.template get<std::uint32_t>();
      return true;
    };
    if (key == "name") {
      if (!value.is_string()) return bad("name must be a string");
      spec.name = value.get<std::string>();
    } else if (key == "description") {
      if (!value.is_string()) return bad("description must be a string");
      spec.description = value.get<std::string>();
    } else if (key == "parameters") {
      if (!value.is_object())
        return bad("parameters must be an object: the JSON Schema of the arguments");
      spec.schema = value.dump();
    } else if (key == "effect") {
      const auto effect =
          value.is_string() ? tools::effect_from(value.get<std::string>()) : std::nullopt;
      if (!effect) return bad("effect must be pure, idempotent or once");
      spec.effect = *effect;
    } else if (key == "needs_approval") {
      if (!value.is_boolean()) return bad("needs_approval must be true or false");
      spec.needs_approval = value.get<bool>();
    } else if (key == "deadline_ms") {
      if (!whole(spec.limits.deadline_ms))
        return bad("deadline_ms must be a whole number of milliseconds");
    } else if (key == "output_bytes_max") {
      if (!whole(spec.limits.output_bytes_max))
        return bad("output_bytes_max must be a whole number of bytes");
    } else {
      return bad("has the unknown key \"" + tools::one_line(key, 64) + "\"");
    }
  }
  spec.source = "plugin " + name_ + (version_.empty() ? "" : " " + version_);
  return spec;
}

Result<std::vector<ToolSpec>> Instance::describe() {
  const std::string described(view(table_.tools));
  if (auto good =
          tools::check_json(described, tools::JsonShape::array, {.bytes_max = kToolsBytesMax});
      !good)
    return refuse("tools: " + good.error().where + ": " + good.error().what, file_);
  const Json list = Json::parse(described, nullptr, false);
  if (list.empty() || list.size() > kToolsMax)
    return refuse("tools: a plugin has 1 to 64 tools (plugins.tools_max)", file_);
  std::vector<ToolSpec> specs;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto spec = read_spec(list[i], "$[" + std::to_string(i) + "]");
    if (!spec) return tl::unexpected(spec.error());
    output_bytes_max_[spec->name] = spec->limits.output_bytes_max;
    specs.push_back(std::move(*spec));
  }
  return specs;
}

Sink Instance::sink_for(std::string_view tool) const {
  Sink sink;
  const auto found = output_bytes_max_.find(tool);
  sink.bytes_max =
      (found == output_bytes_max_.end() ? tools::Limits().output_bytes_max : found->second) +
      std::size_t{4};
  return sink;
}

tools::ToolResult Instance::call(const tools::Call& call, const tools::CallContext& context) {
  Sink sink = sink_for(call.tool);
  sink.stop = context.stop;
  sink.progress = context.progress;
  const praxis_reply reply = sink.reply();
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline - Clock::now())
          .count();
  const praxis_call request = {
      sizeof(praxis_call), text(call.tool), text(call.arguments), text(call.idempotency_key),
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, UINT32_MAX))};
  tools::ToolResult result;
  result.status = tools::Status::error;
  std::int32_t code = PRAXIS_ERROR;
  try {
    code = table_.call(table_.self, &request, &reply);
  } catch (...) {
    result.text = "plugin " + name_ + " broke its contract: it threw an exception";
    return result;
  }
  if (code != PRAXIS_OK && code != PRAXIS_ERROR) {
    result.text = "plugin " + name_ + " broke its contract: it returned " + std::to_string(code);
    return result;
  }
  if (code == PRAXIS_OK) result.status = tools::Status::ok;
  result.text = std::move(sink.text);
  result.truncated = sink.full;
  return result;
}

std::optional<tools::Backend::Settled> Instance::status(std::string_view tool,
                                                        std::string_view idempotency_key) {
  if (!table_.status) return std::nullopt;
  Sink sink = sink_for(tool);
  sink.stop = [until = Clock::now() + kStatusDeadline] { return Clock::now() >= until; };
  const praxis_reply reply = sink.reply();
  const std::string tool_text(tool), key_text(idempotency_key);  // followed by a NUL, as promised
  std::int32_t code = PRAXIS_UNKNOWN;
  try {
    code = table_.status(table_.self, text(tool_text), text(key_text), &reply);
  } catch (...) {
    log(PRAXIS_LOG_ERROR, "broke its contract: status threw an exception");
  }
  Settled settled;
  if (code == PRAXIS_NOT_DONE) return settled;
  if (code != PRAXIS_OK && code != PRAXIS_ERROR) return std::nullopt;
  settled.done = true;
  settled.result.status = code == PRAXIS_OK ? tools::Status::ok : tools::Status::error;
  settled.result.text = tools::repair_utf8(sink.text);
  const std::size_t end = tools::cut_utf8(settled.result.text, sink.bytes_max - 4);
  settled.result.truncated = sink.full || end < settled.result.text.size();
  settled.result.text.resize(end);
  return settled;
}

}  // namespace

Result<Loaded> load(const std::filesystem::path& file, tools::Toolbox& toolbox,
                    std::string_view config, Log log) {
  std::error_code failed;
  if (!std::filesystem::exists(file, failed))
    return refuse("no such file", file, ErrorCode::not_found);
  if (!std::filesystem::is_regular_file(file, failed))
    return refuse("not a plugin: not a file", file);
  if (const std::string why = why_no_object(file); !why.empty())
    return refuse("not a plugin: " + why, file);
  if (auto good = tools::check_json(config, tools::JsonShape::object); !good)
    return refuse("the plugin's configuration: " + good.error().where + ": " + good.error().what,
                  file);
  auto instance =
      std::make_shared<Instance>(std::filesystem::absolute(file, failed), std::move(log));
  if (auto opened = instance->open(std::string(config)); !opened)
    return tl::unexpected(opened.error());
  auto specs = instance->describe();
  if (!specs) return tl::unexpected(specs.error());

  Loaded loaded{instance->name(), instance->version(), {}, {}};
  tools::Toolbox grown = toolbox;  // replaces the caller's only when every tool fits
  for (ToolSpec& spec : *specs) {
    const std::string tool = spec.name;
    if (auto added = grown.add(std::move(spec), instance); added) {
      loaded.tools.push_back(tool);
    } else {
      std::string why = added.error().where + ": " + added.error().what;
      if (added.error().code != ErrorCode::bad_schema)
        return refuse(std::move(why), file, added.error().code);
      loaded.left_out.push_back({tool, std::move(why)});
    }
  }
  if (loaded.tools.empty())
    return refuse(loaded.left_out.front().why, file, ErrorCode::bad_schema);
  toolbox = std::move(grown);
  return loaded;
}

}  // namespace praxis::plugins
