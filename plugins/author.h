#pragma once
// plugin.h for authors who write C++: one class per plugin, results and errors as values, no
// exception past the edge. A plugin that uses this header exports nothing but the contract.

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "plugins/plugin.h"

namespace praxis::plugins {

inline std::string_view view(praxis_text text) { return {text.size ? text.data : "", text.size}; }
inline praxis_text text(std::string_view view) { return {view.data(), view.size()}; }

/// What the model sees: a result, or why there is none.
using Answer = tl::expected<std::string, std::string>;
inline tl::unexpected<std::string> refuse(std::string why) {
  return tl::unexpected(std::move(why));
}

struct Request {
  std::string_view tool;
  nlohmann::json arguments;  // an object
  std::string_view key;
  std::uint32_t deadline_ms = 0;
  const praxis_reply* reply = nullptr;

  bool cancelled() const { return reply->cancelled(reply->self) != 0; }
  void progress(std::string_view line) const { reply->progress(reply->self, text(line)); }

  /// A required string argument.
  Answer string(const char* name) const {
    const auto found = arguments.find(name);
    if (found == arguments.end() || !found->is_string())
      return refuse(std::string(name) + " must be a string");
    return found->get<std::string>();
  }
  /// An optional whole-number argument.
  tl::expected<std::int64_t, std::string> integer(const char* name, std::int64_t otherwise) const {
    const auto found = arguments.find(name);
    if (found == arguments.end()) return otherwise;
    // 3.0 is a whole number too, in JSON Schema as in arithmetic.
    const double number = found->is_number() ? found->get<double>() : 0.5;
    if (number != number || number < -9e15 || number > 9e15 ||
        number != static_cast<double>(static_cast<std::int64_t>(number)))
      return refuse(std::string(name) + " must be a whole number");
    return static_cast<std::int64_t>(number);
  }
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  /// The list of plugin.h's `tools`; lives as long as the plugin.
  virtual std::string_view tools() const = 0;
  virtual Answer call(const Request& request) = 0;  // from several threads at once
};

struct Config {
  nlohmann::json values;  // an object
  const praxis_host* host = nullptr;
  void log(std::int32_t level, std::string_view line) const {
    host->log(host->self, level, text(line));
  }
};

using Opened = tl::expected<std::unique_ptr<Plugin>, std::string>;

/// The configured folder, for plugins that work below one.
inline Answer root_of(const Config& config) {
  const auto root = config.values.find("root");
  if (root == config.values.end() || !root->is_string() || config.values.size() != 1)
    return refuse(R"(the configuration must be {"root": FOLDER})");
  return root->get<std::string>();
}

/// The C face of one Plugin.
class Exported {
 public:
  static const praxis_plugin* open(const praxis_host* host, praxis_text config,
                                   Opened (*make)(const Config&), std::string_view name,
                                   std::string_view version) {
    std::string why;
    try {
      Config values{nlohmann::json::parse(view(config), nullptr, false), host};
      if (!values.values.is_object()) {
        why = "the configuration must be a JSON object";
      } else if (Opened made = make(values)) {
        auto exported = std::make_unique<Exported>();
        exported->plugin_ = std::move(*made);
        exported->table_ = {sizeof(praxis_plugin),
                            exported.get(),
                            text(name),
                            text(version),
                            text(exported->plugin_->tools()),
                            call,
                            nullptr,
                            [](void* self) { delete static_cast<Exported*>(self); }};
        return &exported.release()->table_;
      } else {
        why = made.error();
      }
    } catch (const std::exception& error) {
      why = error.what();
    }
    host->refuse(host->self, text(why));
    return nullptr;
  }

 private:
  static std::int32_t call(void* self, const praxis_call* call, const praxis_reply* reply) {
    Answer answer = refuse("");
    try {
      Request request{view(call->tool),
                      nlohmann::json::parse(view(call->arguments), nullptr, false), view(call->key),
                      call->deadline_ms, reply};
      answer = request.arguments.is_object() ? static_cast<Exported*>(self)->plugin_->call(request)
                                             : refuse("the arguments must be a JSON object");
    } catch (const std::exception& error) {
      answer = refuse(error.what());
    }
    reply->write(reply->self, text(answer ? *answer : answer.error()));
    return answer ? PRAXIS_OK : PRAXIS_ERROR;
  }

  praxis_plugin table_{};
  std::unique_ptr<Plugin> plugin_;
};

}  // namespace praxis::plugins

/// Defines the two exported functions. `make`: Opened (*)(const Config&); the texts are constants.
#define PRAXIS_PLUGIN(make, name, version)                                       \
  extern "C" std::uint32_t praxis_plugin_abi(void) { return PRAXIS_PLUGIN_ABI; } \
  extern "C" const praxis_plugin* praxis_plugin_open(const praxis_host* host,    \
                                                     praxis_text config) {       \
    return praxis::plugins::Exported::open(host, config, make, name, version);   \
  }
