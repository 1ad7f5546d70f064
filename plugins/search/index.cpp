#include "plugins/search/index.h"

#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace praxis::plugins::search {
namespace {

constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;
constexpr std::uint64_t kIndexBytesMax = 64 * 1024 * 1024;
constexpr int kStepsPerPoll = 20'000;  // of SQLite's machine, between two looks at `stop`
constexpr int kCandidatesMax = 200;    // rows that are looked at beyond bm25
// A passage's rowid is its file's id and its place in the file; a file has fewer lines than bytes.
constexpr int kPlaceBits = 24;
static_assert(kFileBytesMax <= std::size_t{1} << kPlaceBits);

tl::unexpected<std::string> refuse(std::string why) { return tl::unexpected(std::move(why)); }

bool is_document(std::string_view file) { return file.ends_with(".md") || file.ends_with(".txt"); }

/// matched(passages): how many of the query's words the row has. An FTS5 auxiliary function
/// (https://sqlite.org/fts5.html, section 7.1).
void matched(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* result, int,
             sqlite3_value**) {
  int count = 0;
  int error = api->xInstCount(row, &count);
  std::uint64_t words = 0;
  for (int i = 0; i < count && error == SQLITE_OK; ++i) {
    int phrase = 0, column = 0, offset = 0;
    error = api->xInst(row, i, &phrase, &column, &offset);
    words |= std::uint64_t{1} << (phrase & 63);
  }
  if (error != SQLITE_OK) sqlite3_result_error_code(result, error);
  else sqlite3_result_int(result, std::popcount(words));
}

int bind_text(sqlite3_stmt* statement, int at, std::string_view text) {
  return sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()),
                           SQLITE_TRANSIENT);
}

}  // namespace

void Index::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Index::~Index() {
  insert_.reset(), remove_.reset(), find_.reset();
  sqlite3_close(db_);
}

std::string Index::failure() const {
  return std::string("the index failed: ") + sqlite3_errmsg(db_);
}

Index::Result<Index::Statement> Index::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) return refuse(failure());
  return Statement(statement);
}

Index::Result<void> Index::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return refuse(failure());
  return {};
}

Index::Result<std::unique_ptr<Index>> Index::open(Folder folder, Log log) {
  std::unique_ptr<Index> index(new Index(std::move(folder), std::move(log)));
  if (auto created = index->create(); !created) return refuse(created.error());
  return index;
}

