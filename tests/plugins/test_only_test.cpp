// The plugins that other tests lean on keep their own promises.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>

#include <sstream>

#include "tests/plugins/plugin_bench.h"

namespace praxis::plugins {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(stream)), {});
}

class Recorder : public testing::Test {
 protected:
  Scratch scratch_;
  const fs::path file_ = scratch_.path() / "record";
  tools::Dispatcher dispatcher_{opened(for_tests("recorder"), {{"file", file_}})};
  std::string record(const std::string& tool, const std::string& key,
                     nlohmann::json arguments = {{"text", "hello"}}) {
    return shown(start(dispatcher_, tool, arguments, "call_" + key, key).get());
  }
};

TEST_F(Recorder, EachCallIsOneLineExceptAnIdempotentOnesRepeat) {
  for (int i = 0; i < 2; ++i)
    for (const char* tool : {"record_pure", "record_idempotent", "record_once"})
      EXPECT_EQ(record(tool, "k1"), "recorded");
  EXPECT_EQ(record("record_idempotent", "k2"), "recorded");
  EXPECT_EQ(text_of(file_),
            "record_pure k1 hello\nrecord_idempotent k1 hello\nrecord_once k1 hello\n"
            "record_pure k1 hello\nrecord_once k1 hello\nrecord_idempotent k2 hello\n");
  EXPECT_EQ(dispatcher_.toolbox().find("record_once")->effect, tools::Effect::once);
  EXPECT_EQ(dispatcher_.toolbox().find("record_idempotent")->effect, tools::Effect::idempotent);
  EXPECT_EQ(dispatcher_.toolbox().find("record_pure")->effect, tools::Effect::pure);
}

TEST_F(Recorder, StatusKnowsWhatHappened) {
  const auto backend = dispatcher_.toolbox().backend("record_idempotent");
  EXPECT_FALSE(backend->status("record_idempotent", "k1")->done);
  record("record_idempotent", "k1");
  EXPECT_TRUE(backend->status("record_idempotent", "k1")->done);
  EXPECT_EQ(backend->status("record_idempotent", "k1")->result.text, "recorded");
  EXPECT_FALSE(backend->status("record_idempotent", "k")->done);
  EXPECT_FALSE(backend->status("record_once", "k1")->done);
}

