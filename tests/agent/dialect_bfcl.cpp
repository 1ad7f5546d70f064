// The gold calls of the Berkeley function-calling leaderboard's single-turn part, written as each
// dialect writes calls: the mask admits every token of them and the parser gives them back.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/dialect/markers.h"
#include "grammar/compile.h"
#include "tests/agent/dialect_streams.h"

namespace praxis::agent::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const fs::path kArchive = fs::path(PRAXIS_SOURCE_DIR) / "../shared/data/bfcl.tar.xz";

/// Unpacked once per build folder; processes that race for it agree by rename.
fs::path unpacked() {
  const fs::path folder = fs::path(PRAXIS_BINARY_DIR) / "tests/data/bfcl";
  if (fs::exists(folder)) return folder;
  const fs::path fresh = folder.string() + "." + std::to_string(getpid());
  fs::create_directories(fresh);
  const std::string command =
      "cd '" + fresh.string() + "' && '" PRAXIS_CMAKE "' -E tar xf '" + kArchive.string() + "'";
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("cannot unpack " + kArchive.string());
  std::error_code taken;
  fs::rename(fresh, folder, taken);
  if (taken) fs::remove_all(fresh);
  return folder;
}

std::vector<Json> lines(const fs::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  return out;
}

/// The leaderboard's type names are Python's, and its `optional` is no keyword of JSON Schema.
Json json_schema(const Json& schema) {
  static const std::map<std::string, std::string> kTypes = {
      {"dict", "object"}, {"float", "number"}, {"tuple", "array"}};
  Json out = Json::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "type") {
      const auto type = kTypes.find(value.get<std::string>());
      if (value != "any") out[key] = type == kTypes.end() ? value : Json(type->second);
    } else if (key == "properties") {
      out[key] = Json::object();
      for (const auto& [name, property] : value.items()) out[key][name] = json_schema(property);
    } else if (key == "items") {
      out[key] = json_schema(value);
    } else if (key != "optional") {
      out[key] = value;
    }
  }
  return out;
}

Json gold_value(const Json& gold, const Json& schema);

/// Of a list of accepted values the first that is one; "" stands for leaving the argument out.
std::optional<Json> gold_choice(const Json& accepted, const Json& schema) {
  if (!accepted.is_array()) return gold_value(accepted, schema);
  for (const Json& gold : accepted)
    if (gold != "") return gold_value(gold, schema);
  return std::nullopt;
}

/// Arguments in the order of the schema's properties, nested choices resolved.
Json gold_value(const Json& gold, const Json& schema) {
  const std::string type = schema.value("type", "");
  if (type == "array" && gold.is_array()) {
    Json out = Json::array();
    for (const Json& item : gold)
      out.push_back(gold_value(item, schema.value("items", Json::object())));
    return out;
  }
  if (type != "object" || !gold.is_object()) return gold;
  const Json properties = schema.value("properties", Json::object());
  Json out = Json::object();
  const auto take = [&](const std::string& name, const Json& property) {
    if (const auto value = gold_choice(gold[name], property)) out[name] = *value;
  };
  for (const auto& [name, property] : properties.items())
    if (gold.contains(name)) take(name, property);
  for (const auto& [name, accepted] : gold.items())
    if (!properties.contains(name)) take(name, Json::object());
  return out;
}

/// Whether the gold call keeps to its own tool's schema: types, enums, required. Independent of the
/// grammar, for what the leaderboard uses.
bool conforms(const Json& value, const Json& schema) {
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return false;
  const std::string type = schema.value("type", "");
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") {
    const Json items = schema.value("items", Json::object());
    return value.is_array() && std::all_of(value.begin(), value.end(),
                                           [&](const Json& v) { return conforms(v, items); });
  }
  if (type != "object") return true;
  if (!value.is_object()) return false;
  for (const Json& name : schema.value("required", Json::array()))
    if (!value.contains(name.get<std::string>())) return false;
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, v] : value.items())
    if (properties.contains(name) && !conforms(v, properties[name])) return false;
  return true;
}

struct Entry {
  std::string id, question;
  std::map<std::string, Json> schemas;
  std::vector<ToolCall> calls;
  bool conforms = true;
};

