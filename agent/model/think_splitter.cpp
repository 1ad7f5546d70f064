#include "agent/model/think_splitter.h"

#include <algorithm>
#include <utility>

#include "agent/dialect/markers.h"

namespace praxis::agent {
namespace {

void emit(ParsedDelta::Kind kind, std::string_view text, std::vector<ParsedDelta>& out) {
  if (text.empty()) return;
  ParsedDelta delta;
  delta.kind = kind;
  delta.text = text;
  out.push_back(std::move(delta));
}

/// Bytes at the end of `text` that may be the beginning of `mark`.
std::size_t begun(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n)
    if (text.substr(text.size() - n) == mark.substr(0, n)) return n;
  return 0;
}

}  // namespace

void ThinkSplitter::text(std::string_view text, std::vector<ParsedDelta>& out) {
  if (state_ == State::text) return emit_text(text, out);
  held_ += text;
  if (state_ == State::start) open(out, false);
  if (state_ == State::reasoning) close(out, false);
}

void ThinkSplitter::reasoning(std::string_view text, std::vector<ParsedDelta>& out) {
  if (text.empty()) return;
  emit_text(std::exchange(held_, {}), out);  // it was no mark: this server sends reasoning apart
  state_ = State::text;
  emit_reasoning(text, out);
  trim_text_ = true;
}

void ThinkSplitter::finish(std::vector<ParsedDelta>& out) {
  if (state_ == State::start && !held_.empty()) open(out, true);
  if (state_ == State::reasoning) close(out, true);
}

void ThinkSplitter::open(std::vector<ParsedDelta>& out, bool all) {
  const std::size_t begin = held_.find_first_not_of(" \t\r\n");
  const std::string_view rest = std::string_view(held_).substr(std::min(begin, held_.size()));
  const bool undecided = rest.size() < marker::kThink.size() && marker::kThink.substr(0, rest.size()) == rest;
  if (undecided && !all) return;
  if (rest.substr(0, marker::kThink.size()) == marker::kThink) {
    held_.erase(0, begin + marker::kThink.size());
    state_ = State::reasoning;
  } else if (opened_) {
    state_ = State::reasoning;
  } else {
    state_ = State::text;
    emit_text(std::exchange(held_, {}), out);
  }
}

void ThinkSplitter::close(std::vector<ParsedDelta>& out, bool all) {
  const std::size_t at = held_.find(marker::kThinkEnd);
  if (at == std::string::npos) {
    const std::size_t keep = all ? 0 : begun(held_, marker::kThinkEnd);
    emit_reasoning(std::string_view(held_).substr(0, held_.size() - keep), out);
    held_.erase(0, held_.size() - keep);
    return;
  }
  emit_reasoning(std::string_view(held_).substr(0, at), out);
  state_ = State::text;
  trim_text_ = true;
  emit_text(std::exchange(held_, {}).substr(at + marker::kThinkEnd.size()), out);
}

void ThinkSplitter::emit_reasoning(std::string_view text, std::vector<ParsedDelta>& out) {
  if (!thought_) text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  const std::size_t last = text.find_last_not_of("\r\n");
  if (last == std::string_view::npos) {
    if (thought_) newlines_ += text;
    return;
  }
  thought_ = true;
  emit(ParsedDelta::Kind::reasoning, std::exchange(newlines_, std::string(text.substr(last + 1))) + std::string(text.substr(0, last + 1)), out);
}

void ThinkSplitter::emit_text(std::string_view text, std::vector<ParsedDelta>& out) {
  if (trim_text_) text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  if (text.empty()) return;
  trim_text_ = false;
  emit(ParsedDelta::Kind::text, text, out);
}

}  // namespace praxis::agent
