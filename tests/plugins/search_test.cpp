#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "tests/plugins/plugin_bench.h"

namespace praxis::plugins {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Search : public testing::Test {
 protected:
  Scratch folder_;
  std::unique_ptr<tools::Dispatcher> dispatcher_;

  /// The answer to these arguments, or to a query alone.
  std::string ask(const nlohmann::json& arguments) {
    if (arguments.is_string()) return ask({{"query", arguments}});
    if (!dispatcher_)
      dispatcher_ = std::make_unique<tools::Dispatcher>(
          opened(shipped("search"), {{"root", folder_.path()}}));
    return shown(call(*dispatcher_, "search", arguments));
  }
};

constexpr const char* kManual =
    "# Manual\n"
    "\n"
    "The voltage of the red pump is 230 volts.\n"
    "The pressure limit of the red pump is 40 bar.\n"
    "The torque of the main motor is 310 Nm.\n";

TEST_F(Search, IsDescribedExactlyAsTheModelWasTaught) {
  ask("x");
  const tools::ToolSpec* spec = dispatcher_->toolbox().find("search");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->description, "Search the documents and return matching passages.");
  EXPECT_EQ(
      spec->schema,
      R"({"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}},"required":["query"]})");
  EXPECT_EQ(spec->effect, tools::Effect::pure);
}

TEST_F(Search, AnswersFileLineAndTextBestFirst) {
  folder_.write("manual.md", kManual);
  folder_.write("sub/notes.txt", "A pump is a machine.\r\nNothing here.\r\n");
  EXPECT_EQ(ask("torque"), "manual.md:5: The torque of the main motor is 310 Nm.");
  EXPECT_EQ(ask("red pump voltage"),
            "manual.md:3: The voltage of the red pump is 230 volts.\n"
            "manual.md:4: The pressure limit of the red pump is 40 bar.");
  EXPECT_EQ(ask("machine"), "sub/notes.txt:1: A pump is a machine.");
  EXPECT_EQ(ask("zebra"), "no match");
}

TEST_F(Search, OneSentencePerLineGivesExactlyThoseLines) {
  std::string text;
  for (int i = 1; i <= 20; ++i)
    text += "Sentence " + std::to_string(i) + " of the document says that the value is " +
            std::to_string(i * 7) + " units.\n";
  folder_.write("a.md", text);
  EXPECT_EQ(ask({{"query", "sentence 13"}, {"limit", 1}}),
            "a.md:13: Sentence 13 of the document says that the value is 91 units.");
  const std::string all = ask({{"query", "document"}, {"limit", 20}});
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 19);
  EXPECT_THAT(all, StartsWith("a.md:1: Sentence 1 of the document says that the value is 7 "
                              "units.\na.md:2: "));  // ties: file order
}

TEST_F(Search, ALineBrokenInsideASentenceIsOnePassage) {
  folder_.write("a.md",
                "The heater of the northern hall must be switched off before anybody\n"
                "opens the cover, because its capacitor holds a charge.\n"
                "\n"
                "short line\nanother short line\n"
                "The last words of this long line end with a point and are complete.\n"
                "lower case begins here.\n");
  EXPECT_EQ(ask("capacitor"),
            "a.md:1: The heater of the northern hall must be switched off before anybody opens the "
            "cover, because its capacitor "
            "holds a charge.");
  EXPECT_EQ(ask("another"), "a.md:5: another short line");
  EXPECT_EQ(ask("begins"), "a.md:7: lower case begins here.");
}