std::vector<Entry> entries() {
  std::vector<Entry> out;
  const fs::path folder = unpacked() / "bfcl";
  for (const char* set : {"simple_python", "multiple", "parallel", "parallel_multiple"}) {
    std::map<std::string, Json> gold;
    for (Json& line : lines(folder / "possible_answer" / (std::string(set) + ".jsonl")))
      gold[line["id"]] = line["ground_truth"];
    for (const Json& line : lines(folder / (std::string(set) + ".jsonl"))) {
      Entry entry;
      entry.id = line["id"];
      entry.question = line["question"][0][0]["content"];
      for (const Json& tool : line["function"])
        entry.schemas[tool["name"]] = json_schema(tool["parameters"]);
      for (const Json& call : gold.at(entry.id)) {
        const std::string name = call.begin().key();
        const Json& schema = entry.schemas.at(name);
        const Json arguments = gold_value(call.begin().value(), schema);
        entry.conforms &= conforms(arguments, schema);
        entry.calls.push_back(
            {"call_" + std::to_string(entry.calls.size()), name, arguments.dump()});
      }
      out.push_back(std::move(entry));
    }
  }
  return out;
}

/// What the model would have to decode for these calls: the reply as its own prompt continues it.
Ids output(const Dialect& dialect, const Entry& entry) {
  RenderInput input;
  input.policy = ThinkPolicy::keep_all;
  input.messages.resize(1);
  input.messages[0].content = entry.question;
  const auto prompt = to_tokens(dialect.render(input), tiny_tokenizer()).value();
  Message reply;
  reply.role = SenderRole::assistant;
  reply.reasoning = "I call them.";
  reply.calls = entry.calls;
  input.messages.push_back(reply);
  input.generation_prompt = false;
  const auto all = to_tokens(dialect.render(input), tiny_tokenizer()).value();
  EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), all.begin()));
  Ids ids;
  for (std::size_t i = prompt.size(); i < all.size(); ++i) ids.push_back(all[i].id);
  return ids;
}

/// The first token that the structure does not admit, or the output's length. As a draft the output
/// is judged alike, and a rollback forgets it.
std::size_t admitted(grammar::Structure& structure, const Ids& ids) {
  const std::size_t as_draft = structure.validate(ids);
  std::vector<std::uint32_t> bits((tiny_tokenizer().size() + 31) / 32);
  std::size_t good = 0;
  for (; good < ids.size(); ++good) {
    structure.mask(bits);
    const auto id = static_cast<std::uint32_t>(ids[good]);
    if (!(bits[id / 32] >> (id % 32) & 1) || !structure.accept(ids[good])) break;
  }
  EXPECT_EQ(as_draft, good);
  structure.rollback(good / 2);
  EXPECT_EQ(structure.validate(std::span(ids).subspan(good - good / 2)), good / 2);
  for (std::size_t i = good - good / 2; i < good; ++i) EXPECT_TRUE(structure.accept(ids[i]));
  return good;
}

/// The entries whose calls can be held against a mask, and what became of the others.
struct Gold {
  struct One {
    Entry entry;
    std::vector<grammar::ToolGrammar> tools;
  };
  std::vector<One> covered;
  std::size_t calls = 0;            // of those
  std::vector<std::string> broken;  // against their own tool's schema
  std::size_t broken_calls = 0, refused_calls = 0;
  std::map<std::string, std::size_t> refusals;  // schemas, by reason
};

Gold gold(const std::shared_ptr<const grammar::Vocabulary>& vocabulary) {
  Gold out;
  for (Entry& entry : entries()) {
    if (!entry.conforms) {
      out.broken.push_back(entry.id);
      out.broken_calls += entry.calls.size();
      continue;
    }
    std::vector<grammar::ToolGrammar> tools;
    std::map<std::string, bool> compiled;
    for (const auto& [name, schema] : entry.schemas) {
      const auto grammar = grammar::compile(schema.dump(), vocabulary);
      compiled[name] = grammar.has_value();
      if (grammar) tools.push_back({name, *grammar});
      else ++out.refusals[grammar.error().what];
    }
    const auto is_covered = [&](const ToolCall& call) { return compiled[call.name]; };
    if (!std::all_of(entry.calls.begin(), entry.calls.end(), is_covered)) {
      out.refused_calls += entry.calls.size();
      continue;
    }
    out.calls += entry.calls.size();
    out.covered.push_back({std::move(entry), std::move(tools)});
  }
  return out;
}

