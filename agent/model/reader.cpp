#include "agent/model/reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace praxis::agent {

namespace {

TokenLogprob spelled(const engine::Decoded& token, const engine::Tokenizer& tokenizer) {
  TokenLogprob out{std::string(tokenizer.bytes(token.id)), token.logprobs->chosen, {}};
  for (const auto& one : token.logprobs->top) out.top.emplace_back(tokenizer.bytes(one.id), one.logprob);
  return out;
}

bool only_newlines(const TokenLogprob& token) { return token.bytes.find_first_not_of('\n') == std::string::npos; }

}  // namespace

void ReasoningCounter::push(engine::TokenId id) {
  if (id == open_) {
    inside_ = true;
  } else if (id == close_) {
    inside_ = false;
  } else {
    count_ += inside_;
  }
}

Reader::Reader(const engine::Tokenizer& tokenizer, std::unique_ptr<Parser> parser, std::vector<std::string> stops,
               ReasoningCounter reasoning)
    : tokenizer_(tokenizer), parser_(std::move(parser)), stop_(std::move(stops)), reasoning_(reasoning) {}

std::vector<ParsedDelta> Reader::push(const engine::Decoded& token) {
  if (stopped_by()) return {};
  reasoning_.push(token.id);
  const bool marker = tokenizer_.is_control(token.id);
  if (token.logprobs && !marker) unattributed_.push_back(spelled(token, tokenizer_));
  auto out = pass(parser_->push(token.id));
  // What stands before a marker and came with no delta was no text: a call's head, outer newlines.
  if (marker) unattributed_.clear();
  return out;
}

std::vector<ParsedDelta> Reader::finish() {
  if (stopped_by()) return {};
  auto out = pass(parser_->finish());
  auto rest = stop_.finish();
  std::move(rest.begin(), rest.end(), std::back_inserter(out));
  return out;
}

std::vector<ParsedDelta> Reader::pass(std::vector<ParsedDelta> deltas) {
  std::vector<ParsedDelta> out;
  for (ParsedDelta& delta : deltas) {
    attribute(delta);
    auto passed = stop_.push(std::move(delta));
    std::move(passed.begin(), passed.end(), std::back_inserter(out));
  }
  return out;
}

/// A parser leaves out nothing but the newlines before a section's text, and then all of them.
void Reader::attribute(ParsedDelta& delta) {
  const bool text = delta.kind == ParsedDelta::Kind::reasoning || delta.kind == ParsedDelta::Kind::text;
  if (text) {
    auto first = unattributed_.begin();
    if (!delta.text.starts_with('\n')) first = std::find_if_not(first, unattributed_.end(), only_newlines);
    delta.logprobs.assign(std::move_iterator(first), std::move_iterator(unattributed_.end()));
  }
  unattributed_.clear();
}

}  // namespace praxis::agent
