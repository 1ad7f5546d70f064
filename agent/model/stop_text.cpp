#include "agent/model/stop_text.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace praxis::agent {

StopText::StopText(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    if (stop.empty()) continue;
    Search search{std::move(stop), {0}, 0};
    for (std::size_t i = 1; i < search.stop.size(); ++i) {
      std::uint32_t n = search.fallback[i - 1];
      while (n > 0 && search.stop[n] != search.stop[i]) n = search.fallback[n - 1];
      search.fallback.push_back(n + (search.stop[n] == search.stop[i]));
    }
    searches_.push_back(std::move(search));
  }
}

bool StopText::Search::push(char byte) {
  while (matched > 0 && stop[matched] != byte) matched = fallback[matched - 1];
  matched += stop[matched] == byte;
  return matched == stop.size();
}

std::vector<ParsedDelta> StopText::push(ParsedDelta delta) {
  std::vector<ParsedDelta> out;
  if (found_) return out;
  if (searches_.empty() || delta.kind != ParsedDelta::Kind::text) {
    out = finish();
    out.push_back(std::move(delta));
    return out;
  }
  const std::string text = delta.text;
  held_bytes_ += text.size();
  held_.push_back(std::move(delta));
  const std::size_t passed = held_bytes_ - search(text);
  release(passed, out);
  return out;
}

std::vector<ParsedDelta> StopText::finish() {
  std::vector<ParsedDelta> out;
  if (!found_) release(held_bytes_, out);
  for (Search& search : searches_) search.matched = 0;
  return out;
}

/// How many of the held bytes must stay: the longest beginning of a stop that they end with, or, where
/// a stop is whole, it and what follows it in `text`.
std::size_t StopText::search(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (Search& search : searches_)
      if (search.push(text[i]) && (!found_ || found_->size() < search.stop.size())) found_ = search.stop;
    if (found_) return found_->size() + text.size() - i - 1;
  }
  std::uint32_t longest = 0;
  for (const Search& search : searches_) longest = std::max(longest, search.matched);
  return longest;
}

/// The first `bytes` of what is held, as one delta. A token's log probability goes with its first byte.
void StopText::release(std::size_t bytes, std::vector<ParsedDelta>& out) {
  if (bytes == 0) return;
  ParsedDelta delta;
  held_bytes_ -= bytes;
  while (bytes > 0) {
    ParsedDelta& piece = held_.front();
    const std::size_t taken = std::min(bytes, piece.text.size());
    delta.text.append(piece.text, 0, taken);
    std::move(piece.logprobs.begin(), piece.logprobs.end(), std::back_inserter(delta.logprobs));
    piece.logprobs.clear();
    bytes -= taken;
    piece.text.erase(0, taken);
    if (piece.text.empty()) held_.pop_front();
  }
  out.push_back(std::move(delta));
}

}  // namespace praxis::agent
