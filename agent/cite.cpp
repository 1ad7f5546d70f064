#include "agent/cite.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace praxis::agent {

namespace {

constexpr std::size_t kWordsMin = 3;  // of a sentence: fewer say too little to be looked up by

/// FILE:LINE: TEXT, or nothing. The first colon that a line number and a colon follow counts.
std::optional<Passage> passage_of(std::string_view line) {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    Passage passage;
    const char* end = line.data() + line.size();
    const auto [behind, error] = std::from_chars(line.data() + colon + 1, end, passage.line);
    if (colon == 0 || line.substr(0, colon).find_first_of("[]") != std::string_view::npos ||
        error != std::errc() || end - behind < 2 || behind[0] != ':' || behind[1] != ' ')
      continue;
    passage.file = line.substr(0, colon);
    passage.text = std::string(behind + 2, end);
    return passage;
  }
  return std::nullopt;
}

std::string name_of(const Passage& passage) {
  return passage.file + ":" + std::to_string(passage.line);
}

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Words that say something, in lower case; a number is one, its sign and its fraction included.
std::set<std::string> words_of(std::string_view text) {
  static const std::set<std::string, std::less<>> kSilent = {
      "a",   "an",    "and",   "are",  "as", "at",  "be",   "been",  "by",   "for", "from", "had",
      "has", "have",  "in",    "is",   "it", "its", "of",   "on",    "or",   "our", "says", "that",
      "the", "their", "there", "this", "to", "was", "were", "which", "will", "with"};
  std::set<std::string> words;
  std::string word;
  const auto close = [&] {
    if (!word.empty() && !kSilent.contains(word)) words.insert(word);
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool goes_on = i + 1 < text.size() && letter(text[i + 1]);
    const bool point = (c == '.' || c == ',') && !word.empty() && goes_on;
    const bool sign = c == '-' && (i == 0 || text[i - 1] == ' ') && goes_on;
    if (letter(c) || point || sign) word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c;
    else close();
  }
  close();
  return words;
}

/// A text's sentences: they end at . ! ? before white space, behind the citations that follow, and
/// at line breaks.
std::vector<std::string_view> sentences_of(std::string_view text) {
  std::vector<std::string_view> sentences;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool stop = std::string_view(".!?]").find(text[i]) != std::string_view::npos;
    const bool blank = i + 1 == text.size() ||
                       std::string_view(" \t\n").find(text[i + 1]) != std::string_view::npos;
    const bool cited = i + 2 < text.size() && text[i + 1] == ' ' && text[i + 2] == '[';
    if (text[i] != '\n' && !(stop && blank && !cited)) continue;
    sentences.push_back(text.substr(begin, i + 1 - begin));
    begin = i + 1;
  }
  sentences.push_back(text.substr(begin));
  return sentences;
}

/// The passages that a text names in brackets.
std::vector<Passage> named_in(std::string_view text, std::span<const Passage> passages) {
  std::vector<Passage> named;
  for (std::size_t open = text.find('['); open != std::string_view::npos;
       open = text.find('[', open + 1)) {
    const std::string_view name = text.substr(open + 1, text.find(']', open) - open - 1);
    const auto it = std::find_if(passages.begin(), passages.end(),
                                 [&](const Passage& one) { return name_of(one) == name; });
    if (it != passages.end()) named.push_back(*it);
  }
  return named;
}

}  // namespace

std::vector<Passage> passages_in(std::span<const Message> messages) {
  const auto asked = std::find_if(messages.rbegin(), messages.rend(),
                                  [](const Message& m) { return m.role == SenderRole::user; });
  std::set<std::string> reads;  // calls of tools that return passages
  std::vector<Passage> passages;
  std::set<std::string> names;
  for (auto message = asked.base(); message != messages.end(); ++message) {
    for (const ToolCall& call : message->calls)
      if (call.name == "search" || call.name == "files_grep") reads.insert(call.id);
    if (message->role != SenderRole::tool || !reads.contains(message->call_id)) continue;
    const std::string_view text = message->content;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      auto passage = passage_of(text.substr(begin, end - begin));
      begin = end + 1;
      if (passage && passages.size() < kPassagesMax && names.insert(name_of(*passage)).second)
        passages.push_back(std::move(*passage));
    }
  }
  return passages;
}

std::string citing_pattern(std::span<const Passage> passages) {
  constexpr std::string_view kSyntax = R"(^$\.*+?()[]{}|/)";  // ECMA-262, SyntaxCharacter
  if (passages.empty()) return R"([^\[]*)";
  std::string names;
  for (const Passage& passage : passages) {
    if (!names.empty()) names += '|';
    for (const char c : name_of(passage)) {
      if (kSyntax.find(c) != std::string_view::npos) names += '\\';
      names += c;
    }
  }
  return R"([^\[]*(\[()" + names + R"()\][^\[]*)*)";
}

std::vector<Citation> citations_of(std::string_view answer, std::span<const Passage> passages) {
  std::vector<Citation> citations;
  const auto cite = [&](const Passage& passage, bool written) {
    const bool known = std::any_of(citations.begin(), citations.end(),
                                   [&](const Citation& one) { return one.passage == passage; });
    if (!known) citations.push_back({passage, written});
  };
  for (const Passage& passage : named_in(answer, passages)) cite(passage, true);
  for (const std::string_view sentence : sentences_of(answer)) {
    const auto said = words_of(sentence);
    if (said.size() < kWordsMin || !named_in(sentence, passages).empty()) continue;
    const auto holds = std::find_if(passages.begin(), passages.end(), [&](const Passage& passage) {
      const auto words = words_of(passage.text);
      const bool quoted =
          words.size() >= kWordsMin && sentence.find(passage.text) != std::string_view::npos;
      return quoted || std::includes(words.begin(), words.end(), said.begin(), said.end());
    });
    if (holds != passages.end()) cite(*holds, false);
  }
  return citations;
}

}  // namespace praxis::agent
