// What a request costs that knows one tool more than the last one: the new tool's schema is compiled,
// those of the others are at hand, and the structure of all of them is made.
//   bench_tools [--vocab FILE] [Google Benchmark's options]
// FILE: a real vocabulary in the form of the mask bench's (V count, then id flag hex for each token);
// without it, 100,000 made-up words.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <unordered_set>

#include "grammar/structure.h"

namespace {

using namespace praxis::grammar;

constexpr TokenId kEnd = 256, kCallsOpen = 257, kCallsClose = 258, kCallOpen = 259, kCallClose = 260, kName = 261;
constexpr std::size_t kControls = 6, kWords = 100'000;

std::vector<TokenId> encode_bytes(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<std::uint8_t>(c));
  return ids;
}

/// Bytes, controls, then words of a few letters, as likely as in no language.
std::vector<std::string> made_up() {
  std::vector<std::string> bytes(256 + kControls);
  for (std::size_t b = 0; b < 256; ++b) bytes[b] = std::string(1, static_cast<char>(b));
  std::mt19937 random(1);
  const std::string_view first = "  etaoinshrdlu_-\"{[(<\n", inside = "etaoinshrdlucmfwypvbgkqjxz", last = "\":,.}])_ \n";
  std::unordered_set<std::string> known;
  while (known.size() < kWords) {
    std::string word(1, first[random() % first.size()]);
    for (std::size_t i = 1 + random() % 8; i > 0; --i) word += inside[random() % inside.size()];
    if (random() % 6 == 0) word += last[random() % last.size()];
    if (known.insert(word).second) bytes.push_back(std::move(word));
  }
  return bytes;
}

/// The same ids for bytes and controls, and the file's longer tokens behind them.
std::vector<std::string> read_from(const std::string& path) {
  std::vector<std::string> bytes = made_up();
  bytes.resize(256 + kControls);
  std::ifstream in(path);
  std::string tag, hex;
  std::size_t count = 0, id = 0;
  int control = 0;
  if (!(in >> tag >> count) || tag != "V") {
    std::fprintf(stderr, "%s is no vocabulary\n", path.c_str());
    std::exit(2);
  }
  while (in >> id >> control >> hex) {
    if (control || hex.size() < 4) continue;
    std::string& token = bytes.emplace_back();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      token += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string vocabulary_file;

const std::shared_ptr<const Vocabulary>& vocabulary() {
  static const auto known = std::make_shared<const Vocabulary>(
      vocabulary_file.empty() ? made_up() : read_from(vocabulary_file), encode_bytes);
  return known;
}

/// About 650 bytes, as tools have; no two are alike.
std::string schema_of(int tool) {
  const std::string n = std::to_string(tool);
  return R"({"type":"object","description":"What the tool numbered )" + n + R"( needs to know.","properties":{
    "query_)" + n + R"(":{"type":"string","description":"What is looked for, in words","minLength":1,"maxLength":200},
    "unit":{"enum":["celsius","fahrenheit","kelvin)" + n + R"("],"description":"Of the answer"},
    "limit":{"type":"integer","minimum":1,"maximum":)" + std::to_string(100 + tool) + R"(},
    "since":{"type":"string","format":"date"},
    "tags":{"type":"array","items":{"type":"string","pattern":"^[a-z][a-z0-9_-]{0,30}$"},"maxItems":8},
    "where":{"type":"object","properties":{"city":{"type":"string"},"zip_)" + n + R"(":{"type":"string","pattern":"^[0-9]{5}$"}},
             "required":["city"],"additionalProperties":false}},
    "required":["query_)" + n + R"(","unit"],"additionalProperties":false})";
}

std::shared_ptr<const Grammar> compiled(int tool) {
  CompileOptions options;
  options.strict = true;
  auto made = compile(schema_of(tool), vocabulary(), options);
  if (!made) std::fprintf(stderr, "%s: %s\n", made.error().where.c_str(), made.error().what.c_str()), std::exit(1);
  return *made;
}

/// As R1 writes calls, between controls; or, `in_text`, as others do, between texts.
StructureSpec spec_of(std::vector<ToolGrammar> tools, bool in_text) {
  StructureSpec spec;
  spec.tools = std::move(tools);
  spec.end = kEnd;
  if (in_text) {
    spec.format.open = {std::string("<tool_call>\n")};
    spec.format.before_name = {std::string(R"({"name": ")")};
    spec.format.before_arguments = {std::string(R"(", "arguments": )")};
    spec.format.after_arguments = {std::string("}\n</tool_call>")};
    spec.format.block_per_call = true;
  } else {
    spec.format.open = {kCallsOpen};
    spec.format.before_name = {kCallOpen, std::string("function"), kName};
    spec.format.before_arguments = {std::string("\n```json\n")};
    spec.format.after_arguments = {std::string("\n```"), kCallClose};
    spec.format.separator = {std::string("\n")};
    spec.format.close = {kCallsClose};
  }
  return spec;
}

/// A call of the last tool, to where its arguments begin.
Structure structure_of(const std::vector<ToolGrammar>& tools, bool in_text) {
  auto made = Structure::create(spec_of(tools, in_text), vocabulary());
  if (!made) std::fprintf(stderr, "%s\n", made.error().what.c_str()), std::exit(1);
  return std::move(*made);
}

/// arguments: tools that were known before; calls in text? Reports ms of the whole.
void one_tool_more(benchmark::State& state) {
  const auto known = static_cast<int>(state.range(0));
  const bool in_text = state.range(1) != 0;
  std::vector<ToolGrammar> tools;
  for (int i = 0; i < known; ++i) tools.push_back({"tool_" + std::to_string(i), compiled(i)});
  structure_of(tools, in_text);
  int next = known;
  for (auto _ : state) {
    state.PauseTiming();
    auto all = tools;
    const int tool = next++;
    const std::string name = "tool_" + std::to_string(tool);
    state.ResumeTiming();
    all.push_back({name, compiled(tool)});
    benchmark::DoNotOptimize(structure_of(all, in_text));
    state.PauseTiming();
    all.clear();
    state.ResumeTiming();
  }
}
BENCHMARK(one_tool_more)->ArgNames({"known", "in_text"})->ArgsProduct({{0, 127, 511}, {0, 1}})->Unit(benchmark::kMillisecond);

/// The baseline: the new tool's schema alone.
void compile_one(benchmark::State& state) {
  int next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(compiled(next++));
}
BENCHMARK(compile_one)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "--vocab") == 0) {
    vocabulary_file = argv[2];
    argv[2] = argv[0];
    argv += 2, argc -= 2;
  }
  benchmark::Initialize(&argc, argv);
  vocabulary();
  benchmark::RunSpecifiedBenchmarks();
}
