#pragma once
// A random-weight deepseek_v3 folder on disk for the length of a test, small enough to make anew.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace praxis::engine::tests {

/// A directory that is removed with it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Tensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;  // written as F32
};

class TinyFolder {
 public:
  /// `change` edits config.json before weights are drawn for it.
  explicit TinyFolder(const std::function<void(nlohmann::json&)>& change = {}, unsigned seed = 1);

  const std::filesystem::path& path() const { return dir_.path(); }
  nlohmann::json config;
  std::map<std::string, Tensor> tensors;

  /// Writes what was edited; the constructor has written once.
  void write_config() const;
  void write_weights() const;
  void write_tokenizer(unsigned control_tokens = 3) const;

 private:
  void draw_weights(unsigned seed);
  TempDir dir_;
};

}  // namespace praxis::engine::tests
