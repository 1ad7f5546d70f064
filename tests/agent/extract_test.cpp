// Many documents through one model: what becomes a line, what an error, and what ends the job.

#include "agent/extract.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "agent/extract_output.h"
#include "tests/agent/scripted_model.h"

namespace praxis::agent {
namespace {

constexpr const char* kSchema =
    R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]})";

struct Outcome {
  Result<void> ended;
  std::vector<std::string> lines;
};

ExtractJob job(std::uint32_t in_flight_max = 1) {
  ExtractJob job;
  job.settings.answer_schema = kSchema;
  job.instruction = "Extract.";
  job.in_flight_max = in_flight_max;
  return job;
}

Extraction::Next documents(std::vector<std::string> texts) {
  auto left = std::make_shared<std::vector<std::string>>(std::move(texts));
  auto number = std::make_shared<std::size_t>(0);
  return [left, number]() -> std::optional<Document> {
    if (*number == left->size()) return std::nullopt;
    const std::string text = (*left)[(*number)++];
    return Document{"d" + std::to_string(*number), text};
  };
}

Outcome extract(Model& model, ExtractJob job, std::vector<std::string> texts) {
  auto extraction = Extraction::create(model, std::move(job));
  EXPECT_TRUE(extraction) << extraction.error().what;
  Outcome outcome;
  outcome.ended =
      (*extraction)
          ->run(documents(std::move(texts)), [&](const Extracted& extracted) -> Result<void> {
            outcome.lines.push_back(to_json_line(extracted));
            return {};
          });
  return outcome;
}

TEST(Extract, EveryDocumentBecomesALineAndErrorsDoNotStopTheOthers) {
  ScriptedModel model({Script().think("hm").say(R"({"n":1})"),
                       Script().refuse({ErrorCode::limit, "has 9 tokens; 4 fit", "prompt"}),
                       Script().say(R"({"n":2)").end(engine::Finish::length),
                       Script().say("{\n \"n\": 30e-1 }"), Script().say(R"({"n":"x"})"),
                       Script().refuse({ErrorCode::bad_request, "knows no schemas", "server"})});
  const Outcome outcome = extract(
      model, job(),
      {"one", "long", "cut", "four", "wrong", " \n", std::string("a\0b", 3), "caf\xe9", "last"});
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(
      outcome.lines,
      (std::vector<std::string>{
          R"({"document":"d1","value":{"n":1}})",
          R"({"document":"d2","error":{"code":"limit","message":"prompt: has 9 tokens; 4 fit"}})",
          R"_({"document":"d3","error":{"code":"limit","message":"the value was cut off at 8192 tokens, thinking included (--max-tokens)"}})_",
          R"({"document":"d4","value":{  "n": 30e-1 }})",
          R"({"document":"d5","error":{"code":"model_failed","message":"the model's answer does not satisfy the schema"}})",
          R"({"document":"d6","error":{"code":"bad_document","message":"is empty"}})",
          R"({"document":"d7","error":{"code":"bad_document","message":"is binary: byte 1 is NUL"}})",
          R"({"document":"d8","error":{"code":"bad_document","message":"is not UTF-8: byte 3 begins no character"}})",
          R"({"document":"d9","error":{"code":"model_failed","message":"server: knows no schemas"}})"}));
}

TEST(Extract, TheModelReadsInstructionSchemaAndTextInThisOrder) {
  ScriptedModel model({Script().say(R"({"n":1})")});
  ExtractJob asked = job();
  asked.settings.answer_schema =
      "{\n  \"type\": \"object\", \"title\": \"z\" , \"additionalProperties\": true }";
  asked.settings.system = "Be exact.";
  extract(model, asked, {"five"});
  const std::vector<StepInput> inputs = model.inputs();
  ASSERT_EQ(inputs.size(), 1u);
  const auto& messages = inputs[0].messages;
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].content, "Be exact.");
  EXPECT_EQ(messages[1].content,
            "Extract.\nSchema: "
            "{\"type\":\"object\",\"title\":\"z\",\"additionalProperties\":true}\nText: five");
  EXPECT_TRUE(inputs[0].tools.empty());
}

TEST(Extract, AsManyAreUnderWayAsTheJobAllows) {
  std::mutex mutex;
  std::condition_variable all_in;
  int inside = 0;
  const auto meet = [&] {  // goes on only once three are here
    std::unique_lock lock(mutex);
    ++inside;
    all_in.notify_all();
    all_in.wait(lock, [&] { return inside >= 3; });
  };
  ScriptedModel model([&](const StepInput&) { return Script().wait(meet).say(R"({"n":1})"); });
  EXPECT_EQ(extract(model, job(3), {"a", "b", "c", "d", "e"}).lines.size(), 5u);
}

