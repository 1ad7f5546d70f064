#include "memory/codec.h"

namespace praxis::memory {

std::vector<std::byte> encode_ids(std::span<const std::int32_t> ids) {
  std::vector<std::byte> bytes;
  bytes.reserve(ids.size() * 4);
  for (const std::int32_t id : ids)
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::byte>(static_cast<std::uint32_t>(id) >> shift));
  return bytes;
}

std::optional<std::vector<std::int32_t>> decode_ids(std::span<const std::byte> bytes) {
  if (bytes.size() % 4 != 0) return std::nullopt;
  std::vector<std::int32_t> ids;
  ids.reserve(bytes.size() / 4);
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    std::uint32_t id = 0;
    for (std::size_t i = 4; i-- > 0;) id = id << 8 | static_cast<std::uint32_t>(bytes[at + i]);
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

}  // namespace praxis::memory
