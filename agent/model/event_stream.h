#pragma once
// The framings in which servers send one JSON value after the other: server-sent events (WHATWG HTML,
// section 9.2.6), a value a line (NDJSON), or one document. Bytes in at any split, whole texts out.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/error.h"

namespace praxis::agent {

class EventStream {
 public:
  enum class Framing : std::uint8_t { events, lines, document };
  static constexpr std::size_t kEventBytesMax = 16 * 1024 * 1024;

  /// By a Content-Type header. What is neither events nor lines is a document.
  static Framing framing_of(std::string_view content_type);

  explicit EventStream(Framing framing) : framing_(framing) {}

  /// The texts that became whole. Comments, names, ids and empty events are left out. Fails (limit)
  /// where one is longer than kEventBytesMax.
  Result<std::vector<std::string>> push(std::string_view bytes);
  /// What was still waiting for its end: a document, a last line without a line break.
  std::vector<std::string> finish();

 private:
  void end_line();
  void end_event();

  Framing framing_;
  std::string line_;                // since the last line break
  std::string data_;                // events: of the one under way
  bool has_data_ = false, after_cr_ = false, first_line_ = true;
  std::vector<std::string> whole_;
};

}  // namespace praxis::agent
