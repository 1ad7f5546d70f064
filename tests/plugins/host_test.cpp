#include "plugins/host.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "plugins/plugin.h"
#include "tests/plugins/plugin_bench.h"

namespace praxis::plugins {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

nlohmann::json say(const std::string& what) { return {{"say", what}}; }

/// Why misbehave is not loaded when it is told this; "" when it is.
std::string refusal(const std::string& what) {
  tools::Toolbox toolbox;
  auto loaded = load(for_tests("misbehave"), toolbox, say(what).dump());
  EXPECT_EQ(loaded.has_value(), !toolbox.list().empty());
  return loaded ? "" : loaded.error().what;
}
std::string refusal_of_tools(const std::string& tools) { return refusal("tools=" + tools); }

bool is_loaded(const fs::path& file) {
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library) ::dlclose(library);
  return library != nullptr;
}

/// Sets an environment variable for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

TEST(PluginHost, WhatCannotBeLoadedIsNamed) {
  Scratch scratch;
  tools::Toolbox toolbox;
  const auto why = [&](const fs::path& file) {
    auto loaded = load(file, toolbox);
    EXPECT_FALSE(loaded);
    return loaded ? "" : loaded.error().what;
  };
  EXPECT_EQ(why(scratch.path() / "none.so"), "no such file");
  EXPECT_EQ(why(scratch.path()), "not a plugin: not a file");
  scratch.write("text.so", "just text");
  EXPECT_EQ(why(scratch.path() / "text.so"), "not a plugin: it is no shared object");
  scratch.write("empty.so", "");
  EXPECT_EQ(why(scratch.path() / "empty.so"), "not a plugin: it is no shared object");
  EXPECT_EQ(why(for_tests("no_plugin")), "not a plugin: it does not export praxis_plugin_abi");
  EXPECT_EQ(
      why(for_tests("other_version")),
      "the plugin speaks ABI 99, this praxis speaks 1: build it against this version's plugin.h");
  EXPECT_TRUE(toolbox.list().empty());
  EXPECT_FALSE(is_loaded(for_tests("other_version")));
}