TEST(Extract, ADocumentThatTakesTooLongIsAnErrorOfItsOwn) {
  ScriptedModel model([](const StepInput&) { return Script().until_cancelled(); });
  ExtractJob hurried = job();
  hurried.settings.budgets.wall_seconds_max = 0;
  const Outcome outcome = extract(model, hurried, {"a", "b"});
  ASSERT_EQ(outcome.lines.size(), 2u);
  EXPECT_NE(outcome.lines[1].find("took longer than 0 s (--max-seconds)"), std::string::npos);
}

TEST(Extract, StoppedItLeavesWhatIsUnderWayWithoutALine) {
  std::promise<void> waiting;
  int step = 0;
  ScriptedModel model([&](const StepInput&) {
    if (step++ == 0) return Script().say(R"({"n":1})");
    return Script().wait([&] { waiting.set_value(); }).until_cancelled();
  });
  auto extraction = Extraction::create(model, job());
  ASSERT_TRUE(extraction);
  std::thread stop([&] {
    waiting.get_future().wait();
    (*extraction)->stop();
  });
  std::vector<std::string> names;
  EXPECT_TRUE(
      (*extraction)
          ->run(documents({"a", "b", "c"}), [&](const Extracted& extracted) -> Result<void> {
            names.push_back(extracted.document);
            return {};
          }));
  stop.join();
  EXPECT_EQ(names, std::vector<std::string>{"d1"});
}

TEST(Extract, AModelThatIsGoneEndsTheJob) {
  ScriptedModel model([&](const StepInput&) {
    return Script().fail({ErrorCode::internal, "connection refused", "server"});
  });
  const Outcome outcome = extract(model, job(), std::vector<std::string>(100, "text"));
  ASSERT_FALSE(outcome.ended);
  EXPECT_NE(outcome.ended.error().what.find("connection refused"), std::string::npos);
  EXPECT_EQ(outcome.lines.size(), Extraction::kModelFailuresMax);
}

TEST(Extract, ASchemaThatNothingSatisfiesIsRefused) {
  ScriptedModel model(std::vector<Script>{});
  ExtractJob impossible = job();
  impossible.settings.answer_schema = R"({"type":"integer","minimum":2,"maximum":1})";
  auto extraction = Extraction::create(model, impossible);
  ASSERT_FALSE(extraction);
  EXPECT_EQ(extraction.error().code, ErrorCode::bad_request);
}

class ExtractLines : public testing::Test {
 protected:
  using Mode = ExtractOutput::Mode;
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "praxis-extract-XXXXXX").native();
    ASSERT_TRUE(mkdtemp(name.data()));
    folder_ = name;
    path_ = folder_ / "out.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<ExtractOutput>> open(Mode mode,
                                              JobIdentity identity = {kSchema, "Extract.", "",
                                                                      "model", true}) {
    return ExtractOutput::open(path_, identity, mode);
  }
  /// The error of opening it, empty if it opens.
  std::string refused(Mode mode, JobIdentity identity = {kSchema, "Extract.", "", "model", true}) {
    auto output = open(mode, std::move(identity));
    return output ? "" : output.error().what;
  }
  void write(const std::vector<Extracted>& all) {
    auto output = open(Mode::resume);
    ASSERT_TRUE(output) << output.error().what;
    for (const auto& extracted : all) ASSERT_TRUE((*output)->append(extracted));
    ASSERT_TRUE((*output)->sync());
  }
  static Extracted good(std::string name) { return {std::move(name), R"({"n":1})", Usage()}; }
  static Extracted bad(std::string name) {
    return {std::move(name), tl::unexpected(Error{ErrorCode::limit, "no", ""}), Usage()};
  }
  std::string text() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void append(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
  }

  std::filesystem::path folder_, path_;
};

constexpr const char* kLineA = "{\"document\":\"a\",\"value\":{\"n\":1}}\n";
constexpr const char* kLineB = "{\"document\":\"b\",\"value\":{\"n\":1}}\n";

TEST_F(ExtractLines, ATornLastLineIsCutOffWhereverItTore) {
  write({good("a")});
  for (std::size_t bytes = 0; bytes < std::string(kLineB).size(); ++bytes) {
    append(std::string(kLineB).substr(0, bytes));
    auto output = open(Mode::resume);
    ASSERT_TRUE(output) << bytes;
    EXPECT_TRUE((*output)->has("a"));
    EXPECT_FALSE((*output)->has("b"));
    EXPECT_EQ(text(), kLineA);
  }
  write({good("b")});
  EXPECT_EQ(text(), std::string(kLineA) + kLineB);
}

