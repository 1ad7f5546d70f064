#pragma once
// Reading JSON from files nobody vouches for: nlohmann's SAX parser (it does not recurse) with the
// depth bounded, no exceptions, and errors that name the file and the byte.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "engine/error.h"

namespace praxis::engine {

/// What a reader makes of a document's events. Each returns false after refuse(), which ends the
/// reading. The defaults refuse, so a reader overrides what its format allows.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;

  virtual bool on_object() { return refuse("an object does not belong here"); }
  virtual bool on_object_end() { return true; }
  virtual bool on_array() { return refuse("an array does not belong here"); }
  virtual bool on_array_end() { return true; }
  virtual bool on_key(std::string&) { return refuse("a key does not belong here"); }
  virtual bool on_string(std::string&) { return refuse("a string does not belong here"); }
  virtual bool on_unsigned(std::uint64_t) { return refuse("a number does not belong here"); }
  virtual bool on_bool(bool) { return refuse("a boolean does not belong here"); }
  virtual bool on_null() { return refuse("null does not belong here"); }
  /// A number below zero, with a fraction or exponent, or past 64 bits, as written.
  virtual bool on_other_number(const std::string& written) {
    return refuse("the number " + written.substr(0, 40) + " does not belong here");
  }

  bool refuse(std::string what, ErrorCode code = ErrorCode::bad_file) {
    refused_ = Error{code, std::move(what), {}};
    return false;
  }
  const Error& refused() const { return refused_; }
  /// Bytes of the document read so far: just past the event being handled.
  std::size_t position() const { return position_; }

 private:
  friend class JsonSource;
  Error refused_{ErrorCode::bad_file, {}, {}};
  std::size_t position_ = 0;
};

/// A name out of a file as an error message shows it: cut, and with nothing a terminal would obey.
inline std::string shown(std::string_view name) {
  constexpr std::size_t kBytesMax = 120;
  std::string out;
  for (char c : name.substr(0, kBytesMax)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  if (name.size() > kBytesMax) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
    out += "…";
  }
  return out;
}

class JsonSource final : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonSource(JsonEvents& events, std::size_t depth_max) : events_(events), depth_max_(depth_max) {}

  /// Reads all of `text`. `first_byte` is where it begins in the file, for the offsets in errors.
  Result<void> read(std::string_view text, std::string_view where, std::uint64_t first_byte = 0) {
    const char* begin = text.data();
    if (nlohmann::json::sax_parse(Cursor{begin, begin, this}, Cursor{begin + text.size()}, this)) {
      return {};
    }
    Error error = events_.refused_;
    error.what = "at byte " + std::to_string(first_byte + events_.position_) + ": " + error.what;
    error.where = where;
    return tl::unexpected(std::move(error));
  }

  bool null() override { return events_.on_null(); }
  bool boolean(bool value) override { return events_.on_bool(value); }
  bool number_integer(number_integer_t value) override {
    return events_.on_other_number(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override { return events_.on_unsigned(value); }
  bool number_float(number_float_t, const string_t& written) override {
    return events_.on_other_number(written);
  }
  bool string(string_t& value) override { return events_.on_string(value); }
  bool binary(binary_t&) override { return events_.refuse("binary data does not belong here"); }
  bool start_object(std::size_t) override { return deeper() && events_.on_object(); }
  bool key(string_t& value) override { return events_.on_key(value); }
  bool end_object() override { return --depth_, events_.on_object_end(); }
  bool start_array(std::size_t) override { return deeper() && events_.on_array(); }
  bool end_array() override { return --depth_, events_.on_array_end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) override {
    // The library's sentence after its own prefix "[json.exception.parse_error.101] ".
    std::string_view what = e.what();
    const auto prefix_end = what.find("] ");
    if (prefix_end != std::string_view::npos) what.remove_prefix(prefix_end + 2);
    return events_.refuse("not valid JSON: " + shown(what));
  }

 private:
  /// Hands the parser characters and keeps the position; the parser reads at most one ahead.
  struct Cursor {
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;
    const char* at = nullptr;
    const char* begin = nullptr;
    JsonSource* source = nullptr;

    reference operator*() const { return *at; }
    Cursor& operator++() {
      ++at;
      source->events_.position_ = static_cast<std::size_t>(at - begin);
      return *this;
    }
    Cursor operator++(int) { return ++*this; }
    bool operator==(const Cursor& other) const { return at == other.at; }
    bool operator!=(const Cursor& other) const { return at != other.at; }
  };

  bool deeper() {
    if (++depth_ <= depth_max_) return true;
    return events_.refuse("nests " + std::to_string(depth_) + " deep; the limit is " +
                          std::to_string(depth_max_));
  }

  JsonEvents& events_;
  std::size_t depth_max_;
  std::size_t depth_ = 0;
};

}  // namespace praxis::engine
