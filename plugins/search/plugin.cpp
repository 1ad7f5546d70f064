#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "plugins/author.h"
#include "plugins/search/index.h"

namespace praxis::plugins::search {
namespace {

constexpr std::int64_t kLimitDefault = 3, kLimitMax = 20;
constexpr std::size_t kQueryBytesMax = 2000;
constexpr std::chrono::milliseconds kPollEvery{20};

constexpr std::string_view kTools = R"([{
  "name": "search",
  "description": "Search the documents and return matching passages.",
  "parameters": {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["query"]},
  "effect": "pure",
  "deadline_ms": 60000
}])";

class Search final : public Plugin {
 public:
  explicit Search(std::unique_ptr<Index> index) : index_(std::move(index)) {}

  std::string_view tools() const override { return kTools; }

  Answer call(const Request& request) override {
    const Answer query = request.string("query");
    if (!query) return query;
    if (query->size() > kQueryBytesMax)
      return refuse("the query has more than 2000 bytes (search.query_bytes_max)");
    const auto limit = request.integer("limit", kLimitDefault);
    if (!limit) return refuse(limit.error());
    const std::vector<std::string> words = words_of(*query);
    if (words.empty()) return refuse("the query has no words");

    const Turn turn(*this, request);
    if (!turn.taken) return refuse("stopped while another search was running");
    const auto stop = [&] { return request.cancelled(); };
    if (auto fresh = index_->refresh(stop); !fresh) return refuse(fresh.error());
    const auto passages = index_->find(
        words, static_cast<std::size_t>(std::clamp<std::int64_t>(*limit, 1, kLimitMax)), stop);
    if (!passages) return refuse(passages.error());
    std::string text;
    for (const Passage& passage : *passages)
      text += passage_line(passage.file, passage.line, passage.text) + "\n";
    if (text.empty()) return "no match";
    text.pop_back();
    return text;
  }

 private:
  /// The index serves one call at a time; one that waits for its turn can still be told to stop.
  /// (A timed mutex would do, if ThreadSanitizer knew it.)
  struct Turn {
    Search& search;
    bool taken = false;

    Turn(Search& search, const Request& request) : search(search) {
      std::unique_lock lock(search.mutex_);
      while (search.busy_ && !request.cancelled()) search.freed_.wait_for(lock, kPollEvery);
      if (!search.busy_) taken = search.busy_ = true;
    }
    ~Turn() {
      if (!taken) return;
      const std::lock_guard lock(search.mutex_);
      search.busy_ = false;
      search.freed_.notify_one();
    }
  };

  std::mutex mutex_;
  std::condition_variable freed_;
  bool busy_ = false;
  const std::unique_ptr<Index> index_;
};

Opened make(const Config& config) {
  const Answer root = root_of(config);
  if (!root) return refuse(root.error());
  auto folder = Folder::open(*root);
  if (!folder) return refuse(folder.error());
  auto index = Index::open(std::move(*folder), [host = config.host](std::string_view line) {
    host->log(host->self, PRAXIS_LOG_WARNING, text(line));
  });
  if (!index) return refuse(index.error());
  return std::make_unique<Search>(std::move(*index));
}

}  // namespace
}  // namespace praxis::plugins::search

PRAXIS_PLUGIN(praxis::plugins::search::make, "search", "1.0")
