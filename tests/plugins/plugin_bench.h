#pragma once
// What the plugin tests share: a folder that goes away, and calls that wait for their result.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <string>

#include "plugins/host.h"
#include "tools/dispatch.h"

namespace praxis::plugins {

namespace fs = std::filesystem;

inline fs::path shipped(const std::string& name) {
  return fs::path(PRAXIS_BINARY_DIR) / "plugins" / (name + ".so");
}
inline fs::path for_tests(const std::string& name) {
  return fs::path(PRAXIS_BINARY_DIR) / "tests/plugins" / (name + ".so");
}

/// A fresh folder, removed with all that is in it.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "praxis_test_XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~Scratch() {
    std::error_code failed;
    fs::remove_all(path_, failed);
  }
  Scratch(const Scratch&) = delete;
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  fs::path path_;
};

/// The toolbox with one plugin's tools in it; a failure to load fails the test.
inline tools::Toolbox opened(const fs::path& file,
                             const nlohmann::json& config = nlohmann::json::object()) {
  tools::Toolbox toolbox;
  auto loaded = load(file, toolbox, config.dump());
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().what + " " + loaded.error().where);
  return toolbox;
}

inline std::future<tools::ToolResult> start(tools::Dispatcher& dispatcher, const std::string& tool,
                                            const nlohmann::json& arguments,
                                            const std::string& id = "call_0",
                                            const std::string& key = "key_0") {
  auto promise = std::make_shared<std::promise<tools::ToolResult>>();
  auto future = promise->get_future();
  dispatcher.start({id, tool, arguments.dump(), key},
                   [promise](tools::ToolResult result) { promise->set_value(std::move(result)); });
  return future;
}

inline tools::ToolResult call(tools::Dispatcher& dispatcher, const std::string& tool,
                              const nlohmann::json& arguments) {
  return start(dispatcher, tool, arguments).get();
}

/// The text as the model sees it.
inline std::string shown(const tools::ToolResult& result) {
  return result.status == tools::Status::ok ? result.text : "Error: " + result.text;
}

}  // namespace praxis::plugins
