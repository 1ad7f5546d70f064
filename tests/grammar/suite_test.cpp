// Two public collections of schemas with verdicts: the JSON Schema Test Suite and MaskBench's
// development half. A schema may be refused; a wrong verdict on one that compiles may not be.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support.h"
#include "test_data.h"

namespace praxis::grammar::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read(const fs::path& file) {
  std::ifstream in(file);
  return Json::parse(in, nullptr, false);
}

struct Counts {
  int schemas = 0, refused = 0, valid = 0, invalid = 0;
  int wrong_accepts = 0, wrong_rejects = 0, undecided = 0;
  int generated = 0;  // valid instances that the mask, byte by byte, also admits as written
  std::map<std::string, int> why;

  std::string report() const {
    std::ostringstream out;
    out << schemas - refused << " of " << schemas << " schemas compiled; " << valid << " valid and "
        << invalid << " invalid instances: " << wrong_rejects << " wrongly rejected, "
        << wrong_accepts << " wrongly accepted, " << undecided << " beyond a limit; " << generated
        << " of the valid ones are generated as written";
    for (const auto& [keyword, count] : why) out << "\n  refused " << count << " by " << keyword;
    return out.str();
  }
};

void judge(const Json& schema, const Json& tests, const char* verdict_key, const std::string& name,
           const CompileOptions& options, Counts& counts) {
  ++counts.schemas;
  const auto grammar = compile(schema.dump(), byte_vocabulary(), options);
  if (!grammar) {
    ++counts.refused;
    const std::string& where = grammar.error().where;
    const bool keyword = grammar.error().code == ErrorCode::unsupported &&
                         where.find_last_of('.') != std::string::npos;
    ++counts.why[keyword ? where.substr(where.find_last_of('.') + 1)
                         : grammar.error().what.substr(0, 60)];
    return;
  }
  for (const Json& test : tests) {
    const std::string text = test.at("data").dump();
    const bool expected = test.at(verdict_key).get<bool>();
    ++(expected ? counts.valid : counts.invalid);
    const auto verdict = validate(**grammar, text);
    if (!verdict) {
      ++counts.undecided;
      continue;
    }
    const bool generated = generates(*grammar, text);
    counts.generated += generated && expected;
    if (*verdict != expected || (generated && !expected)) {
      ++(expected ? counts.wrong_rejects : counts.wrong_accepts);
      ADD_FAILURE() << name << ": " << test.value("description", "") << "\n"
                    << schema.dump() << "\n"
                    << text << (expected ? " is valid" : " is invalid");
    }
  }
}

TEST(Suite, EveryGroupOfTheTestSuiteIsRefusedOrAllRight) {
  const fs::path folder = unpacked("json-schema-test-suite");
  if (folder.empty())
    GTEST_SKIP() << "the JSON Schema Test Suite is not beside the project (../shared/data)";
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "draft2020-12")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Counts counts;
  CompileOptions options;
  options.order = KeyOrder::any;
  options.formats = Formats::annotations;
  for (const fs::path& file : files) {
    if (file.string().find("optional") != std::string::npos) continue;  // formats have their own test
    for (const Json& group : read(file)) {
      judge(group.at("schema"), group.at("tests"), "valid",
            file.filename().string() + " / " + group.value("description", ""), options, counts);
    }
  }
  std::cout << counts.report() << "\n";
  EXPECT_GT(counts.schemas, 300);
  EXPECT_GT(counts.schemas - counts.refused, 340);
  EXPECT_GE(counts.generated, counts.valid * 95 / 100);
  EXPECT_EQ(counts.wrong_accepts, 0);
  EXPECT_EQ(counts.wrong_rejects, 0);
}

TEST(Suite, ASampleOfMaskBenchIsRefusedOrAllRight) {
  const fs::path folder = unpacked("maskbench-dev");
  if (folder.empty()) GTEST_SKIP() << "MaskBench is not beside the project (../shared/data)";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::mt19937 random(20261122);
  std::shuffle(files.begin(), files.end(), random);
  const char* all = std::getenv("PRAXIS_ALL_SCHEMAS");
  files.resize(std::min<std::size_t>(files.size(), all ? files.size() : 500));
  Counts counts;
  CompileOptions options;
  options.order = KeyOrder::any;
  for (const fs::path& file : files) {
    const Json entry = read(file);
    judge(entry.at("schema"), entry.value("tests", Json::array()), "valid",
          file.filename().string(), options, counts);
  }
  std::cout << counts.report() << "\n";
  EXPECT_GT(counts.schemas - counts.refused, 490);
  EXPECT_GE(counts.generated, counts.valid * 99 / 100);
  EXPECT_EQ(counts.wrong_accepts, 0);
  EXPECT_EQ(counts.wrong_rejects, 0);
}

}  // namespace
}  // namespace praxis::grammar::test
