// Answers from a table, for evaluations with invented tools.
//
// Configuration: {"file": PATH}, of a JSON file
//   {"tools": [{"spec": {"name", "description", "parameters"},
//               "table": [{"arguments": {...}, "result": "..."}, ...],
//               "fail_first": "...", "otherwise": "..."}, ...]}
// A call whose arguments equal those of a row (as JSON values: 1 is 1.0, order of keys is nothing)
// gets its result, others the text of `otherwise` or, without one, the error "not found". A result that begins with "Error: " is that error.
// fail_first: the first call of the tool fails with this text.

#include <atomic>
#include <deque>
#include <fstream>
#include <iterator>

#include "plugins/author.h"

namespace praxis::plugins {
namespace {

using Json = nlohmann::ordered_json;  // the spec's keys stay in written order

struct Row {
  nlohmann::json arguments;
  std::string result;
};

struct Tool {
  std::string name;
  std::vector<Row> rows;
  std::string fail_first, otherwise;
  std::atomic<bool> failed{false};
};

Answer shown(const std::string& result) {
  constexpr std::string_view prefix = "Error: ";
  if (result.starts_with(prefix)) return refuse(result.substr(prefix.size()));
  return result;
}

class Table final : public Plugin {
 public:
  std::deque<Tool> tools_;
  std::string list_;

  std::string_view tools() const override { return list_; }

  Answer call(const Request& request) override {
    for (Tool& tool : tools_) {
      if (tool.name != request.tool) continue;
      if (!tool.fail_first.empty() && !tool.failed.exchange(true)) {
        const Answer why = shown(tool.fail_first);
        return refuse(why ? *why : why.error());
      }
      for (const Row& row : tool.rows)
        if (row.arguments == request.arguments) return shown(row.result);
      if (!tool.otherwise.empty()) return shown(tool.otherwise);
    }
    return refuse("not found");
  }
};

Opened make(const Config& config) {
  const auto file = config.values.find("file");
  if (file == config.values.end() || !file->is_string())
    return refuse(R"(the configuration must be {"file": PATH})");
  std::ifstream stream(file->get<std::string>(), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  const Json whole = Json::parse(text, nullptr, false);
  if (!whole.is_object() || !whole.contains("tools") || !whole["tools"].is_array())
    return refuse("the file must hold {\"tools\": [...]}");
  auto table = std::make_unique<Table>();
  Json list = Json::array();
  for (const Json& entry : whole["tools"]) {
    Json spec = entry.at("spec");
    spec["effect"] = "pure";
    list.push_back(spec);
    Tool& tool = table->tools_.emplace_back();
    tool.name = spec.at("name").get<std::string>();
    tool.fail_first = entry.value("fail_first", "");
    tool.otherwise = entry.value("otherwise", "");
    for (const Json& row : entry.at("table"))
      tool.rows.push_back(
          {nlohmann::json(row.at("arguments")), row.at("result").get<std::string>()});
  }
  table->list_ = list.dump();
  return table;
}

}  // namespace
}  // namespace praxis::plugins

PRAXIS_PLUGIN(praxis::plugins::make, "table", "0.1")
