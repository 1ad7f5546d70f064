#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/plugins/plugin_bench.h"

namespace praxis::plugins {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Files : public testing::Test {
 protected:
  Scratch folder_, outside_;
  std::unique_ptr<tools::Dispatcher> dispatcher_;

  Files() {
    folder_.write("a.txt", "one\ntwo\nthree\n");
    folder_.write("sub/b.txt", "Bee one\nbee two");
    outside_.write("secret.txt", "secret\n");
  }
  std::string ask(const std::string& tool, const nlohmann::json& arguments) {
    if (!dispatcher_)
      dispatcher_ =
          std::make_unique<tools::Dispatcher>(opened(shipped("files"), {{"root", folder_.path()}}));
    return shown(call(*dispatcher_, tool, arguments));
  }
  std::string read(const std::string& path) { return ask("files_read", {{"path", path}}); }
};

TEST_F(Files, SchemasUseOnlyWhatEveryGrammarKnows) {
  read("a.txt");
  const std::set<std::string> known = {"type",    "properties", "required", "enum",
                                       "minimum", "maximum",    "minLength"};
  const std::function<void(const nlohmann::json&)> check = [&](const nlohmann::json& schema) {
    for (const auto& [key, value] : schema.items()) {
      EXPECT_TRUE(known.contains(key)) << key;
      if (key == "properties")
        for (const auto& [name, property] : value.items()) check(property);
    }
  };
  std::vector<std::string> names;
  for (const tools::ToolSpec* spec : dispatcher_->toolbox().list()) {
    names.push_back(spec->name);
    EXPECT_EQ(spec->effect, tools::Effect::pure);
    check(nlohmann::json::parse(spec->schema));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"files_list", "files_read", "files_grep"}));
}

TEST_F(Files, ListsAFolder) {
  fs::create_symlink("a.txt", folder_.path() / "link");
  ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
  const char* root = "a.txt  14 bytes\nlink  symbolic link, not followed\npipe  not a file\nsub/";
  EXPECT_EQ(ask("files_list", nlohmann::json::object()), root);
  EXPECT_EQ(ask("files_list", {{"path", "."}}), root);
  EXPECT_EQ(ask("files_list", {{"path", ""}}), root);
  EXPECT_EQ(ask("files_list", {{"path", "sub/"}}), "b.txt  15 bytes");
  EXPECT_EQ(ask("files_list", {{"path", "a.txt"}}), "Error: a.txt is not a folder");
  EXPECT_EQ(ask("files_list", {{"path", "none"}}), "Error: no such file or folder: none");
  fs::create_directory(folder_.path() / "empty");
  EXPECT_EQ(ask("files_list", {{"path", "empty"}}), "the folder is empty");
  for (int i = 0; i < 600; ++i) folder_.write("many/" + std::to_string(i), "");
  EXPECT_THAT(ask("files_list", {{"path", "many"}}), testing::EndsWith("\n... and 100 more"));
}

TEST_F(Files, ReadsAFileAsItIs) {
  EXPECT_EQ(read("a.txt"), "one\ntwo\nthree\n");
  EXPECT_EQ(read("sub/b.txt"), "Bee one\nbee two");
  EXPECT_EQ(read("sub/../a.txt"), "one\ntwo\nthree\n");  // stays beneath
  EXPECT_EQ(read("sub"), "Error: sub is a folder");
  EXPECT_EQ(read("none"), "Error: no such file or folder: none");
  folder_.write("empty", "");
  EXPECT_EQ(read("empty"), "the file is empty");
  folder_.write("latin", "caf\xE9");
  EXPECT_EQ(read("latin"), "caf\xEF\xBF\xBD");
  folder_.write("binary", std::string("a\0b", 3));
  EXPECT_EQ(read("binary"), "Error: binary is not a text file");
}

TEST_F(Files, ReadsAPartAndSaysHowToGoOn) {
  const auto part = [&](std::int64_t first, std::int64_t lines) {
    return ask("files_read", {{"path", "a.txt"}, {"first_line", first}, {"lines", lines}});
  };
  EXPECT_EQ(part(1, 1), "one\n[lines 1 to 1; the file goes on at first_line 2]");
  EXPECT_EQ(part(2, 1), "two\n[lines 2 to 2; the file goes on at first_line 3]");
  EXPECT_EQ(part(2, 2), "two\nthree\n");
  EXPECT_EQ(part(3, 2000), "three\n");
  EXPECT_EQ(part(4, 1), "Error: the file has only 3 lines");
  EXPECT_EQ(part(0, 1), "Error: first_line counts from 1");
  EXPECT_EQ(part(1, 0), "Error: lines must be 1 to 2000 (files.read_lines_max)");
  EXPECT_EQ(part(1, 2001), "Error: lines must be 1 to 2000 (files.read_lines_max)");
}