TEST_F(Search, AVeryLongLineIsCutBetweenSentencesAndNothingIsLost) {
  std::string line;
  for (int i = 0; i < 200; ++i)
    line += "Word" + std::to_string(i) + " stands in a sentence of its own. ";
  folder_.write("a.txt", line + "\n");
  for (int i : {0, 57, 199}) {
    const std::string found = ask("word" + std::to_string(i));
    EXPECT_THAT(found, AnyOf(StartsWith("a.txt:1: Word"), StartsWith("a.txt:1: stands")));
    EXPECT_THAT(found, HasSubstr("Word" + std::to_string(i) + " stands in a sentence of its own."));
    EXPECT_LE(found.size(), 1020u);
  }
  folder_.write("b.txt", std::string(50'000, 'x') + " endmark\n");
  EXPECT_THAT(ask("endmark"), StartsWith("b.txt:1: "));
}

TEST_F(Search, LimitIsClampedAndThreeByDefault) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "Item " + std::to_string(i) + ".\n";
  folder_.write("a.md", text);
  const auto lines = [&](const nlohmann::json& arguments) {
    const std::string found = ask(arguments);
    return std::count(found.begin(), found.end(), '\n') + 1;
  };
  EXPECT_EQ(lines({{"query", "item"}}), 3);
  EXPECT_EQ(lines({{"query", "item"}, {"limit", 5}}), 5);
  EXPECT_EQ(lines({{"query", "item"}, {"limit", 0}}), 1);
  EXPECT_EQ(lines({{"query", "item"}, {"limit", -3}}), 1);
  EXPECT_EQ(lines({{"query", "item"}, {"limit", 1000}}), 20);
  EXPECT_EQ(ask({{"query", "item"}, {"limit", "5"}}), "Error: limit must be a whole number");
  EXPECT_EQ(ask({{"query", "item"}, {"limit", 1.5}}), "Error: limit must be a whole number");
  EXPECT_EQ(ask({{"query", "item"}, {"limit", 1e300}}), "Error: limit must be a whole number");
}

TEST_F(Search, SyntaxOfTheIndexIsJustTextInAQuery) {
  folder_.write("manual.md", kManual);
  for (const char* query :
       {"\"torque\"", "torque AND NOT motor", "torque*", "text:torque", "NEAR(torque motor)",
        "^torque", "(torque", "torque; DROP TABLE passages", "{torque} : x", "torque -motor",
        "tor\"que torque", "+torque", "torque—"})
    EXPECT_THAT(ask(query), HasSubstr("manual.md:5: The torque of the main motor is 310 Nm."))
        << query;
  for (const char* query : {"", "   ", "\"", "* ( ) ^ : -", "''"})
    EXPECT_EQ(ask(query), "Error: the query has no words") << query;
  EXPECT_EQ(ask("—"), "no match");
  EXPECT_EQ(ask(std::string("torque\0\"x", 9)),
            "manual.md:5: The torque of the main motor is 310 Nm.");
  EXPECT_THAT(ask(std::string(2001, 'x')), HasSubstr("search.query_bytes_max"));
  std::string many;
  for (int i = 0; i < 400; ++i) many.append(" w").append(std::to_string(i));
  EXPECT_EQ(ask(many), "no match");
  EXPECT_EQ(ask(nlohmann::json::object()), "Error: query must be a string");
  EXPECT_EQ(ask({{"query", {1, 2}}}), "Error: query must be a string");
}

TEST_F(Search, FindsWordsInOtherFormsAndScripts) {
  folder_.write("a.md",
                "Grüße aus Köln.\nSwitching machines off is safe.\nТемпература двигателя.\n");
  EXPECT_EQ(ask("GRUSSE koln"), "a.md:1: Grüße aus Köln.");
  EXPECT_EQ(ask("switched machine"), "a.md:2: Switching machines off is safe.");
  EXPECT_EQ(ask("температура"), "a.md:3: Температура двигателя.");
}

TEST_F(Search, PassagesWithFewOfTheWordsAreLeftOut) {
  folder_.write(
      "a.md", "The oil capacity of the spare pump is 12 liters.\nThe weather is fine.\nNo oil.\n");
  EXPECT_EQ(ask({{"query", "oil capacity of the spare pump"}, {"limit", 10}}),
            "a.md:1: The oil capacity of the spare pump is 12 liters.");
}

TEST_F(Search, ChangedNewAndRemovedFilesAreNoticed) {
  folder_.write("a.md", "alpha one\n");
  folder_.write("b.md", "beta one\n");
  EXPECT_EQ(ask("alpha"), "a.md:1: alpha one");
  folder_.write("a.md", "\nalpha two\n");
  EXPECT_EQ(ask("alpha"), "a.md:2: alpha two");
  fs::remove(folder_.path() / "b.md");
  EXPECT_EQ(ask("beta"), "no match");
  folder_.write("c.md", "gamma one\n");
  EXPECT_EQ(ask("gamma"), "c.md:1: gamma one");
  fs::rename(folder_.path() / "c.md", folder_.path() / "d.md");
  EXPECT_EQ(ask("gamma"), "d.md:1: gamma one");
  folder_.write("a.md", "");
  EXPECT_EQ(ask("alpha"), "no match");
}

TEST_F(Search, HiddenLinkedBinaryLargeAndForeignFilesAreNotRead) {
  Scratch outside;
  outside.write("secret.md", "secret outside\n");
  folder_.write(".hidden.md", "secret hidden\n");
  folder_.write(".git/x.md", "secret hidden\n");
  folder_.write("code.py", "secret code\n");
  folder_.write("binary.txt", std::string("secret\0binary\n", 14));
  folder_.write("large.txt", "secret\n" + std::string(4 * 1024 * 1024, 'x'));
  fs::create_symlink(outside.path() / "secret.md", folder_.path() / "link.md");
  fs::create_directory_symlink(outside.path(), folder_.path() / "folder");
  fs::create_symlink(folder_.path(), folder_.path() / "loop");
  ASSERT_EQ(::mkfifo((folder_.path() / "pipe.md").c_str(), 0600), 0);
  folder_.write("unreadable/ok.md", "fine\n");
  EXPECT_EQ(ask("secret"), "no match");
  EXPECT_EQ(ask("fine"), "unreadable/ok.md:1: fine");
}

TEST_F(Search, BrokenUtf8IsSearchedAndRepaired) {
  folder_.write("latin.txt", "caf\xE9 opens at nine\n\xFF\xFE\xFD\n");
  EXPECT_EQ(ask("nine"), "latin.txt:1: caf\xEF\xBF\xBD opens at nine");
  folder_.write("bom.txt",
                "\xEF\xBB\xBF"
                "bird one\n");
  EXPECT_EQ(ask("bird"), "bom.txt:1: bird one");
}

TEST_F(Search, AFileNameCannotForgeALine) {
  folder_.write("a\nmanual.md:1: forged.md", "word\n");
  EXPECT_EQ(ask("word"), "a?manual.md?1: forged.md:1: word");
}

TEST_F(Search, TwoThreadsSearchWhileTheFolderChanges) {
  folder_.write("a.md", "steady line\n");
  EXPECT_EQ(ask("steady"), "a.md:1: steady line");
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        folder_.write(std::to_string(t) + ".md", "changing " + std::to_string(i) + "\n");
        EXPECT_EQ(
            shown(start(*dispatcher_, "search", {{"query", "steady"}}, std::to_string(t)).get()),
            "a.md:1: steady line");
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Search, AnEmptyFolderHasNoMatchAndAMissingOneDoesNotOpen) {
  EXPECT_EQ(ask("anything"), "no match");
  tools::Toolbox toolbox;
  for (const char* config :
       {R"({"root": "/no/such/folder"})", R"({})", R"({"root": 5})", R"({"root": "/", "typo": 1})"})
    EXPECT_FALSE(load(shipped("search"), toolbox, config)) << config;
}

}  // namespace
}  // namespace praxis::plugins
