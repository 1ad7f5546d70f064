#pragma once
// Token ids as the messages table keeps them: 4 bytes each, little-endian. Inside memory/ only.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace praxis::memory {

std::vector<std::byte> encode_ids(std::span<const std::int32_t> ids);
/// Nothing when the size is no multiple of 4.
std::optional<std::vector<std::int32_t>> decode_ids(std::span<const std::byte> bytes);

}  // namespace praxis::memory
