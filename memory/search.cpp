#include "memory/search.h"

#include <algorithm>

#include "memory/checks.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) { return lower(c); });
  return lowered;
}

/// Bytes of white space or of a control character at the start of `text`; 0 for anything else.
/// Besides ASCII: the no-break space and the ideographic one.
std::size_t space_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first <= 0x20 || first == 0x7f) return 1;
  if (text.starts_with("\u00a0")) return 2;
  if (text.starts_with("\u3000")) return 3;
  return 0;
}

/// Where `word`, in lower case, first stands in `content`.
std::size_t find_folded(std::string_view content, std::string_view word) {
  const auto found = std::search(content.begin(), content.end(), word.begin(), word.end(),
                                 [](char a, char b) { return lower(a) == b; });
  return found == content.end() ? content.npos : static_cast<std::size_t>(found - content.begin());
}

}  // namespace

SearchWords search_words(std::string_view text) {
  SearchWords words;
  const auto add = [&](std::string_view word) {
    const auto characters = std::count_if(word.begin(), word.end(), [](char c) { return !continues(c); });
    auto& list = characters >= 3 ? words.indexed : words.scanned;
    auto folded = lower(word);
    if (std::find(list.begin(), list.end(), folded) == list.end()) list.push_back(std::move(folded));
  };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto space = space_at(text.substr(at));
    if (space == 0) {
      ++at;
      continue;
    }
    if (at > begin) add(text.substr(begin, at - begin));
    begin = at += space;
  }
  if (text.size() > begin) add(text.substr(begin));
  return words;
}

std::string match_expression(const std::vector<std::string>& words) {
  std::string expression;
  for (const auto& word : words) {
    if (!expression.empty()) expression += ' ';
    expression += '"';
    for (const char c : word) {
      if (c == '"') expression += '"';
      expression += c;
    }
    expression += '"';
  }
  return expression;
}

Snippet snippet_of(std::string_view content, const SearchWords& words) {
  std::size_t match = content.npos, match_bytes = 0;
  for (const auto* list : {&words.indexed, &words.scanned}) {
    for (const auto& word : *list) {
      const auto found = find_folded(content, word);
      if (found < match) match = found, match_bytes = word.size();
    }
    if (match != content.npos) break;  // a long word says more than a short one
  }
  if (match == content.npos) match = 0;

  constexpr std::size_t kBytesBefore = 80;
  std::size_t begin = match > kBytesBefore ? match - kBytesBefore : 0;
  while (begin < match && continues(content[begin])) ++begin;
  std::size_t end = std::min(content.size(), begin + kSnippetBytesMax);
  while (end > begin && end < content.size() && continues(content[end])) --end;
  Snippet snippet{.text = std::string(content.substr(begin, end - begin))};
  if (match_bytes > 0 && end > match) {
    snippet.match_begin = static_cast<std::uint32_t>(match - begin);
    snippet.match_bytes = static_cast<std::uint32_t>(std::min(match_bytes, end - match));
  }
  return snippet;
}

Result<std::vector<SearchHit>> Reads::search(std::string_view text, std::uint32_t limit) {
  if (auto ok = check_name(text, "the text", "search"); !ok) return pass_on(ok);
  const auto words = search_words(text);
  const auto count = words.indexed.size() + words.scanned.size();
  if (count > kSearchWordsMax)
    return refuse(ErrorCode::too_large, "the text has " + std::to_string(count) + " words; the limit is " +
                      std::to_string(kSearchWordsMax) + " (memory.search_words_max)", "search");
  std::vector<SearchHit> hits;
  if (count == 0) return hits;
  auto database = this->database();
  if (!database) return pass_on(database);

  std::string sql =
      "SELECT messages.id, messages.conversation_id, conversations.title, messages.role, messages.created_ms,"
      " searchable.content FROM messages JOIN conversations ON conversations.id = messages.conversation_id"
      " JOIN searchable ON searchable.id = messages.id ";
  std::string order = " ORDER BY messages.id DESC LIMIT ?";
  if (!words.indexed.empty()) {
    sql += "JOIN messages_fts ON messages_fts.rowid = messages.id WHERE messages_fts MATCH ?";
    order = " ORDER BY messages_fts.rank, messages.id DESC LIMIT ?";
  } else {
    sql += "WHERE TRUE";
  }
  for (std::size_t i = 0; i < words.scanned.size(); ++i) sql += " AND instr(lower(searchable.content), ?)";

  const auto expression = match_expression(words.indexed);
  auto query = (*database)->query(sql + order);
  if (!words.indexed.empty()) query.bind(expression);
  for (const auto& word : words.scanned) query.bind(word);
  query.bind(limit);
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) return hits;
    auto snippet = snippet_of(query.text(5), words);
    hits.push_back(SearchHit{.message_id = query.integer(0),
                             .conversation_id = query.text(1),
                             .conversation_title = query.text(2),
                             .role = role_from(query.text(3)).value_or(Role::user),
                             .created_ms = query.integer(4),
                             .snippet = std::move(snippet.text),
                             .match_begin = snippet.match_begin,
                             .match_bytes = snippet.match_bytes});
  }
}

}  // namespace praxis::memory
