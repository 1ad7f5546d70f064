// Logits against an independent f64 reference in NumPy, and against what the shipped model's
// trainer recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "engine/engine.h"
#include "tests/engine/tiny_folder.h"

namespace praxis::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kSource = PRAXIS_SOURCE_DIR;

/// A python that has NumPy; empty when there is none. Debian's first: others often lack it.
std::string python() {
  for (const char* candidate : {"/usr/bin/python3", "python3", "python"}) {
    const std::string probe = std::string(candidate) + " -c 'import numpy' >/dev/null 2>&1";
    if (std::system(probe.c_str()) == 0) return candidate;
  }
  return {};
}

std::unique_ptr<Engine> load(const fs::path& model, unsigned threads, std::uint32_t chunk) {
  Options options;
  options.model = model;
  options.threads = threads;
  options.prefill_chunk_tokens = chunk;
  options.kv_bytes_max = 64 << 20;
  auto engine = Engine::load(options);
  if (!engine) throw std::runtime_error(engine.error().where + ": " + engine.error().what);
  return *std::move(engine);
}

struct Agreement {
  double relative_rms = 0;
  std::size_t top_differs = 0;
};

Agreement compare(const std::vector<float>& logits, const std::vector<double>& reference,
                  std::size_t vocab) {
  Agreement a;
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    difference += std::pow(logits[i] - reference[i], 2);
    size += std::pow(reference[i], 2);
  }
  a.relative_rms = std::sqrt(difference / size);
  for (std::size_t at = 0; at < logits.size(); at += vocab) {
    const auto ours =
        std::max_element(logits.begin() + at, logits.begin() + at + vocab) - logits.begin();
    const auto theirs = std::max_element(reference.begin() + at, reference.begin() + at + vocab) -
                        reference.begin();
    a.top_differs += ours != theirs;
  }
  return a;
}

class Parity : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Reference, Parity,
                         testing::Values("bare", "full", "bf16", "dense", "wide"),
                         [](const auto& i) { return std::string(i.param); });

TEST_P(Parity, LogitsAreTheReferencesForAnyChunkAndThreads) {
  const std::string py = python();
  if (py.empty())
    GTEST_SKIP() << "no python with numpy; install python3-numpy to compare with the reference";
  const tests::TempDir dir;
  const fs::path model = dir.path() / "model", expected = dir.path() / "logits.f64";
  const auto script = [&](const char* name) {
    return py + " '" + (kSource / "tests/reference" / name).string() + "' ";
  };
  ASSERT_EQ(
      std::system((script("make_tiny.py") + GetParam() + " '" + model.string() + "'").c_str()), 0);

  const auto engine = load(model, 1, 128);
  const std::size_t vocab = engine->info().vocab_size;
  std::mt19937 random(20);
  std::vector<TokenId> tokens(160);
  std::string list;
  for (TokenId& id : tokens) {
    id = static_cast<TokenId>(random() % vocab);
    if (!list.empty()) list += ',';
    list += std::to_string(id);
  }
  ASSERT_EQ(std::system((script("reference.py") + "'" + model.string() + "' --tokens " + list +
                         " --out '" + expected.string() + "'")
                            .c_str()),
            0);
  std::vector<double> reference(tokens.size() * vocab);
  std::ifstream in(expected, std::ios::binary);
  const auto bytes = static_cast<std::streamsize>(reference.size() * sizeof(double));
  ASSERT_TRUE(in.read(reinterpret_cast<char*>(reference.data()), bytes));

  const auto logits = *engine->logits(tokens);
  const Agreement a = compare(logits, reference, vocab);
  std::printf("%s: relative rms %.2e, top-1 differs at %zu of %zu\n", GetParam(), a.relative_rms,
              a.top_differs, tokens.size());
  EXPECT_LE(a.relative_rms, 2e-6);
  EXPECT_EQ(a.top_differs, 0u);
  for (const unsigned threads : {1u, 2u}) {
    for (const std::uint32_t chunk : {1u, 3u, 16u, 128u}) {
      EXPECT_TRUE(*load(model, threads, chunk)->logits(tokens) == logits)
          << threads << " threads, chunk " << chunk;
    }
  }
}

TEST(TinyR1, GivesWhatItsTrainerRecorded) {
  const fs::path model = kSource / "examples/tiny_r1/model",
                 record = kSource / "examples/tiny_r1/parity.json";
  if (!fs::exists(record) || !fs::exists(model))
    GTEST_SKIP() << "examples/tiny_r1 has no model or no parity.json";
  const json records = json::parse(std::ifstream(record));
  const auto engine = load(model, 2, 128);
  const std::size_t vocab = engine->info().vocab_size;
  ASSERT_FALSE(records.empty());
  for (const json& r : records) {
    const auto tokens = r.at("ids").get<std::vector<TokenId>>();
    const auto expected = r.at("last_logits").get<std::vector<double>>();
    ASSERT_EQ(expected.size(), vocab);
    const auto all = *engine->logits(tokens);
    const std::vector<float> last(all.end() - static_cast<std::ptrdiff_t>(vocab), all.end());
    const Agreement a = compare(last, expected, vocab);
    EXPECT_LE(a.relative_rms, 1e-4);  // the record is f32 arithmetic, rounded to 4 decimals
    EXPECT_EQ(a.top_differs, 0u);

    Request request;
    for (TokenId id : tokens) request.prefix.push_back({id, Role::prompt});
    const auto greedy = r.at("greedy_ids").get<std::vector<TokenId>>();
    request.tokens_max = static_cast<std::uint32_t>(greedy.size());
    const auto g = engine->submit(std::move(request)).wait();
    ASSERT_TRUE(g) << g.error().what;
    std::vector<TokenId> ids;
    for (const Decoded& d : g->tokens) ids.push_back(d.id);
    EXPECT_EQ(ids, greedy);
  }
}

}  // namespace
}  // namespace praxis::engine
