#pragma once
// A folder of text as passages in an FTS5 index in memory, kept equal to the folder.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/folder.h"

struct sqlite3;
struct sqlite3_stmt;

namespace praxis::plugins::search {

struct Passage {
  std::string file;
  std::int64_t line = 0;  // its first line, from 1
  std::string text;
};

/// Cuts a document into passages: a line is one, except that a line which was plainly broken in
/// the middle of a sentence goes on in the next, and that a very long one is cut between sentences.
/// Blank lines are none.
std::vector<Passage> passages_of(const std::string& file, std::string_view text);

/// The words of a query, each once, none with a meaning for FTS5.
std::vector<std::string> words_of(std::string_view query);

/// Not for several threads at once.
class Index {
 public:
  template <class T>
  using Result = tl::expected<T, std::string>;
  using Stop = std::function<bool()>;
  using Log = std::function<void(std::string_view)>;

  static Result<std::unique_ptr<Index>> open(Folder folder, Log log);
  ~Index();

  /// Reads what is new or changed, forgets what is gone. Stopped early, it keeps what it has read.
  Result<void> refresh(const Stop& stop);
  /// Passages with any of the words, best first (bm25). Those with less than half as many of the
  /// words as the best are left out; equally good ones are in the order of files and lines.
  Result<std::vector<Passage>> find(const std::vector<std::string>& words, std::size_t limit,
                                    const Stop& stop);

 private:
  struct Known {
    std::int64_t id = 0;
    Stamp stamp;
    bool seen = false;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  Index(Folder folder, Log log) : folder_(std::move(folder)), log_(std::move(log)) {}
  Result<void> create();
  Result<Statement> prepare(const char* sql);
  Result<void> run(const char* sql);
  Result<void> forget(std::int64_t id);
  Result<void> read(const std::string& file, Known& known);
  std::string failure() const;

  const Folder folder_;
  const Log log_;
  sqlite3* db_ = nullptr;
  Statement insert_, remove_, find_;
  std::map<std::string, Known> files_;
  std::map<std::int64_t, std::string> names_;  // of files_, by id
  std::int64_t next_id_ = 1;
  std::uint64_t bytes_ = 0;  // of all files in the index
  bool warned_ = false;
};

}  // namespace praxis::plugins::search
