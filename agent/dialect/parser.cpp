#include "agent/dialect/parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace praxis::agent {

namespace {

constexpr std::string_view kFence = "```";
constexpr std::string_view kLabel = "json";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view skip_space(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  return s;
}

std::string_view drop_trailing_space(std::string_view s) {
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

/// Bytes at the end of `s` that may belong to a closing fence: white space, at most three
/// backticks, white space.
std::size_t fence_tail(std::string_view s) {
  std::string_view head = drop_trailing_space(s);
  for (std::size_t ticks = 0; ticks < kFence.size() && !head.empty() && head.back() == '`'; ++ticks)
    head.remove_suffix(1);
  return s.size() - drop_trailing_space(head).size();
}

}  // namespace

R1Parser::R1Parser(const engine::Tokenizer& tokenizer, const Markers& markers, Start start)
    : tokenizer_(tokenizer),
      markers_(markers),
      state_(start == Start::reasoning ? State::reasoning : State::text) {}

std::vector<ParsedDelta> R1Parser::push(engine::TokenId id) {
  if (tokenizer_.is_control(id)) {
    on_text(utf8_.finish());
    on_marker(id);
  } else {
    on_text(utf8_.push(tokenizer_.bytes(id)));
  }
  return std::exchange(out_, {});
}

std::vector<ParsedDelta> R1Parser::finish() {
  on_text(utf8_.finish());
  end();
  return std::exchange(out_, {});
}

void R1Parser::on_marker(engine::TokenId id) {
  const std::string_view spelling = tokenizer_.bytes(id);
  if (id == markers_.end) end();
  else if (id == markers_.think) open_reasoning(spelling);
  else if (id == markers_.think_end) close_reasoning(spelling);
  else if (id == markers_.calls) open_calls(spelling);
  else if (id == markers_.calls_end) close_calls(spelling);
  else if (id == markers_.call) open_call(spelling);
  else if (id == markers_.call_end) close_call(spelling);
  else if (id == markers_.separator) separate(spelling);
  else other(spelling);
}

void R1Parser::on_text(std::string_view text) {
  if (text.empty()) return;
  switch (state_) {
    case State::reasoning:
      return read_reasoning(text);
    case State::text:
      return read_text(text);
    case State::between:
      return read_between(text);
    case State::type:
      return read_type(text);
    case State::name:
      return read_name(text);
    case State::fence:
      return read_fence(text);
    case State::label:
      return read_label(text);
    case State::body:
      return read_body(text);
    case State::arguments:
      return read_arguments(text);
  }
}

void R1Parser::open_reasoning(std::string_view spelling) {
  if (in_call()) return on_text(spelling);
  leave_block();
  if (state_ == State::reasoning) {
    // The prompt opened the thinking and the model did so again; later it can only be a quotation.
    if (!fresh_) on_text(spelling);
    return;
  }
  state_ = State::reasoning;
  fresh_ = true;
}

void R1Parser::close_reasoning(std::string_view spelling) {
  if (in_call()) return on_text(spelling);
  leave_block();
  if (state_ != State::reasoning && !unclosed_) return on_text(spelling);
  newlines_.clear();
  unclosed_ = false;
  trim_text_ = true;
  state_ = State::text;
}

void R1Parser::open_calls(std::string_view spelling) {
  if (in_call()) break_off();
  give_up();
  if (state_ != State::between) resume_ = state_;
  state_ = State::between;
  head_ = std::exchange(gap_, {});
  head_ += spelling;
}

void R1Parser::close_calls(std::string_view spelling) {
  if (in_call()) break_off();
  give_up();
  if (state_ != State::between) return on_text(spelling);
  leave_block();
}

void R1Parser::open_call(std::string_view spelling) {
  if (in_call()) break_off();
  if (in_head()) give_up();
  if (state_ != State::between) resume_ = state_;
  head_ += std::exchange(gap_, {});
  head_ += spelling;
  piece_.clear();
  state_ = State::type;
}

void R1Parser::close_call(std::string_view spelling) {
  if (in_call()) return end_call();
  give_up();
  on_text(spelling);
}

void R1Parser::separate(std::string_view spelling) {
  if (state_ != State::type) return other(spelling);
  head_ += spelling;
  piece_.clear();
  state_ = State::name;
}

void R1Parser::other(std::string_view spelling) {
  if (!in_call()) give_up();
  on_text(spelling);
}

void R1Parser::end() {
  if (in_call()) break_off();
  leave_block();
  newlines_.clear();
  state_ = State::text;
}

void R1Parser::read_reasoning(std::string_view text) {
  if (fresh_) {
    text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
    if (text.empty()) return;
    fresh_ = false;
  }
  const std::size_t end = text.find_last_not_of('\n') + 1;
  if (end > 0) {
    emit(ParsedDelta::Kind::reasoning, newlines_);
    newlines_.clear();
    emit(ParsedDelta::Kind::reasoning, text.substr(0, end));
  }
  newlines_ += text.substr(end);
}

void R1Parser::read_text(std::string_view text) {
  if (trim_text_) {
    text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
    if (text.empty()) return;
    trim_text_ = false;
  }
  emit(ParsedDelta::Kind::text, text);
}

void R1Parser::read_between(std::string_view text) {
  gap_ += text;
  if (skip_space(text).empty()) return;
  if (!head_.empty()) return give_up();
  state_ = State::text;
  on_text(std::exchange(gap_, {}));
}

void R1Parser::read_type(std::string_view text) {
  head_ += text;
  piece_ += text;
  if (piece_.size() > kTypeBytesMax) give_up();
}

void R1Parser::read_name(std::string_view text) {
  head_ += text;
  piece_ += text;
  const std::string_view begun = skip_space(piece_);
  const std::size_t end = begun.find_first_of("\n`{");
  const std::string name(drop_trailing_space(begun.substr(0, end)));
  if (name.size() > kNameBytesMax || (end != std::string_view::npos && name.empty()))
    return give_up();
  if (end == std::string_view::npos) return;

  const std::string rest(begun.substr(end));
  if (resume_ == State::reasoning) unclosed_ = true;
  resume_ = State::text;
  newlines_.clear();
  head_.clear();
  arguments_.clear();
  tail_.clear();
  ++calls_;
  emit(ParsedDelta::Kind::call_name, name);
  piece_.clear();
  state_ = State::fence;
  read_fence(rest);
}

void R1Parser::read_fence(std::string_view text) {
  piece_ += text;
  const std::string rest(skip_space(piece_));
  piece_ = rest;
  if (kFence.starts_with(rest) && rest.size() < kFence.size()) return;
  piece_.clear();
  state_ = State::label;
  read_label(rest.starts_with(kFence) ? std::string_view(rest).substr(kFence.size()) : rest);
}

void R1Parser::read_label(std::string_view text) {
  piece_ += text;
  const std::string rest(skip_space(piece_));
  piece_ = rest;
  if (kLabel.starts_with(rest) && rest.size() < kLabel.size()) return;
  piece_.clear();
  state_ = State::body;
  read_body(rest.starts_with(kLabel) ? std::string_view(rest).substr(kLabel.size()) : rest);
}

void R1Parser::read_body(std::string_view text) {
  text = skip_space(text);
  if (text.empty()) return;
  state_ = State::arguments;
  read_arguments(text);
}

void R1Parser::read_arguments(std::string_view text) {
  tail_ += text;
  const std::size_t safe = tail_.size() - fence_tail(tail_);
  emit(ParsedDelta::Kind::call_arguments, std::string_view(tail_).substr(0, safe));
  arguments_.append(tail_, 0, safe);
  tail_.erase(0, safe);
}

void R1Parser::leave_block() {
  give_up();
  if (state_ != State::between) return;
  gap_.clear();
  state_ = State::text;
}

void R1Parser::give_up() {
  if (head_.empty()) return;
  const std::string text = std::exchange(head_, {}) + std::exchange(gap_, {});
  piece_.clear();
  state_ = resume_;
  on_text(text);
}

void R1Parser::flush_arguments() {
  if (state_ == State::fence || state_ == State::label) tail_ = piece_;
  piece_.clear();
  const std::string_view tail = tail_;
  const std::string_view rest =
      tail.find(kFence) == tail.npos ? drop_trailing_space(tail) : std::string_view();
  emit(ParsedDelta::Kind::call_arguments, rest);
  arguments_ += rest;
  tail_.clear();
}

void R1Parser::end_call() {
  flush_arguments();
  emit(ParsedDelta::Kind::call_end, {});
  state_ = State::between;
}

void R1Parser::break_off() {
  flush_arguments();
  if (arguments_.starts_with('{') && nlohmann::json::accept(arguments_))
    emit(ParsedDelta::Kind::call_end, {});
  state_ = State::between;
}

void R1Parser::emit(ParsedDelta::Kind kind, std::string_view text) {
  if (text.empty() && kind != ParsedDelta::Kind::call_end) return;
  const bool of_call = kind != ParsedDelta::Kind::reasoning && kind != ParsedDelta::Kind::text;
  ParsedDelta delta;
  delta.kind = kind;
  delta.text = text;
  delta.call = of_call ? calls_ - 1 : 0;
  const bool joins = !out_.empty() && kind != ParsedDelta::Kind::call_name &&
                     out_.back().kind == kind && kind != ParsedDelta::Kind::call_end &&
                     out_.back().call == delta.call;
  if (joins) out_.back().text += text;
  else out_.push_back(std::move(delta));
}

}  // namespace praxis::agent