TEST_F(Files, LargeFilesAreReadInPiecesThatAddUp) {
  std::string text;
  for (int i = 1; i <= 9000; ++i) text += "line " + std::to_string(i) + " of a large file\n";
  folder_.write("large.txt", text);
  std::string sum;
  std::int64_t next = 1;
  for (int pieces = 0; next != 0 && pieces < 20; ++pieces) {
    std::string piece = ask("files_read", {{"path", "large.txt"}, {"first_line", next}});
    ASSERT_LE(piece.size(), 50'000u);
    const std::size_t note = piece.rfind("\n[lines ");
    next = 0;
    if (note != piece.npos) {
      next = std::stoll(piece.substr(piece.rfind(' ')));
      piece.resize(note + 1);
    }
    sum += piece;
  }
  EXPECT_EQ(sum, text);
  folder_.write("long", std::string(100'000, 'x') + "\nend\n");
  EXPECT_THAT(read("long"), testing::EndsWith("x\n[the rest of this line is left out]\n[lines 1 to "
                                              "1; the file goes on at first_line 2]"));
  folder_.write("huge", std::string(5'000'000, 'x'));
  EXPECT_EQ(read("huge"), "Error: huge has more than 4194304 bytes (folder.file_bytes_max)");
}

TEST_F(Files, NothingOutsideTheFolderIsReached) {
  const std::string secret = (outside_.path() / "secret.txt").string();
  const std::string up = "../" + outside_.path().filename().string() + "/secret.txt";
  fs::create_symlink(secret, folder_.path() / "absolute_link");
  fs::create_symlink(up, folder_.path() / "relative_link");
  fs::create_directory_symlink(outside_.path(), folder_.path() / "folder_link");
  fs::create_symlink("a.txt", folder_.path() / "inner_link");
  fs::create_symlink("/proc/self/root", folder_.path() / "proc_link");
  for (const std::string& path :
       {secret,
        up,
        std::string("sub/../../") + outside_.path().filename().string() + "/secret.txt",
        std::string("/etc/passwd"),
        std::string("../../../../../../etc/passwd"),
        std::string("absolute_link"),
        std::string("relative_link"),
        std::string("folder_link/secret.txt"),
        std::string("inner_link"),
        std::string("proc_link/etc/passwd"),
        std::string("/proc/self/environ"),
        std::string("/proc/self/cwd/x"),
        std::string(".."),
        std::string("sub/../.."),
        std::string("//etc/passwd"),
        std::string("./../x"),
        std::string("a.txt\0/../../x", 14),
        std::string("file:///etc/passwd"),
        std::string("~/x"),
        std::string(5000, 'a'),
        std::string(1000, '/')}) {
    for (const char* tool : {"files_read", "files_list", "files_grep"}) {
      const std::string answer = ask(tool, {{"path", path}, {"pattern", "."}});
      EXPECT_THAT(answer, StartsWith("Error: ")) << tool << " " << path;
      EXPECT_THAT(answer, Not(HasSubstr(folder_.path().string())))
          << path;  // the host's path is nobody's business
    }
  }
  EXPECT_EQ(read("absolute_link"),
            "Error: absolute_link is or passes through a symbolic link; links are not followed");
  EXPECT_EQ(read("../x"),
            "Error: ../x is outside the folder; use a path relative to it, as files are listed");
  EXPECT_EQ(ask("files_grep", {{"pattern", "secret|root:"}}), "no match");
}

TEST_F(Files, ARaceOfRenamesNeverShowsWhatIsOutside) {
  // "door" is a folder and a link to the outside in turn, as fast as the system can.
  fs::create_directory(folder_.path() / "inside");
  folder_.write("inside/secret.txt", "harmless\n");
  fs::create_directory_symlink(outside_.path(), folder_.path() / "link");
  read("a.txt");  // opens the plugin
  std::atomic<bool> over{false};
  std::thread racer([&] {
    const auto at = [&](const char* name) { return (folder_.path() / name).string(); };
    while (!over) {
      ::rename(at("inside").c_str(), at("door").c_str());
      ::rename(at("door").c_str(), at("inside").c_str());
      ::rename(at("link").c_str(), at("door").c_str());
      ::rename(at("door").c_str(), at("link").c_str());
    }
  });
  int reads = 0, refusals = 0;
  for (int i = 0; i < 1500; ++i) {
    const std::string answer = read("door/secret.txt");
    EXPECT_THAT(answer, AnyOf("harmless\n", StartsWith("Error: ")));
    EXPECT_THAT(ask("files_grep", {{"pattern", "^secret"}}), Not(HasSubstr(": secret")));
    ++(answer == "harmless\n" ? reads : refusals);
  }
  over = true;
  racer.join();
  EXPECT_GT(refusals, 0);
  EXPECT_EQ(reads + refusals, 1500);
}

TEST_F(Files, DevicesAndPipesAreNotRead) {
  ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read("pipe"), "Error: pipe is not a regular file");  // and does not hang
}

TEST_F(Files, GrepAnswersFileLineAndText) {
  const auto grep = [&](nlohmann::json arguments) { return ask("files_grep", arguments); };
  EXPECT_EQ(grep({{"pattern", "one"}}), "a.txt:1: one\nsub/b.txt:1: Bee one");
  EXPECT_EQ(grep({{"pattern", "^bee"}}), "sub/b.txt:2: bee two");
  EXPECT_EQ(grep({{"pattern", "(?i)^BEE"}, {"path", "sub"}}),
            "sub/b.txt:1: Bee one\nsub/b.txt:2: bee two");
  EXPECT_EQ(grep({{"pattern", "t(wo|hree)$"}, {"path", "a.txt"}}), "a.txt:2: two\na.txt:3: three");
  EXPECT_EQ(grep({{"pattern", "e"}, {"limit", 2}}),
            "a.txt:1: one\na.txt:3: three\n... more than 2 lines match");
  EXPECT_EQ(grep({{"pattern", "zebra"}}), "no match");
  folder_.write(".hidden/x.txt", "zebra\n");
  folder_.write("binary", std::string("zebra\0", 6));
  EXPECT_EQ(grep({{"pattern", "zebra"}}), "no match");
  folder_.write("latin.txt",
                "z\xE9"
                "bre\n" +
                    std::string(5000, 'z') + "q\n");
  EXPECT_EQ(grep({{"pattern", "bre$"}}),
            "latin.txt:1: z\xEF\xBF\xBD"
            "bre");
  EXPECT_EQ(grep({{"pattern", "q$"}}), "latin.txt:2: " + std::string(300, 'z') + "...");
}

TEST_F(Files, NoNameOfAFileCanPassForALineOfAnother) {
  folder_.write("a.txt:5: forged", "proof\n");
  folder_.write("b:7", "proof\n");
  folder_.write("at 10:30.txt", "proof\n");
  EXPECT_EQ(ask("files_grep", {{"pattern", "proof"}}), "a.txt?5: forged:1: proof\nat 10:30.txt:1: proof\nb:7:1: proof");
}

TEST_F(Files, CostlyAndBadPatternsAreRefused) {
  folder_.write("a.txt", std::string(5000, 'a') + "\n");
  const auto grep = [&](const std::string& pattern) {
    return ask("files_grep", {{"pattern", pattern}});
  };
  EXPECT_THAT(grep("(a+)+$b"), AnyOf(HasSubstr("files.match_steps_max"), "no match"));
  EXPECT_EQ(grep("(a|aa)+[bc]"),
            "Error: the pattern needs too many steps on one line (files.match_steps_max); make it "
            "simpler");
  EXPECT_EQ(grep("("), "Error: bad pattern at byte 1: missing closing parenthesis");
  EXPECT_EQ(grep(""), "Error: the pattern is empty");
  EXPECT_THAT(grep(std::string(501, 'a')), HasSubstr("files.pattern_bytes_max"));
  EXPECT_THAT(grep(std::string(100, '(') + std::string(100, ')')),
              StartsWith("Error: bad pattern at byte"));
  EXPECT_THAT(grep("((a{1,9999}){1,9999}){1,9999}"), StartsWith("Error: bad pattern at byte"));
  EXPECT_THAT(grep("\\C"), StartsWith("Error: bad pattern at byte"));
}

TEST_F(Files, HostileArgumentsAreErrors) {
  EXPECT_EQ(ask("files_read", nlohmann::json::object()), "Error: path must be a string");
  EXPECT_EQ(ask("files_read", {{"path", 5}}), "Error: path must be a string");
  EXPECT_EQ(ask("files_list", {{"path", nullptr}}), "Error: path must be a string");
  EXPECT_EQ(ask("files_read", {{"path", "a.txt"}, {"lines", "x"}}),
            "Error: lines must be a whole number");
  EXPECT_EQ(ask("files_read", {{"path", "a.txt"}, {"first_line", -9e18}}),
            "Error: first_line must be a whole number");
  EXPECT_EQ(ask("files_grep", nlohmann::json::object()), "Error: pattern must be a string");
}

TEST_F(Files, TwoFoldersAreTwoInstances) {
  tools::Toolbox toolbox;
  tools::Toolbox other;
  ASSERT_TRUE(load(shipped("files"), toolbox, nlohmann::json{{"root", folder_.path()}}.dump()));
  ASSERT_TRUE(load(shipped("files"), other, nlohmann::json{{"root", outside_.path()}}.dump()));
  tools::Dispatcher first(toolbox), second(other);
  EXPECT_EQ(shown(call(first, "files_read", {{"path", "a.txt"}})), "one\ntwo\nthree\n");
  EXPECT_EQ(shown(call(second, "files_read", {{"path", "secret.txt"}})), "secret\n");
}

}  // namespace
}  // namespace praxis::plugins
