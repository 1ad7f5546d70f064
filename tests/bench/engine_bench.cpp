// Decode, prefill and load of the shipped tiny model, and one product the size of a 7-8 B model's.
// Each is also run on plain loops in the same process; the table at the end gives the ratios.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "engine/cpu/forward.h"
#include "engine/cpu/team.h"
#include "engine/engine.h"
#include "engine/kv.h"
#include "engine/model.h"
#include "tests/bench/plain_kernels.h"

namespace {

using namespace praxis::engine;
using praxis::bench::plain_kernels;

const std::filesystem::path kModel =
    std::filesystem::path(PRAXIS_SOURCE_DIR) / "examples/tiny_r1/model";

/// The tiny model, ready to run passes at any position up to its context.
struct Tiny {
  Config config;
  Weights weights;
  std::vector<std::vector<float>> rows;
  std::vector<float*> blocks;

  static Tiny& get() {
    static Tiny tiny = [] {
      const auto text = read_config(kModel / "config.json");
      if (!text) std::fprintf(stderr, "%s\n", text.error().what.c_str()), std::exit(1);
      auto config = parse_config(*text, "config.json");
      auto weights = load_weights(kModel, *config);
      Tiny t{*std::move(config), *std::move(weights), {}, {}};
      const std::size_t blocks = (t.config.positions_max + Kv::kTokens - 1) / Kv::kTokens;
      for (std::size_t b = 0; b < blocks; ++b) {
        t.rows.emplace_back(t.config.layers * Kv::kTokens * t.config.kv_width(), 0.01f);
        t.blocks.push_back(t.rows.back().data());
      }
      return t;
    }();
    return tiny;
  }
};

std::vector<TokenId> random_ids(std::size_t n) {
  std::mt19937 random(1);
  std::vector<TokenId> ids(n);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % Tiny::get().config.vocab_size);
  return ids;
}

/// `count` tokens in one decode pass behind `depth` others.
void decode(benchmark::State& state, const cpu::Kernels& kernels, unsigned threads,
            std::uint32_t depth, std::size_t count) {
  Tiny& tiny = Tiny::get();
  cpu::Forward forward(tiny.config, tiny.weights, 128, threads, kernels);
  const auto ids = random_ids(count);
  std::vector<float> logits(tiny.config.vocab_size);
  for (auto _ : state) forward.run({ids, depth, Role::decoded, tiny.blocks}, logits);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * count));
}

void prefill(benchmark::State& state, const cpu::Kernels& kernels, unsigned threads,
             std::size_t count) {
  Tiny& tiny = Tiny::get();
  cpu::Forward forward(tiny.config, tiny.weights, 128, threads, kernels);
  const auto ids = random_ids(count);
  std::vector<float> logits(tiny.config.vocab_size);
  for (auto _ : state) {
    for (std::size_t done = 0; done < count; done += 128) {
      const std::size_t n = std::min<std::size_t>(128, count - done);
      const bool last = done + n == count;
      forward.run({std::span(ids).subspan(done, n), static_cast<std::uint32_t>(done), Role::prompt,
                   tiny.blocks},
                  last ? logits : std::span<float>());
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * count));
}

/// y = W x with a BF16 matrix far larger than the caches: bytes read a second is what counts.
void large_product(benchmark::State& state, const cpu::Kernels& kernels, unsigned threads) {
  constexpr std::size_t kRows = 18944, kColumns = 3584;
  static const std::vector<std::byte> weights(kRows * kColumns * 2, std::byte{0x3c});
  const Matrix w{weights.data(), Dtype::bf16, kRows, kColumns};
  std::vector<float> x(kColumns, 0.5f), y(kRows);
  cpu::Team team(threads);
  for (auto _ : state) {
    team.run(
        cpu::units_of(kRows), kRows * kColumns, [&](std::size_t begin, std::size_t end, unsigned) {
          kernels.product({w, x.data(), kColumns, nullptr, y.data(), kRows, 1,
                           begin * cpu::kRowsPerUnit, std::min(end * cpu::kRowsPerUnit, kRows)});
        });
    benchmark::DoNotOptimize(y.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * weights.size()));
}

void load(benchmark::State& state) {
  for (auto _ : state) {
    Options options;
    options.model = kModel;
    auto engine = Engine::load(options);
    if (!engine) state.SkipWithError(engine.error().what.c_str());
  }
}

/// The console's table, and each run's times for the ratios. Elapsed time counts what two threads
/// gain; the caller's CPU time is steadier on a busy machine.
class Ratios : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (!run.error_occurred)
        times_[run.run_name.function_name] = {run.GetAdjustedRealTime(), run.GetAdjustedCPUTime()};
    }
    ConsoleReporter::ReportRuns(runs);
  }
  void print() const {
    std::printf("\ntimes as fast as plain loops on one thread %12s %12s\n", "elapsed", "CPU");
    for (const auto& [name, time] : times_) {
      const auto plain = times_.find(name.substr(0, name.find('/')) + "/plain");
      if (plain == times_.end() || plain->first == name) continue;
      std::printf("  %-40s %12.2f %12.2f\n", name.c_str(), plain->second.elapsed / time.elapsed,
                  plain->second.cpu / time.cpu);
    }
  }

 private:
  struct Times {
    double elapsed = 0, cpu = 0;
  };
  std::map<std::string, Times> times_;
};

std::string commit() {
  std::string out;
  if (FILE* git = popen("git -C '" PRAXIS_SOURCE_DIR "' rev-parse --short HEAD 2>/dev/null", "r")) {
    for (int c; (c = std::fgetc(git)) > ' ';) out += static_cast<char>(c);
    pclose(git);
  }
  return out.empty() ? "unknown" : out;
}

}  // namespace

int main(int argc, char** argv) {
  const auto each = [](const std::string& name, auto run) {
    const auto add = [&](const std::string& variant, const cpu::Kernels& kernels,
                         unsigned threads) {
      benchmark::RegisterBenchmark((name + "/" + variant).c_str(), run, &kernels, threads)
          ->UseRealTime();
    };
    add("plain", plain_kernels, 1);
    for (const cpu::Kernels* tier : cpu::tiers()) add(tier->name, *tier, 1);
    add(std::string(cpu::best_tier().name) + "_2_threads", cpu::best_tier(), 2);
  };
  using Kernels = const cpu::Kernels*;
  each("decode_depth_64",
       [](benchmark::State& s, Kernels k, unsigned t) { decode(s, *k, t, 64, 1); });
  each("decode_depth_2048",
       [](benchmark::State& s, Kernels k, unsigned t) { decode(s, *k, t, 2048, 1); });
  each("decode_8_forced_depth_512",
       [](benchmark::State& s, Kernels k, unsigned t) { decode(s, *k, t, 512, 8); });
  each("prefill_1000", [](benchmark::State& s, Kernels k, unsigned t) { prefill(s, *k, t, 1000); });
  each("product_18944x3584_bf16",
       [](benchmark::State& s, Kernels k, unsigned t) { large_product(s, *k, t); });
  benchmark::RegisterBenchmark("load_tiny_r1", load)->Unit(benchmark::kMillisecond)->UseRealTime();
  benchmark::AddCustomContext("commit", commit());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  Ratios reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.print();
}