TEST_F(ExtractLines, WhatAPowerCutLeftAsZerosIsDoneAgainWithAllBehindIt) {
  write({good("a")});
  const std::string zeros(std::string(kLineB).size() - 1, '\0');
  for (const std::string& lost : {zeros + "\n", zeros, "{\"docu" + zeros + "\n"}) {
    append(lost + kLineB);
    auto output = open(Mode::resume);
    ASSERT_TRUE(output) << output.error().what;
    EXPECT_TRUE((*output)->has("a"));
    EXPECT_FALSE((*output)->has("b")) << "nothing behind a hole had been synced";
    EXPECT_EQ(text(), kLineA);
  }
  write({good("b")});
  EXPECT_EQ(text(), std::string(kLineA) + kLineB);
}

TEST_F(ExtractLines, AFreshJobDoesNotTouchLinesThatAreThere) {
  write({good("a")});
  EXPECT_NE(refused(Mode::fresh).find("--resume"), std::string::npos);
  EXPECT_EQ(text(), kLineA);
}

TEST_F(ExtractLines, LinesOfAnotherJobAreRefusedByWhatDiffers) {
  write({good("a")});
  EXPECT_NE(refused(Mode::resume, {"{}", "Extract.", "", "model", true}).find("another schema"),
            std::string::npos);
  EXPECT_NE(refused(Mode::resume, {kSchema, "Other.", "", "model", true}).find("another prompt"),
            std::string::npos);
  EXPECT_NE(refused(Mode::resume, {kSchema, "Extract.", "s", "model", true}).find("another system"),
            std::string::npos);
  EXPECT_NE(refused(Mode::resume, {kSchema, "Extract.", "", "other", true}).find("another model"),
            std::string::npos);
  EXPECT_NE(
      refused(Mode::resume, {kSchema, "Extract.", "", "model", false}).find("another thinking"),
      std::string::npos);
  EXPECT_EQ(refused(Mode::resume, {std::string(" ") + kSchema, "Extract.", "", "model", true}), "");
}

TEST_F(ExtractLines, ForeignFilesAreRefusedAndLeftAsTheyAre) {
  append("a letter\nto nobody");
  EXPECT_NE(refused(Mode::resume).find("out.jsonl.job is missing"), std::string::npos);
  EXPECT_EQ(text(), "a letter\nto nobody");
  std::filesystem::remove(path_);
  write({good("a")});
  append("a letter\n");
  EXPECT_NE(refused(Mode::resume).find("line 2"), std::string::npos);
  std::filesystem::resize_file(path_, std::string(kLineA).size());
  append(kLineA);
  EXPECT_NE(refused(Mode::resume).find("twice: line 2"), std::string::npos);
}

TEST_F(ExtractLines, OneProcessWritesAtATime) {
  auto first = open(Mode::fresh);
  ASSERT_TRUE(first);
  auto second = open(Mode::resume);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::busy);
  ASSERT_TRUE((*first)->append(bad("a")));
  first->reset();
  first = open(Mode::retry_failed);  // another file of the same name by now
  ASSERT_TRUE(first);
  second = open(Mode::resume);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::busy);
}

TEST_F(ExtractLines, FailedDocumentsAreTriedAgainOnlyWhenAskedFor) {
  write({good("a"), bad("b"), bad("c")});
  {
    auto output = open(Mode::resume);
    ASSERT_TRUE(output);
    EXPECT_EQ((*output)->kept(), 3u);
  }
  auto output = open(Mode::retry_failed);
  ASSERT_TRUE(output);
  EXPECT_EQ((*output)->kept(), 1u);
  EXPECT_FALSE((*output)->has("b"));
  ASSERT_TRUE((*output)->append(good("b")));
  EXPECT_EQ(text(), std::string(kLineA) + kLineB);
}

TEST_F(ExtractLines, ADiskThatIsFullLeavesNoHalfLine) {
  auto output = open(Mode::fresh);
  ASSERT_TRUE(output);
  ASSERT_TRUE((*output)->append(good("a")));
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little { std::string(kLineA).size() + 10, before.rlim_max };
  setrlimit(RLIMIT_FSIZE, &little);
  const auto written = (*output)->append(good("b"));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::store);
  EXPECT_EQ(text(), kLineA);
}

}  // namespace
}  // namespace praxis::agent
