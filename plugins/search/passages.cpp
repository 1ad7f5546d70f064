#include <algorithm>
#include <set>

#include "plugins/search/index.h"

namespace praxis::plugins::search {
namespace {

constexpr std::size_t kPassageBytesMax = 1000;
constexpr std::size_t kBrokenLineBytesMin = 60;  // shorter lines were ended by their writer
constexpr std::size_t kQueryWordsMax = 64;       // the bits of `matched`

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r\f\v");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r\f\v") - first + 1);
}

/// The line before was long and ended inside a sentence, and this one begins in lower case.
bool goes_on(std::string_view before, std::string_view line) {
  if (before.size() < kBrokenLineBytesMin || line[0] < 'a' || line[0] > 'z') return false;
  constexpr std::string_view ends = ".!?:;|";
  return ends.find(before.back()) == ends.npos;
}

/// Where to cut a text that is too long: after a sentence, else at a space, else between
/// characters.
std::size_t cut(std::string_view text) {
  if (text.size() <= kPassageBytesMax) return text.size();
  const std::string_view head = text.substr(0, kPassageBytesMax);
  std::size_t end = head.npos;
  for (std::string_view mark : {". ", "! ", "? "})
    if (const std::size_t at = head.rfind(mark); at != head.npos)
      end = end == head.npos ? at + 1 : std::max(end, at + 1);
  if (end != head.npos && end > kPassageBytesMax / 4) return end;
  if (const std::size_t space = head.rfind(' '); space != head.npos && space > 0) return space;
  end = kPassageBytesMax;
  while (end > 1 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

}  // namespace

std::vector<Passage> passages_of(const std::string& file, std::string_view text) {
  std::vector<Passage> passages;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string_view before;  // the line before, when it may go on
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) {
      before = {};
      continue;
    }
    if (!before.empty() && goes_on(before, line) &&
        passages.back().text.size() + 1 + line.size() <= kPassageBytesMax) {
      passages.back().text.append(1, ' ').append(line);
      before = line;
      continue;
    }
    before = line;
    while (!line.empty()) {
      const std::size_t size = cut(line);
      Passage passage;
      passage.file = file;
      passage.line = number;
      passage.text = line.substr(0, size);
      passages.push_back(std::move(passage));
      line = trimmed(line.substr(size));
    }
  }
  return passages;
}

std::vector<std::string> words_of(std::string_view query) {
  // ASCII letters and digits and everything beyond ASCII make words; the index's own tokenizer
  // decides the rest. Quotes, stars and parentheses never reach FTS5.
  const auto in_word = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::vector<std::string> words;
  std::set<std::string> seen;
  for (std::size_t at = 0; at < query.size() && words.size() < kQueryWordsMax;) {
    std::size_t end = at;
    std::string lower;
    for (; end < query.size() && in_word(query[end]); ++end)
      lower +=
          query[end] >= 'A' && query[end] <= 'Z' ? static_cast<char>(query[end] + 32) : query[end];
    if (end > at && seen.insert(lower).second) words.push_back(std::move(lower));
    at = end + 1;
  }
  return words;
}

}  // namespace praxis::plugins::search
