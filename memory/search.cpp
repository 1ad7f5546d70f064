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

namespace {

struct Found {
  SearchHit hit;
  double rank = 0;  // of FTS5: the best is the lowest
};

std::string select_hits(const SearchWords& words, bool indexed) {
  std::string sql =
      "SELECT messages.id, messages.conversation_id, conversations.title, messages.role, messages.created_ms,"
      " message_texts.content, " + std::string(indexed ? "messages_fts.rank" : "0.0") +
      " FROM messages JOIN conversations ON conversations.id = messages.conversation_id"
      " JOIN message_texts ON message_texts.id = messages.id ";
  if (indexed) sql += "JOIN messages_fts ON messages_fts.rowid = messages.id ";
  sql += "WHERE TRUE";
  for (std::size_t i = 0; i < words.scanned.size(); ++i) sql += " AND instr(lower(message_texts.content), ?)";
  return sql;
}

Result<void> read_hits(Query& query, const SearchWords& words, std::vector<Found>& found) {
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) return {};
    auto snippet = snippet_of(query.text(5), words);
    found.push_back({{.message_id = query.integer(0),
                      .conversation_id = query.text(1),
                      .conversation_title = query.text(2),
                      .role = role_from(query.text(3)).value_or(Role::user),
                      .created_ms = query.integer(4),
                      .snippet = std::move(snippet.text),
                      .match_begin = snippet.match_begin,
                      .match_bytes = snippet.match_bytes},
                     query.real(6)});
  }
}

constexpr const char* kSelectUnindexed =
    "SELECT id, content FROM message_texts WHERE id > (SELECT indexed_to FROM search_state) ORDER BY id";

/// The newest messages, which the index may not have: in an index of their own, so that they are found
/// by the same rules.
Result<std::unique_ptr<Database>> index_newest(Database& database) {
  auto made = Database::open(":memory:", {});
  if (!made) return made;
  if (auto done = (*made)->execute("CREATE VIRTUAL TABLE newest USING fts5 (content, tokenize = 'trigram')"); !done)
    return pass_on(done);
  auto messages = database.query(kSelectUnindexed);
  for (;;) {
    auto row = messages.step();
    if (!row) return pass_on(row);
    if (!*row) return made;
    const std::string content = messages.text(1);
    auto add = (*made)->query("INSERT INTO newest (rowid, content) VALUES (?, ?)");
    if (auto done = add.bind(messages.integer(0)).bind(content).run(); !done) return pass_on(done);
  }
}

Result<void> search_newest(Database& database, const SearchWords& words, std::string_view expression,
                           std::vector<Found>& found) {
  {
    auto messages = database.query(kSelectUnindexed);
    auto any = messages.step();
    if (!any) return pass_on(any);
    if (!*any) return {};
  }
  auto newest = index_newest(database);
  if (!newest) return pass_on(newest);
  const std::string sql = select_hits(words, false) + " AND messages.id = ?";
  auto matches = (*newest)->query("SELECT rowid, rank FROM newest WHERE newest MATCH ?");
  matches.bind(expression);
  for (;;) {
    auto row = matches.step();
    if (!row) return pass_on(row);
    if (!*row) return {};
    auto query = database.query(sql);
    for (const auto& word : words.scanned) query.bind(word);
    const std::size_t before = found.size();
    if (auto read = read_hits(query.bind(matches.integer(0)), words, found); !read) return read;
    for (std::size_t i = before; i < found.size(); ++i) found[i].rank = matches.real(1);
  }
}

}  // namespace

Result<void> index_messages(Database& database) {
  auto missing = database.integer("SELECT (SELECT coalesce(max(id), 0) FROM messages) - indexed_to FROM search_state");
  if (!missing) return pass_on(missing);
  if (*missing < kUnindexedMax) return {};
  std::int64_t indexed_to = 0;
  {
    auto messages = database.query(kSelectUnindexed);
    for (std::size_t bytes = 0; bytes < kIndexedBytesAtOnce;) {
      auto row = messages.step();
      if (!row) return pass_on(row);
      if (!*row) break;
      indexed_to = messages.integer(0);
      bytes += messages.blob(1).size();
    }
  }
  // In one statement: at the begin of each the index writes out what it has gathered.
  auto add = database.query(
      "INSERT INTO messages_fts (rowid, content) SELECT id, content FROM message_texts"
      " WHERE id > (SELECT indexed_to FROM search_state) AND id <= ?");
  if (auto done = add.bind(indexed_to).run(); !done) return done;
  auto note = database.query("UPDATE search_state SET indexed_to = max(indexed_to, ?)");
  return note.bind(indexed_to).run();
}

Result<std::vector<SearchHit>> Reads::search(std::string_view text, std::uint32_t limit) {
  if (auto ok = check_name(text, "the text", "search"); !ok) return pass_on(ok);
  const auto words = search_words(text);
  const auto count = words.indexed.size() + words.scanned.size();
  if (count > kSearchWordsMax)
    return refuse(ErrorCode::too_large, "the text has " + std::to_string(count) + " words; the limit is " +
                      std::to_string(kSearchWordsMax) + " (memory.search_words_max)", "search");
  if (count == 0) return std::vector<SearchHit>();
  auto database = this->database();
  if (!database) return pass_on(database);

  std::vector<Found> found;
  const auto expression = match_expression(words.indexed);
  const bool indexed = !words.indexed.empty();
  auto query = (*database)->query(select_hits(words, indexed) +
                                  (indexed ? " AND messages_fts MATCH ? ORDER BY messages_fts.rank, messages.id DESC LIMIT ?"
                                           : " ORDER BY messages.id DESC LIMIT ?"));
  for (const auto& word : words.scanned) query.bind(word);
  if (indexed) query.bind(expression);
  if (auto read = read_hits(query.bind(limit), words, found); !read) return pass_on(read);
  if (indexed)
    if (auto read = search_newest(**database, words, expression, found); !read) return pass_on(read);

  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.hit.message_id > b.hit.message_id;
  });
  std::vector<SearchHit> hits;
  for (std::size_t i = 0; i < found.size() && i < limit; ++i) hits.push_back(std::move(found[i].hit));
  return hits;
}

}  // namespace praxis::memory
