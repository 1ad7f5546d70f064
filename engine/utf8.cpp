#include "engine/utf8.h"

#include <cstdint>
#include <cstring>

#include "engine/tokenizer.h"

namespace praxis::engine {
namespace utf8 {

Front front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {Front::Kind::whole, 1};
  // Only the second byte's range depends on the lead: it shuts out overlong forms (E0, F0),
  // surrogates (ED) and what lies past U+10FFFF (F4).
  unsigned char low = 0x80, high = 0xBF;
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {Front::Kind::broken, 1};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Front::Kind::cut, i};
    if (byte(i) < low || byte(i) > high) return {Front::Kind::broken, i};
    low = 0x80, high = 0xBF;
  }
  return {Front::Kind::whole, length};
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - i >= sizeof eight) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const Front next = front(text.substr(i));
    if (next.kind != Front::Kind::whole) break;
    i += next.bytes;
  }
  return i;
}

void append_valid(std::string& out, std::string_view text) {
  while (true) {
    const std::size_t valid = valid_prefix(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) return;
    out += kReplacement;
    text.remove_prefix(front(text).bytes);
  }
}

void append(std::string& out, char32_t scalar) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (scalar >> shift & 0x3F)); };
  if (scalar < 0x80) {
    put(scalar);
  } else if (scalar < 0x800) {
    put(0xC0 | scalar >> 6), tail(0);
  } else if (scalar < 0x10000) {
    put(0xE0 | scalar >> 12), tail(6), tail(0);
  } else {
    put(0xF0 | scalar >> 18), tail(12), tail(6), tail(0);
  }
}

char32_t scalar(std::string_view character) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
  };
  const auto tail = [&](std::size_t i) { return byte(i) & 0x3F; };
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xE0) return (byte(0) & 0x1F) << 6 | tail(1);
  if (byte(0) < 0xF0) return (byte(0) & 0x0F) << 12 | tail(1) << 6 | tail(2);
  return (byte(0) & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

}  // namespace utf8

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  // Back at most three bytes stands the lead of a character that may still be completed.
  std::size_t whole = pending_.size();
  for (std::size_t back = 1; back <= 3 && back <= pending_.size(); ++back) {
    const std::size_t at = pending_.size() - back;
    if ((static_cast<unsigned char>(pending_[at]) & 0xC0) == 0x80) continue;
    if (utf8::front(std::string_view(pending_).substr(at)).kind == utf8::Front::Kind::cut) {
      whole = at;
    }
    break;
  }
  std::string out;
  utf8::append_valid(out, std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return out;
}

std::string Utf8Stream::finish() {
  std::string out;
  utf8::append_valid(out, pending_);
  pending_.clear();
  return out;
}

}  // namespace praxis::engine