Index::Result<void> Index::create() {
  if (sqlite3_open_v2(":memory:", &db_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK)
    return refuse(failure());
  if (auto made = run("CREATE VIRTUAL TABLE passages USING fts5(text, line UNINDEXED, tokenize = "
                      "'porter unicode61 remove_diacritics 2')");
      !made)
    return made;
  // SQLite hands out FTS5's interface through a bound pointer.
  fts5_api* api = nullptr;
  auto ask = prepare("SELECT fts5(?1)");
  if (!ask) return refuse(ask.error());
  sqlite3_bind_pointer(ask->get(), 1, &api, "fts5_api_ptr", nullptr);
  sqlite3_step(ask->get());
  if (!api || api->xCreateFunction(api, "matched", nullptr, matched, nullptr) != SQLITE_OK)
    return refuse("this SQLite has no FTS5");

  auto insert = prepare("INSERT INTO passages(rowid, text, line) VALUES (?1, ?2, ?3)");
  auto remove = prepare("DELETE FROM passages WHERE rowid BETWEEN ?1 AND ?2");
  auto find = prepare(
      "SELECT rowid, text, line, matched(passages), bm25(passages) AS score FROM passages WHERE "
      "passages MATCH ?1 "
      "ORDER BY score LIMIT ?2");
  if (!insert || !remove || !find) return refuse(failure());
  insert_ = std::move(*insert), remove_ = std::move(*remove), find_ = std::move(*find);
  return {};
}

Index::Result<void> Index::forget(std::int64_t id) {
  sqlite3_bind_int64(remove_.get(), 1, id << kPlaceBits);
  sqlite3_bind_int64(remove_.get(), 2, ((id + 1) << kPlaceBits) - 1);
  const int code = sqlite3_step(remove_.get());
  sqlite3_reset(remove_.get());
  if (code != SQLITE_DONE) return refuse(failure());
  return {};
}

Index::Result<void> Index::read(const std::string& file, Known& known) {
  const auto text = folder_.read_text(file, kFileBytesMax);
  if (!text) {
    log_("left out: " + text.error());
    return {};
  }
  std::int64_t rowid = known.id << kPlaceBits;
  for (const Passage& passage : passages_of(file, *text)) {
    sqlite3_bind_int64(insert_.get(), 1, rowid++);
    bind_text(insert_.get(), 2, passage.text);
    sqlite3_bind_int64(insert_.get(), 3, passage.line);
    const int code = sqlite3_step(insert_.get());
    sqlite3_reset(insert_.get());
    if (code != SQLITE_DONE) return refuse(failure());
  }
  return {};
}

Index::Result<void> Index::refresh(const Stop& stop) {
  for (auto& [file, known] : files_) known.seen = false;
  if (auto begun = run("BEGIN"); !begun) return begun;
  std::string problem;
  bool stopped = false;
  const auto walked = folder_.walk("", [&](const std::string& file, const Stamp& stamp) {
    if (!is_document(file)) return Folder::Walk::go_on;
    Known& known = files_[file];
    known.seen = true;
    if (known.id != 0 && known.stamp == stamp) return Folder::Walk::go_on;
    stopped = stop();
    if (stopped) return Folder::Walk::stop;
    if (known.id == 0) {
      known.id = next_id_++;
      names_[known.id] = file;
    } else if (auto forgotten = forget(known.id); !forgotten) {
      problem = forgotten.error();
      return Folder::Walk::stop;
    }
    bytes_ -= known.stamp.size;
    known.stamp = stamp;
    bytes_ += stamp.size;
    if (bytes_ > kIndexBytesMax) {
      if (!std::exchange(warned_, true))
        log_(
            "the folder has more than 64 MiB of text (search.index_bytes_max): the rest is left "
            "out");
      return Folder::Walk::go_on;
    }
    if (auto added = read(file, known); !added) {
      problem = added.error();
      return Folder::Walk::stop;
    }
    return Folder::Walk::go_on;
  });
  // What was not seen is gone, unless the walk ended early.
  for (auto at = files_.begin(); at != files_.end();) {
    const bool gone = at->second.id == 0 ||
                      (!at->second.seen && !stopped && problem.empty() && walked.has_value());
    if (!gone) {
      ++at;
      continue;
    }
    if (at->second.id != 0) {
      if (auto forgotten = forget(at->second.id); !forgotten) problem = forgotten.error();
      bytes_ -= at->second.stamp.size;
      names_.erase(at->second.id);
    }
    at = files_.erase(at);
  }
  if (auto ended = run("COMMIT"); !ended) return ended;
  if (!problem.empty()) return refuse(problem);
  if (!walked) return refuse(walked.error());
  if (stopped) return refuse("stopped while the documents were read");
  if (!walked->empty() && !std::exchange(warned_, true)) log_("left out: " + *walked);
  return {};
}

Index::Result<std::vector<Passage>> Index::find(const std::vector<std::string>& words,
                                                std::size_t limit, const Stop& stop) {
  std::string query;
  for (const std::string& word : words) query += (query.empty() ? "\"" : " OR \"") + word + "\"";
  bind_text(find_.get(), 1, query);
  sqlite3_bind_int(find_.get(), 2, kCandidatesMax);
  struct Candidate {
    Passage passage;
    int matched = 0;
    double score = 0;  // bm25: the smaller, the better
  };
  std::vector<Candidate> candidates;
  int best = 0, code = SQLITE_DONE;
  sqlite3_progress_handler(
      db_, kStepsPerPoll, [](void* asked) { return (*static_cast<const Stop*>(asked))() ? 1 : 0; },
      const_cast<Stop*>(&stop));
  while ((code = sqlite3_step(find_.get())) == SQLITE_ROW) {
    Candidate candidate;
    candidate.passage.file = names_[sqlite3_column_int64(find_.get(), 0) >> kPlaceBits];
    candidate.passage.text.assign(
        reinterpret_cast<const char*>(sqlite3_column_text(find_.get(), 1)),
        static_cast<std::size_t>(sqlite3_column_bytes(find_.get(), 1)));
    candidate.passage.line = sqlite3_column_int64(find_.get(), 2);
    candidate.matched = sqlite3_column_int(find_.get(), 3);
    candidate.score = sqlite3_column_double(find_.get(), 4);
    best = std::max(best, candidate.matched);
    candidates.push_back(std::move(candidate));
  }
  sqlite3_reset(find_.get());
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  if (code == SQLITE_INTERRUPT) return refuse("stopped before the search was over");
  if (code != SQLITE_DONE) return refuse(failure());
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.score, a.passage.file, a.passage.line) <
           std::tie(b.score, b.passage.file, b.passage.line);
  });
  std::vector<Passage> found;
  for (Candidate& candidate : candidates)
    if (found.size() < limit && candidate.matched * 2 >= best)
      found.push_back(std::move(candidate.passage));
  return found;
}

}  // namespace praxis::plugins::search
