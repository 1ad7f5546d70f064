// What a hostile schema can cost: thread CPU time and memory of compiling it, of its first mask and
// of 64 random tokens. Exit status 1 if one of them costs more than the limits. Each case has a
// process of its own, which ends when its time is up.
//   bench_hostile [--vocab FILE] [--only WORDS]
// FILE: a real vocabulary in the form of the mask bench's (V count, then id flag hex for each
// token).

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <random>

#include "grammar/matcher.h"
#include "tests/grammar/hostile_cases.h"

namespace {

std::atomic<std::size_t> bytes_held{0}, bytes_peak{0};

void* counted(void* memory) {
  if (!memory) throw std::bad_alloc();
  const std::size_t held = bytes_held += malloc_usable_size(memory);
  std::size_t peak = bytes_peak;
  while (held > peak && !bytes_peak.compare_exchange_weak(peak, held)) {
  }
  return memory;
}

void uncounted(void* memory) {
  if (!memory) return;
  bytes_held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
  const auto boundary = static_cast<std::size_t>(align);
  return counted(std::aligned_alloc(boundary, (size + boundary - 1) / boundary * boundary));
}
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }

namespace {

using namespace praxis::grammar;

constexpr double kMsMax = 250, kMibMax = 64;
constexpr int kTokens = 64;
constexpr rlim_t kCaseSeconds = 10;  // of CPU time

double cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::vector<TokenId> bytes_of(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<std::uint8_t>(c));
  return ids;
}

std::shared_ptr<const Vocabulary> read_vocabulary(const std::string& path) {
  std::vector<std::string> bytes;
  if (path.empty()) {
    for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
    return std::make_shared<const Vocabulary>(std::move(bytes), bytes_of);
  }
  std::ifstream in(path);
  std::string tag, hex;
  std::size_t count = 0, id = 0;
  int control = 0;
  if (!(in >> tag >> count) || tag != "V") {
    std::fprintf(stderr, "%s is no vocabulary\n", path.c_str());
    std::exit(2);
  }
  bytes.resize(count);
  while (in >> id >> control >> hex) {
    if (control || hex == "-" || id >= count) continue;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      bytes[id] += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return std::make_shared<const Vocabulary>(std::move(bytes), bytes_of);
}

/// Written by the process of the case as it goes on, so that what it did before its end is known.
struct Cost {
  char name[48] = "", verdict[96] = "";
  double compile_ms = 0, mask_ms = 0, step_ms = 0, walk_ms = 0;  // step: the slowest of the walk
  double compile_mib = 0, walk_mib = 0;                          // at the peak
  bool ended = false;                                            // before its time was up

  double worst_ms() const {
    return std::max({compile_ms, mask_ms, step_ms, ended ? 0 : 1e3 * kCaseSeconds});
  }
  double worst_mib() const { return std::max(compile_mib, walk_mib); }
  bool over() const { return worst_ms() > kMsMax || worst_mib() > kMibMax; }
};

template <std::size_t n>
void copy(char (&to)[n], std::string_view text) {
  to[text.copy(to, n - 1)] = 0;
}

/// Bytes at the peak since it was made.
struct Peak {
  const std::size_t before = bytes_held;
  Peak() { bytes_peak = before; }
  double mib() const { return static_cast<double>(bytes_peak - before) / (1 << 20); }
};

void walk(const std::shared_ptr<const Grammar>& grammar, const Vocabulary& vocabulary, Cost& cost) {
  std::mt19937 random(7);
  const double start = cpu_ms();
  Matcher matcher(grammar);
  std::vector<std::uint32_t> bits(vocabulary.mask_words());
  std::vector<TokenId> tokens;
  for (int step = 0; step < kTokens; ++step) {
    const double before = cpu_ms();
    matcher.mask(bits);
    const double masked = cpu_ms();
    if (step == 0) cost.mask_ms = masked - start;
    tokens.clear();
    for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.size()); ++id) {
      if (bits[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) tokens.push_back(id);
    }
    if (tokens.empty()) break;
    const double chosen = cpu_ms();
    matcher.accept(tokens[random() % tokens.size()]);
    cost.step_ms = std::max(cost.step_ms, masked - before + cpu_ms() - chosen);
  }
  cost.walk_ms = cpu_ms() - start;
}

void measure(const test::HostileCase& one, const std::shared_ptr<const Vocabulary>& vocabulary,
             Cost& cost) {
  Peak peak;
  const double start = cpu_ms();
  const auto grammar = compile(one.schema, vocabulary);
  cost.compile_ms = cpu_ms() - start;
  cost.compile_mib = peak.mib();
  copy(cost.verdict, grammar ? "compiled" : grammar.error().where + ": " + grammar.error().what);
  if (!grammar) return;
  walk(*grammar, *vocabulary, cost);
  cost.walk_mib = peak.mib();
}

Cost measure_apart(const test::HostileCase& one,
                   const std::shared_ptr<const Vocabulary>& vocabulary) {
  void* memory =
      mmap(nullptr, sizeof(Cost), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::perror("mmap"), std::exit(2);
  Cost& shared = *new (memory) Cost;
  copy(shared.name, one.name);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{kCaseSeconds, kCaseSeconds};
    setrlimit(RLIMIT_CPU, &limit);
    measure(one, vocabulary, shared);
    shared.ended = true;
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0) std::perror("fork"), std::exit(2);
  if (WIFSIGNALED(status))
    copy(shared.verdict, "ended by a signal: " + std::string(strsignal(WTERMSIG(status))));
  const Cost cost = shared;
  munmap(memory, sizeof(Cost));
  return cost;
}

void print(const Cost& c) {
  std::printf("%9.2f %8.1f %9.2f %9.2f %9.2f %8.1f  %-48s %s\n", c.compile_ms, c.compile_mib,
              c.mask_ms, c.step_ms, c.walk_ms, c.walk_mib, c.name, c.verdict);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("what hostile schemas cost");
  std::string vocabulary_file, only;
  app.add_option("--vocab", vocabulary_file, "a real vocabulary; else every byte alone");
  app.add_option("--only", only, "only cases whose name holds this");
  CLI11_PARSE(app, argc, argv);

  const auto vocabulary = read_vocabulary(vocabulary_file);
  std::printf("%9s %8s %9s %9s %9s %8s  limits: %.0f ms, %.0f MiB; %u tokens\n", "compile", "MiB",
              "mask ms", "step max", "walk ms", "MiB", kMsMax, kMibMax, vocabulary->size());
  std::vector<Cost> costs;
  for (const test::HostileGroup& group : test::hostile_groups()) {
    for (const test::HostileCase& one : group.make()) {
      if (one.name.find(only) == std::string::npos) continue;
      costs.push_back(measure_apart(one, vocabulary));
      print(costs.back());
    }
  }
  if (costs.empty()) return 2;
  const auto slower = [](const Cost& a, const Cost& b) { return a.worst_ms() < b.worst_ms(); };
  const auto larger = [](const Cost& a, const Cost& b) { return a.worst_mib() < b.worst_mib(); };
  std::printf("the slowest and the largest of %zu:\n", costs.size());
  print(*std::max_element(costs.begin(), costs.end(), slower));
  print(*std::max_element(costs.begin(), costs.end(), larger));
  const auto over =
      std::count_if(costs.begin(), costs.end(), [](const Cost& c) { return c.over(); });
  std::printf("%td over the limits\n", over);
  for (const Cost& c : costs) {
    if (c.over()) print(c);
  }
  return over > 0 ? 1 : 0;
}