TEST_F(Recorder, ACallCancelledBeforeItsEffectHasNone) {
  auto future =
      start(dispatcher_, "record_once", {{"text", "never"}, {"delay_ms", 30'000}}, "c", "k");
  dispatcher_.cancel("c");
  EXPECT_EQ(future.get().status, tools::Status::cancelled);
  EXPECT_EQ(text_of(file_), "");
}

TEST_F(Recorder, ParallelCallsDoNotMixTheirLines) {
  std::vector<std::future<tools::ToolResult>> futures;
  for (int i = 0; i < 50; ++i)
    futures.push_back(start(dispatcher_, "record_idempotent", {{"text", std::string(200, 'x')}},
                            std::to_string(i), std::to_string(i % 10)));
  for (auto& future : futures) EXPECT_EQ(future.get().text, "recorded");
  std::istringstream lines(text_of(file_));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_THAT(line, testing::EndsWith(" " + std::string(200, 'x')));
  EXPECT_EQ(count, 10);
}

TEST_F(Recorder, BadArgumentsAndConfigurationsAreErrors) {
  EXPECT_EQ(record("record_once", "k", {{"text", 5}}),
            "Error: text must be a string without escapes");
  EXPECT_EQ(record("record_once", "k", {{"text", std::string(5000, 'x')}}),
            "Error: the line is too long");
  tools::Toolbox toolbox;
  EXPECT_FALSE(load(for_tests("recorder"), toolbox, "{}"));
}

class Table : public testing::Test {
 protected:
  Scratch scratch_;
  tools::Toolbox toolbox(const std::string& file) {
    scratch_.write("table.json", file);
    return opened(for_tests("table"), {{"file", scratch_.path() / "table.json"}});
  }
};

TEST_F(Table, AnswersByEqualArguments) {
  tools::Dispatcher dispatcher(toolbox(R"({"tools": [
    {"spec": {"description": "Get the age.", "name": "get_age", "parameters": {"type": "object", "properties": {"person": {"type": "string"}, "n": {"type": "number"}}, "required": ["person"]}},
     "table": [{"arguments": {"person": "Anna"}, "result": "41"},
               {"arguments": {"person": "Ben", "n": 1}, "result": "7"},
               {"arguments": {"person": "Carla"}, "result": "Error: access denied"}]},
    {"spec": {"description": "x", "name": "flaky", "parameters": {}}, "table": [{"arguments": {}, "result": "fine"}], "fail_first": "Error: timeout, try again"}]})"));
  const auto ask = [&](const nlohmann::json& arguments) {
    return shown(call(dispatcher, "get_age", arguments));
  };
  EXPECT_EQ(ask({{"person", "Anna"}}), "41");
  EXPECT_EQ(ask({{"n", 1.0}, {"person", "Ben"}}), "7");
  EXPECT_EQ(ask({{"person", "Ben"}}), "Error: not found");
  EXPECT_EQ(ask({{"person", "anna"}}), "Error: not found");
  EXPECT_EQ(ask({{"person", "Carla"}}), "Error: access denied");
  EXPECT_EQ(shown(call(dispatcher, "flaky", nlohmann::json::object())),
            "Error: timeout, try again");
  EXPECT_EQ(shown(call(dispatcher, "flaky", nlohmann::json::object())), "fine");
  const tools::ToolSpec* spec = dispatcher.toolbox().find("get_age");
  EXPECT_EQ(spec->description, "Get the age.");
  EXPECT_EQ(
      spec->schema,
      R"({"type":"object","properties":{"person":{"type":"string"},"n":{"type":"number"}},"required":["person"]})");
  EXPECT_EQ(spec->effect, tools::Effect::pure);
}

TEST_F(Table, AToolThatCannotBeJudgedIsLeftOutAlone) {
  scratch_.write("table.json", R"({"tools": [
    {"spec": {"description": "x", "name": "good", "parameters": {}}, "table": []},
    {"spec": {"description": "x", "name": "bad", "parameters": {"pattern": "("}}, "table": []},
    {"spec": {"description": "x", "name": "fine", "parameters": {}}, "table": []}]})");
  const std::string config = nlohmann::json{{"file", scratch_.path() / "table.json"}}.dump();
  const auto refuses = [](std::string_view word) {
    return [word](std::string_view schema) -> tools::Result<tools::ArgumentsCheck> {
      if (schema.find(word) == schema.npos) return tools::ArgumentsCheck();
      return tl::unexpected(tools::Error{tools::ErrorCode::bad_schema, "it does not close", "$.pattern"});
    };
  };
  tools::Toolbox toolbox(refuses("pattern"));
  const auto loaded = load(for_tests("table"), toolbox, config);
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->tools, (std::vector<std::string>{"good", "fine"}));
  ASSERT_EQ(loaded->left_out.size(), 1u);
  EXPECT_EQ(loaded->left_out[0].tool, "bad");
  EXPECT_EQ(loaded->left_out[0].why, "bad $.pattern: schema: it does not close");
  EXPECT_EQ(toolbox.list().size(), 2u);
  EXPECT_FALSE(toolbox.find("bad"));

  tools::Toolbox picky(refuses("{"));
  const auto none = load(for_tests("table"), picky, config);
  ASSERT_FALSE(none) << "no tool is left";
  EXPECT_EQ(none.error().code, tools::ErrorCode::bad_schema);
}

TEST_F(Table, ABadFileDoesNotOpen) {
  tools::Toolbox toolbox;
  for (const char* file :
       {"", "[]", "{}", "{\"tools\": 5}", "{\"tools\": [{}]}", "{\"tools\": []}"}) {
    scratch_.write("bad.json", file);
    EXPECT_FALSE(load(for_tests("table"), toolbox,
                      nlohmann::json{{"file", scratch_.path() / "bad.json"}}.dump()))
        << file;
  }
  EXPECT_FALSE(load(for_tests("table"), toolbox, R"({"file": "/no/such/file"})"));
}

