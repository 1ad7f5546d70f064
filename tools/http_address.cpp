// Which addresses are on the public internet.

#include <boost/asio/ip/address.hpp>

#include "tools/http_client.h"

namespace praxis::tools {
namespace {

namespace ip = boost::asio::ip;

struct Block4 {
  std::uint32_t address;
  int bits;
};
// IANA IPv4 special-purpose registry, and multicast.
constexpr Block4 kNotPublic4[] = {
    {0x00000000, 8},   // this network
    {0x0A000000, 8},   // private
    {0x64400000, 10},  // shared by carriers
    {0x7F000000, 8},   // loopback
    {0xA9FE0000, 16},  // link-local, where clouds keep their metadata
    {0xAC100000, 12},  // private
    {0xC0000000, 24},  // protocol assignments
    {0xC0000200, 24},  // documentation
    {0xC0586300, 24},  // 6to4 relays
    {0xC0A80000, 16},  // private
    {0xC6120000, 15},  // benchmarks
    {0xC6336400, 24},  // documentation
    {0xCB007100, 24},  // documentation
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, broadcast
};

bool is_public4(std::uint32_t address) {
  for (const Block4& block : kNotPublic4)
    if ((address ^ block.address) >> (32 - block.bits) == 0) return false;
  return true;
}

std::uint32_t four(const ip::address_v6::bytes_type& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

bool is_public6(const ip::address_v6::bytes_type& bytes) {
  const std::uint32_t first = four(bytes, 0), second = four(bytes, 4), third = four(bytes, 8), last = four(bytes, 12);
  const bool mapped = first == 0 && second == 0 && third == 0xFFFF;
  const bool nat64 = first == 0x0064FF9B && second == 0 && third == 0;
  if (mapped || nat64) return is_public4(last);
  if (first >> 16 == 0x2002) return is_public4(four(bytes, 2));  // 6to4
  if (first >> 29 != 1) return false;                            // only 2000::/3 is global unicast
  if (first >> 9 == 0x20010000 >> 9) return false;               // 2001::/23: Teredo, ORCHID and other protocols
  if (first == 0x20010DB8) return false;                         // documentation
  return first >> 12 != 0x3FFF0000 >> 12;                        // documentation
}

}  // namespace

bool is_public(const ip::address& address) {
  return address.is_v4() ? is_public4(address.to_v4().to_uint()) : is_public6(address.to_v6().to_bytes());
}

}  // namespace praxis::tools
