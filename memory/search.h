#pragma once
// From what a person typed to a query that FTS5 cannot misread, and from a found text to the part
// worth showing. Inside memory/ only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/error.h"

namespace praxis::memory {

class Database;

inline constexpr std::size_t kSearchWordsMax = 64;
inline constexpr std::size_t kSnippetBytesMax = 240;
/// So many of the newest messages may be missing in the index before the writer adds them, and so much
/// of them, in bytes, it adds in one transaction.
inline constexpr std::int64_t kUnindexedMax = 64;
inline constexpr std::size_t kIndexedBytesAtOnce = 4 << 20;

/// Adds what is missing in the index once enough is. Called inside a transaction, before its end.
Result<void> index_messages(Database& database);

/// The words of a query. The index knows three characters in a row, so words of fewer are scanned
/// for instead.
struct SearchWords {
  std::vector<std::string> indexed, scanned;
  bool operator==(const SearchWords&) const = default;
};

/// Splits at white space and control characters; each word once.
SearchWords search_words(std::string_view text);

/// An FTS5 query for texts that hold all words: each a quoted string, so none is an operator.
std::string match_expression(const std::vector<std::string>& words);

struct Snippet {
  std::string text;
  std::uint32_t match_begin = 0, match_bytes = 0;
  bool operator==(const Snippet&) const = default;
};

/// At most kSnippetBytesMax bytes of `content` around its first word, cut between characters.
/// ASCII letters match in both cases; without a match the snippet is the beginning.
Snippet snippet_of(std::string_view content, const SearchWords& words);

}  // namespace praxis::memory