class Python : public testing::Test {
 protected:
  std::unique_ptr<tools::Dispatcher> dispatcher_;
  void SetUp() override {
    if (!fs::exists("/usr/bin/python3") || !fs::exists("/usr/bin/prlimit"))
      GTEST_SKIP() << "python3 or prlimit is not installed";
    dispatcher_ = std::make_unique<tools::Dispatcher>(opened(for_tests("python")));
  }
  std::string run(const std::string& code) {
    return shown(call(*dispatcher_, "python", {{"code", code}}));
  }
};

TEST_F(Python, ReturnsWhatIsPrinted) {
  EXPECT_EQ(run("print(sum(range(10)))"), "45");
  EXPECT_EQ(run("print('a')\nprint('é')"), "a\né");
  EXPECT_EQ(run(""), "");
  EXPECT_EQ(run("import sys; sys.stdout.write('x')"), "x");
  EXPECT_EQ(dispatcher_->toolbox().find("python")->schema,
            R"({"type":"object","properties":{"code":{"type":"string"}},"required":["code"]})");
  EXPECT_EQ(dispatcher_->toolbox().find("python")->description,
            "Run Python code and return what it prints.");
}

TEST_F(Python, AFailureIsTheLastLineOfItsTraceback) {
  EXPECT_EQ(run("print(1)\n1/0"), "Error: ZeroDivisionError: division by zero");
  EXPECT_EQ(run("x ="), "Error: SyntaxError: invalid syntax");
  EXPECT_EQ(run("import sys; sys.exit(3)"), "Error: python ended with status 3");
  EXPECT_EQ(run("import os; os.kill(os.getpid(), 9)"), "Error: python was killed: Killed");
}

TEST_F(Python, RunsUnderLimitsInAFolderOfItsOwnWithoutOurEnvironment) {
  ::setenv("PRAXIS_TEST_SECRET", "secret", 1);
  EXPECT_EQ(run("import os; print('PRAXIS_TEST_SECRET' in os.environ, 'PATH' in os.environ)"),
            "False False");
  EXPECT_EQ(run("import os; print(os.listdir('.'))"), "[]");
  EXPECT_EQ(run("import sys; print(sys.stdin.read() == '')"), "True");
  EXPECT_THAT(run("x = bytearray(2 * 1024 ** 3)"), StartsWith("Error: MemoryError"));
  EXPECT_THAT(run("f = open('x', 'wb')\nfor i in range(100): f.write(b'x' * 100000)\nf.close()"),
              StartsWith("Error: "));
  EXPECT_EQ(run("print('x' * 1000000)").size(), 65'536u);
  EXPECT_EQ(run("import os; print(sorted(int(x) for x in os.listdir('/proc/self/fd'))[:3])"),
            "[0, 1, 2]");
}

TEST_F(Python, IsKilledWithItsChildrenWhenCancelled) {
  Scratch scratch;
  const std::string ready = (scratch.path() / "ready").string();
  ASSERT_EQ(::mkfifo(ready.c_str(), 0600), 0);
  auto future = start(*dispatcher_, "python",
                      {{"code",
                        "import os, signal, time\nsignal.signal(signal.SIGTERM, "
                        "signal.SIG_IGN)\nchild = os.fork()\n"
                        "if child: open('" +
                            ready + "', 'w').write(str(child))\nwhile True: time.sleep(1)"}},
                      "c");
  std::ifstream fifo(ready);
  pid_t child = 0;
  fifo >> child;
  ASSERT_GT(child, 1);
  dispatcher_->cancel("c");
  EXPECT_EQ(future.get().status, tools::Status::cancelled);
  // Killed, and then a zombie until whoever inherited it looks.
  const auto alive = [&] {
    const std::string stat = text_of("/proc/" + std::to_string(child) + "/stat");
    return !stat.empty() && stat.find(") Z") == stat.npos;
  };
  while (alive()) ::sched_yield();
}

}  // namespace
}  // namespace praxis::plugins