TEST(Leaderboard, GoldCallsAreAdmittedAndComeBackEqual) {
  if (!fs::exists(kArchive))
    GTEST_SKIP() << "no " << kArchive << ": the leaderboard's gold calls lie outside the project";
  const auto vocabulary = tiny_vocabulary();
  const Gold all = gold(vocabulary);
  std::size_t tokens = 0;
  for (const auto& [entry, tools] : all.covered) {
    for (const std::string& name : dialect_names())
      for (const bool thinking : {true, false}) {
        const auto dialect = dialect_named(name);
        Ids ids = output(*dialect, entry);
        // Without thinking the output is what comes after it.
        if (!thinking)
          ids.erase(ids.begin(),
                    std::find(ids.begin(), ids.end(), tiny_tokenizer().control(marker::kCalls)));
        tokens += ids.size();
        StructureInput input;
        input.tools = tools;
        input.choice = grammar::ToolChoice::required;
        input.thinking = thinking;
        input.tokens_max = 16384;
        input.calls_max = static_cast<std::uint32_t>(entry.calls.size());
        auto structure = grammar::Structure::create(dialect->structure(input), vocabulary);
        ASSERT_TRUE(structure.has_value())
            << entry.id << " " << structure.error().where << ": " << structure.error().what;
        const std::size_t good = admitted(*structure, ids);
        EXPECT_EQ(good, ids.size())
            << entry.id << ", " << name << ": not admitted after\n"
            << tiny_tokenizer().decode(
                   Ids(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(good)));
        EXPECT_TRUE(structure->finished()) << entry.id;

        std::vector<ParsedDelta> expected;
        if (thinking) expected.push_back(reasoning("I call them."));
        for (std::uint32_t i = 0; i < entry.calls.size(); ++i) {
          expected.push_back(call_name(i, entry.calls[i].name));
          expected.push_back(call_arguments(i, entry.calls[i].arguments));
          expected.push_back(call_end(i));
        }
        EXPECT_EQ(parse(*dialect, thinking, ids), expected) << entry.id << ", " << name;
      }
  }
  // Gold calls that break their own tool's schema (a boolean for a string, null for a number).
  EXPECT_EQ(all.broken, (std::vector<std::string>{"simple_python_307", "parallel_152",
                                                  "parallel_multiple_21", "parallel_multiple_94"}));
  EXPECT_GT(all.covered.size(), 900u);
  std::cout << "covered " << all.covered.size() << " entries with " << all.calls
            << " calls; left out: " << all.refused_calls << " calls of refused schemas, "
            << all.broken_calls << " calls beside gold that breaks its own schema; " << tokens
            << " tokens under the mask\n";
  for (const auto& [what, count] : all.refusals)
    std::cout << "  " << count << " schemas refused: " << what << '\n';
}

// No dialect of ours writes them so, but other families' do: text opens each call, text is around.
TEST(Leaderboard, GoldCallsInTagsOfTextAreAdmitted) {
  if (!fs::exists(kArchive))
    GTEST_SKIP() << "no " << kArchive << ": the leaderboard's gold calls lie outside the project";
  const auto vocabulary = tiny_vocabulary();
  for (const auto& [entry, tools] : gold(vocabulary).covered) {
    grammar::StructureSpec spec;
    spec.format.open = {std::string("<tool_call>"), std::string("\n")};
    spec.format.before_name = {std::string("{\"name\": \"")};
    spec.format.before_arguments = {std::string("\", \"arguments\": ")};
    spec.format.after_arguments = {std::string("}\n")};
    spec.format.close = {std::string("</tool_call>")};
    spec.format.block_per_call = spec.format.text_after = true;
    spec.tools = tools;
    spec.calls_max = static_cast<std::uint32_t>(entry.calls.size());
    spec.tokens_max = 16384;
    spec.end = tiny_tokenizer().control(marker::kEnd).value();
    auto structure = grammar::Structure::create(spec, vocabulary);
    ASSERT_TRUE(structure.has_value()) << entry.id << ": " << structure.error().what;
    std::string text = "I call <tool> after <tool_call";
    for (const ToolCall& call : entry.calls)
      text += "\n<tool_call>\n{\"name\": \"" + call.name + "\", \"arguments\": " + call.arguments +
              "}\n</tool_call>";
    Ids ids = tiny_tokenizer().encode_text(text + " Done.");
    ids.push_back(spec.end);
    EXPECT_EQ(admitted(*structure, ids), ids.size()) << entry.id << "\n" << text;
    EXPECT_TRUE(structure->finished()) << entry.id;
  }
}

}  // namespace
}  // namespace praxis::agent::testing
