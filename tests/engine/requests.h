#pragma once
// Requests against a small engine, for tests.

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/engine/tiny_folder.h"

namespace praxis::engine::tests {

inline constexpr std::uint32_t kVocab = 300;
inline constexpr std::uint64_t kTokenBytes = 2 * 28 * 4;  // of KV: layers, width, f32

inline const TinyFolder& folder() {
  static const TinyFolder folder;
  return folder;
}

/// Sharp attention over many layers: a last bit that differs anywhere is another token soon, so
/// equal tokens mean equal bits.
inline const TinyFolder& sharp_folder() {
  static const std::unique_ptr<TinyFolder> folder = [] {
    auto f = std::make_unique<TinyFolder>([](nlohmann::json& c) {
      c["num_hidden_layers"] = 16;
      c["first_k_dense_replace"] = 15;
      c["intermediate_size"] = 16;
    });
    for (auto& [name, tensor] : f->tensors) {
      const float gain = name.find("q_b_proj") != std::string::npos ? 100.0f
                         : name.find("o_proj") != std::string::npos ? 2.0f
                                                                    : 1.0f;
      for (float& v : tensor.values) v *= gain;
    }
    f->write_weights();
    return f;
  }();
  return *folder;
}

inline std::unique_ptr<Engine> load(const std::function<void(Options&)>& change = {}) {
  Options options;
  options.model = folder().path();
  options.threads = 2;
  options.prefill_chunk_tokens = 32;
  options.kv_bytes_max = 16 << 20;
  if (change) change(options);
  auto engine = Engine::load(options);
  if (!engine) throw std::runtime_error(engine.error().where + ": " + engine.error().what);
  return *std::move(engine);
}

inline std::unique_ptr<Engine> load_sharp(std::uint32_t chunk = 32, unsigned threads = 2) {
  return load([&](Options& o) {
    o.model = sharp_folder().path();
    o.prefill_chunk_tokens = chunk;
    o.threads = threads;
  });
}

inline std::vector<Token> prompt(std::size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<Token> out;
  for (std::size_t i = 0; i < n; ++i)
    out.push_back({static_cast<TokenId>(random() % kVocab), Role::prompt});
  return out;
}

inline Request request(std::vector<Token> prefix, std::uint32_t tokens_max = 20) {
  Request r;
  r.prefix = std::move(prefix);
  r.tokens_max = tokens_max;
  r.sampling.temperature = 1.5f;  // a wide choice, so that one changed bit shows soon
  r.sampling.seed = 9;
  return r;
}

inline Generation run(Engine& engine, Request r) {
  auto g = engine.submit(std::move(r)).wait();
  if (!g) throw std::runtime_error(g.error().where + ": " + g.error().what);
  return *std::move(g);
}

inline std::vector<TokenId> ids(const Generation& g) {
  std::vector<TokenId> out;
  for (const Decoded& d : g.tokens) out.push_back(d.id);
  return out;
}

/// The prefix of the next turn: the last one's, what came of it, and more prompt.
inline std::vector<Token> next_turn(std::vector<Token> prefix, const Generation& g,
                                    const std::vector<Token>& more = {}) {
  for (const Decoded& d : g.tokens) prefix.push_back({d.id, Role::decoded});
  prefix.insert(prefix.end(), more.begin(), more.end());
  return prefix;
}

}  // namespace praxis::engine::tests
