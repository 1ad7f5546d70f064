#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

#include "engine/error.h"

namespace praxis::engine {

/// A regular file as read-only memory, until this is destroyed. Should another process shorten the
/// file meanwhile, reading what is gone ends this process by SIGBUS.
class Mapping {
 public:
  static Result<Mapping> open(const std::filesystem::path& path);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace praxis::engine
