#pragma once
// The bytes of a fuzz input as choices, so that every input means something and small changes of
// the input are small changes of what is made of it.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

namespace praxis::fuzz {

/// Ends the run and says what was found. `what`: the promise that does not hold.
inline void demand(bool holds, const char* what, const std::string& about = "") {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n%s\n", what, about.c_str());
  std::abort();
}

class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}

  /// 0 once all bytes are used: what is made of an input must end there.
  std::uint32_t below(std::uint32_t n) { return data_ == end_ ? 0 : *data_++ % n; }
  bool flag() { return below(2) == 1; }
  const char* of(std::initializer_list<const char*> texts) {
    return texts.begin()[below(static_cast<std::uint32_t>(texts.size()))];
  }
  bool used_up() const { return data_ == end_; }
  std::string rest() {
    const std::string text(reinterpret_cast<const char*>(data_),
                           static_cast<std::size_t>(end_ - data_));
    data_ = end_;
    return text;
  }

 private:
  const std::uint8_t* data_;
  const std::uint8_t* end_;
};

}  // namespace praxis::fuzz
