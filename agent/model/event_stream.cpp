#include "agent/model/event_stream.h"

#include <algorithm>
#include <utility>

namespace praxis::agent {

EventStream::Framing EventStream::framing_of(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::transform(type.begin(), type.end(), type.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  while (!type.empty() && type.back() == ' ') type.pop_back();
  if (type == "text/event-stream") return Framing::events;
  if (type == "application/x-ndjson" || type == "application/jsonl") return Framing::lines;
  return Framing::document;
}

Result<std::vector<std::string>> EventStream::push(std::string_view bytes) {
  const auto too_long = [&](std::size_t more) { return line_.size() + data_.size() + more > kEventBytesMax; };
  const auto refuse = [] {
    return tl::unexpected(Error{ErrorCode::limit, "one event is longer than " + std::to_string(kEventBytesMax) + " bytes (event_bytes_max)", "stream"});
  };
  if (framing_ == Framing::document) {
    if (too_long(bytes.size())) return refuse();
    line_ += bytes;
    return {};
  }
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes[0] == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    if (too_long(piece.size())) return refuse();
    line_ += piece;
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line();
  }
  return std::exchange(whole_, {});
}

std::vector<std::string> EventStream::finish() {
  if (framing_ == Framing::document) {
    if (line_.find_first_not_of(" \t\r\n") != std::string::npos) whole_.push_back(std::move(line_));
  } else {
    if (!line_.empty()) end_line();
    end_event();  // some servers end without the last empty line
  }
  line_.clear();
  return std::exchange(whole_, {});
}

void EventStream::end_line() {
  std::string line = std::exchange(line_, {});
  if (std::exchange(first_line_, false) && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
  if (framing_ == Framing::lines) {
    if (line.find_first_not_of(" \t") != std::string::npos) whole_.push_back(std::move(line));
    return;
  }
  if (line.empty()) return end_event();
  const std::size_t colon = line.find(':');
  const std::string field = line.substr(0, colon);
  // llama.cpp sent its errors in a field of that name.
  if (field != "data" && field != "error") return;
  std::string value = colon == std::string::npos ? std::string() : line.substr(colon + 1);
  if (!value.empty() && value[0] == ' ') value.erase(0, 1);
  if (std::exchange(has_data_, true)) data_ += '\n';
  data_ += value;
}

void EventStream::end_event() {
  if (std::exchange(has_data_, false) && !data_.empty()) whole_.push_back(std::move(data_));
  data_.clear();
}

}  // namespace praxis::agent