// The system's loader dies of such a file.
TEST(PluginHost, APluginFileCutAnywhereLoadsOrIsRefused) {
  Scratch scratch;
  std::ifstream stream(for_tests("misbehave"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  int refused = 0, loaded = 0;
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200) {
    const std::string name = "cut" + std::to_string(size) + ".so";
    scratch.write(name, whole.substr(0, size));
    tools::Toolbox toolbox;
    ++(load(scratch.path() / name, toolbox) ? loaded : refused);
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(loaded, 0);  // behind the segments are the names of sections, which nobody needs
  scratch.write("cut.so", whole.substr(0, 100));
  tools::Toolbox toolbox;
  EXPECT_EQ(load(scratch.path() / "cut.so", toolbox).error().what,
            "not a plugin: it is cut short: the headers of its segments end beyond its 100 bytes");
}

TEST(PluginHost, LoadsToolsWithTheirPromises) {
  tools::Toolbox toolbox;
  auto loaded = load(for_tests("misbehave"), toolbox);
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->name, "misbehave");
  EXPECT_EQ(loaded->version, "0.1");
  EXPECT_EQ(loaded->tools, (std::vector<std::string>{"hang", "linger", "flood", "half", "fail",
                                                     "mute", "code", "wait", "chatter", "echo"}));
  const tools::ToolSpec* echo = toolbox.find("echo");
  ASSERT_NE(echo, nullptr);
  EXPECT_EQ(echo->effect, tools::Effect::idempotent);
  EXPECT_TRUE(echo->needs_approval);
  EXPECT_EQ(echo->limits.deadline_ms, 30'000u);
  EXPECT_EQ(echo->limits.output_bytes_max, 65'536u);
  EXPECT_EQ(toolbox.find("hang")->limits.deadline_ms, 300u);
  EXPECT_EQ(toolbox.find("flood")->limits.output_bytes_max, 1000u);
  EXPECT_EQ(echo->source, "plugin misbehave 0.1");
}

TEST(PluginHost, RefusalsOfThePluginReachThePersonInOneLine) {
  EXPECT_EQ(refusal("refuse"), "I do not want to be opened");
  EXPECT_EQ(refusal("silent"), "the plugin did not open and did not say why");
}

TEST(PluginHost, StructsMayBeLongerButNotShorterThanVersionOne) {
  EXPECT_EQ(refusal("small"), "the plugin's struct_size is " +
                                  std::to_string(offsetof(praxis_plugin, close)) +
                                  ", less than ABI 1 has");
  EXPECT_EQ(refusal("large"), "");
  EXPECT_EQ(refusal("nothing"), "the plugin's table lacks call");
  EXPECT_EQ(refusal("name"), "the plugin's name must have 1 to 64 of A-Z a-z 0-9 _ . -");
}

TEST(PluginHost, ToolListsAreReadStrictly) {
  const std::string good = R"("name":"t","description":"d","parameters":{},"effect":"pure")";
  EXPECT_EQ(refusal_of_tools("[{" + good + "}]"), "");
  const std::pair<std::string, std::string> table[] = {
      {"", "tools: $: not JSON at byte 1"},
      {"{}", "tools: $: must be a JSON array"},
      {"[]", "tools: a plugin has 1 to 64 tools (plugins.tools_max)"},
      {"[1]", "tools: $[0] must be an object"},
      {"[{" + good + "}", "tools: $[0]: not JSON at byte 64"},
      {"[{" + good + "},]", "tools: $[0]: not JSON at byte 65"},
      {R"([{"name":"t","description":"d","parameters":{}}])", "tools: $[0] lacks effect"},
      {R"([{"name":"t","description":"d","effect":"pure"}])", "tools: $[0] lacks parameters"},
      {R"([{"description":"d","parameters":{},"effect":"pure"}])", "tools: $[0] lacks name"},
      {"[{" + good + R"(,"effect":"once"}])", "tools: $[0].effect: key appears twice"},
      {"[{" + good + R"(,"efect":"once"}])", R"(tools: $[0] has the unknown key "efect")"},
      {"[{" + good + R"(,"deadline_ms":"5"}])",
       "tools: $[0] deadline_ms must be a whole number of milliseconds"},
      {"[{" + good + R"(,"deadline_ms":-5}])",
       "tools: $[0] deadline_ms must be a whole number of milliseconds"},
      {"[{" + good + R"(,"deadline_ms":5000000000}])",
       "tools: $[0] deadline_ms must be a whole number of milliseconds"},
      {"[{" + good + R"(,"deadline_ms":0}])", "t: deadline_ms must be 1 to 86400000"},
      {"[{" + good + R"(,"output_bytes_max":1.5}])",
       "tools: $[0] output_bytes_max must be a whole number of bytes"},
      {"[{" + good + R"(,"needs_approval":"yes"}])",
       "tools: $[0] needs_approval must be true or false"},
      {R"([{"name":"t","description":"d","parameters":[],"effect":"pure"}])",
       "tools: $[0] parameters must be an object: the JSON Schema of the arguments"},
      {R"([{"name":"t","description":"d","parameters":{},"effect":"sometimes"}])",
       "tools: $[0] effect must be pure, idempotent or once"},
      {R"([{"name":5,"description":"d","parameters":{},"effect":"pure"}])",
       "tools: $[0] name must be a string"},
      {R"([{"name":"a b","description":"d","parameters":{},"effect":"pure"}])",
       "\"a b\": a tool's name must have 1 to 64 of A-Z a-z 0-9 _ . -"},
      {"[{" + good + "},{" + good + "}]", "t: tool t is already there, from plugin misbehave 0.1"},
  };
  for (const auto& [tools, why] : table) EXPECT_EQ(refusal_of_tools(tools), why) << tools;
  EXPECT_THAT(refusal_of_tools(std::string(100, '[')), HasSubstr("json.depth_max"));
}

TEST(PluginHost, ASchemaKeepsItsKeysInWrittenOrder) {
  tools::Toolbox toolbox = opened(
      for_tests("misbehave"),
      say(R"(tools=[{"effect":"pure","parameters": {"type": "object", "properties": {"z": {"enum": [2, 1.0, "\u00e9"]}, "a": {}}, "required": ["z"]}, "name":"t","description":"d"}])"));
  ASSERT_NE(toolbox.find("t"), nullptr);
  EXPECT_EQ(toolbox.find("t")->schema,
            R"({"type":"object","properties":{"z":{"enum":[2,1.0,"é"]},"a":{}},"required":["z"]})");
}

TEST(PluginHost, ANameThatIsTakenAddsNothing) {
  tools::Toolbox toolbox = opened(shipped("calculator"));
  auto loaded = load(
      for_tests("misbehave"), toolbox,
      say(R"(tools=[{"name":"mine","description":"d","parameters":{},"effect":"pure"},{"name":"calculator","description":"d","parameters":{},"effect":"pure"}])")
          .dump());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, tools::ErrorCode::duplicate);
  EXPECT_EQ(loaded.error().what,
            "calculator: tool calculator is already there, from plugin calculator 1.0");
  EXPECT_EQ(toolbox.list().size(), 1u);
}

TEST(PluginHost, ConfigurationIsAStrictObject) {
  tools::Toolbox toolbox;
  for (const char* config : {"", "[]", "null", "{", "{\"a\":1,\"a\":2}", "{} {}"})
    EXPECT_FALSE(load(for_tests("misbehave"), toolbox, config)) << config;
}

class Misbehave : public testing::Test {
 protected:
  tools::Dispatcher dispatcher_{opened(for_tests("misbehave")),
                                {.calls_parallel_max = 4, .grace_ms = 50}};
  tools::ToolResult ask(const std::string& tool,
                        const nlohmann::json& arguments = nlohmann::json::object()) {
    return call(dispatcher_, tool, arguments);
  }
};

TEST_F(Misbehave, ACallReachesThePluginWhole) {
  EXPECT_EQ(ask("echo", {{"a", "é\"\\"}, {"b", {1, 2}}}).text,
            R"(echo {"a":"é\"\\","b":[1,2]} key_0 in time.)");
}

TEST_F(Misbehave, AHangIsAbandonedAndItsToolDisabledWhileOthersWork) {
  const tools::ToolResult got = ask("hang");
  EXPECT_EQ(got.status, tools::Status::timeout);
  EXPECT_EQ(got.text,
            "stopped at its deadline of 300 ms, but it did not stop within 50 ms: abandoned, and "
            "hang is disabled for 60 s");
  EXPECT_EQ(ask("hang").text, "hang is disabled for another 60 s: an earlier call of it did not stop when told to");
  EXPECT_THAT(ask("echo").text, StartsWith("echo "));
}

TEST_F(Misbehave, AFloodIsCutAtTheLimitToTheByte) {
  const tools::ToolResult got = ask("flood");
  EXPECT_EQ(got.status, tools::Status::ok);
  EXPECT_TRUE(got.truncated);
  EXPECT_EQ(got.text.size(), 1000u - (1000u - 1) % 3);  // its NULs became three bytes each
}

TEST_F(Misbehave, BrokenTextIsRepaired) {
  EXPECT_EQ(ask("half").text,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST_F(Misbehave, FailuresAreErrorsWithoutPrefix) {
  EXPECT_EQ(shown(ask("fail")), "Error: it did not work");
  EXPECT_EQ(shown(ask("mute")), "Error: the tool failed and did not say why");
  EXPECT_EQ(shown(ask("code")), "Error: plugin misbehave broke its contract: it returned 77");
}

TEST_F(Misbehave, CancellationReachesThePlugin) {
  auto future = start(dispatcher_, "wait", nlohmann::json::object(), "call_9");
  dispatcher_.cancel("call_9");
  EXPECT_EQ(future.get().status, tools::Status::cancelled);
  EXPECT_EQ(start(dispatcher_, "echo", nlohmann::json::object()).get().status, tools::Status::ok);
}

TEST_F(Misbehave, TwoThreadsCallOnePlugin) {
  std::vector<std::future<tools::ToolResult>> futures;
  for (int i = 0; i < 200; ++i)
    futures.push_back(start(dispatcher_, "echo", {{"i", i}}, std::to_string(i)));
  for (int i = 0; i < 200; ++i)
    EXPECT_THAT(futures[i].get().text, HasSubstr("{\"i\":" + std::to_string(i) + "}"));
}

TEST(PluginHost, ProgressAndLogAreCleanLines) {
  std::mutex mutex;
  std::vector<std::string> log, progress;
  {
    tools::Toolbox toolbox;
    ASSERT_TRUE(load(for_tests("misbehave"), toolbox, "{}",
                     [&](std::string_view plugin, std::int32_t level, std::string_view line) {
                       std::lock_guard lock(mutex);
                       log.push_back(std::string(plugin) + " " + std::to_string(level) + " " +
                                     std::string(line));
                     }));
    tools::Dispatcher dispatcher(std::move(toolbox));
    std::promise<tools::ToolResult> done;
    dispatcher.start(
        {"call_0", "chatter", "{}", "key"},
        [&](tools::ToolResult result) { done.set_value(std::move(result)); },
        [&](std::string_view line) { progress.emplace_back(line); });
    EXPECT_EQ(done.get_future().get().text, "three four");
  }
  EXPECT_EQ(progress, (std::vector<std::string>{"one", "two  [2J"}));
  EXPECT_EQ(log, (std::vector<std::string>{"misbehave 2 a line of the log", "misbehave 1 closed"}));
}

TEST(PluginHost, StatusAfterACrashIsPassedOn) {
  const tools::Toolbox toolbox = opened(for_tests("misbehave"));
  const auto backend = toolbox.backend("echo");
  const auto done = backend->status("echo", "done");
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->done);
  EXPECT_EQ(done->result.status, tools::Status::ok);
  EXPECT_EQ(done->result.text, "result of echo");
  const auto failed = backend->status("echo", "failed");
  ASSERT_TRUE(failed);
  EXPECT_TRUE(failed->done);
  EXPECT_EQ(failed->result.status, tools::Status::error);
  EXPECT_EQ(failed->result.text, "it failed");
  const auto not_done = backend->status("echo", "not");
  ASSERT_TRUE(not_done);
  EXPECT_FALSE(not_done->done);
  EXPECT_FALSE(backend->status("echo", "who knows"));
  EXPECT_FALSE(backend->status("echo", "wrong"));
  EXPECT_FALSE(opened(shipped("calculator"))
                   .backend("calculator")
                   ->status("calculator", "done"));  // it has no status
}

TEST(PluginHost, APluginStaysLoadedWhileAnAbandonedCallRunsInIt) {
  Scratch scratch;
  const fs::path file = scratch.path() / "lingering.so";  // a copy: nobody else has it loaded
  fs::copy_file(for_tests("misbehave"), file);
  int to_plugin[2], from_plugin[2];
  ASSERT_EQ(::pipe(to_plugin), 0);
  ASSERT_EQ(::pipe(from_plugin), 0);
  {
    tools::Dispatcher dispatcher(opened(file), {.grace_ms = 1});
    EXPECT_TRUE(is_loaded(file));
    const tools::ToolResult got =
        call(dispatcher, "linger", {{"in", to_plugin[0]}, {"out", from_plugin[1]}});
    EXPECT_EQ(got.status, tools::Status::timeout);
    EXPECT_THAT(got.text, EndsWith("whether it took effect is not known"));
  }
  // Dispatcher and toolbox are gone, the call is not.
  EXPECT_TRUE(is_loaded(file));
  char byte = 'x';
  ASSERT_EQ(::write(to_plugin[1], &byte, 1), 1);
  ASSERT_EQ(::read(from_plugin[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'c');  // it was told to stop
  // With its end the last owner goes.
  while (is_loaded(file)) std::this_thread::yield();
  for (int fd : {to_plugin[0], to_plugin[1], from_plugin[0], from_plugin[1]}) ::close(fd);
}

TEST(PluginHost, WithItsLastToolAPluginIsClosedAndUnloaded) {
  Scratch scratch;
  const fs::path file = scratch.path() / "short.so";
  fs::copy_file(for_tests("misbehave"), file);
  {
    tools::Toolbox toolbox = opened(file);
    auto chosen = toolbox.only({"echo"});
    ASSERT_TRUE(chosen);
    toolbox = tools::Toolbox();
    EXPECT_TRUE(is_loaded(file));
  }
  EXPECT_FALSE(is_loaded(file));
}

class PluginFolders : public testing::Test {
 protected:
  PluginFolders() { ::unsetenv("PRAXIS_PLUGIN_PATH"); }
};

TEST_F(PluginFolders, TheShippedPluginsAreFoundBesideTheBinary) {
  for (const char* name : {"calculator", "search", "files"}) {
    auto found = find_plugin(name);
    ASSERT_TRUE(found) << name;
    EXPECT_TRUE(fs::equivalent(*found, shipped(name)));
  }
  std::vector<std::string> names;
  for (const fs::path& file : list_plugins()) names.push_back(file.stem().string());
  EXPECT_EQ(names,
            (std::vector<std::string>{"calculator", "files", "search"}));  // none that is for tests
}

TEST_F(PluginFolders, TheEnvironmentComesFirst) {
  Scratch first, second;
  first.write("calculator.so", "");
  second.write("calculator.so", "");
  second.write("mine.so", "");
  second.write("notes.txt", "");
  fs::create_directory(second.path() / "folder.so");
  Variable path("PRAXIS_PLUGIN_PATH", first.path().string() + "::relative:" +
                                          second.path().string() + ":/no/such/folder:");
  EXPECT_EQ(*find_plugin("calculator"), first.path() / "calculator.so");
  EXPECT_EQ(*find_plugin("mine"), second.path() / "mine.so");
  EXPECT_TRUE(find_plugin("search"));
  const auto folders = plugin_folders();
  ASSERT_GE(folders.size(), 2u);
  EXPECT_EQ(folders[0], first.path());
  EXPECT_EQ(folders[1], second.path());
  for (const fs::path& folder : folders) EXPECT_TRUE(folder.is_absolute());
}

TEST_F(PluginFolders, AnUnknownNameListsWhatThereIs) {
  for (const char* name : {"nope", "../calculator", "", "."}) {
    auto found = find_plugin(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, tools::ErrorCode::not_found);
    EXPECT_EQ(found.error().what,
              "no plugin " + std::string(name) +
                  "; there is calculator, files, search (PRAXIS_PLUGIN_PATH names more folders)");
  }
}

}  // namespace
}  // namespace praxis::plugins
