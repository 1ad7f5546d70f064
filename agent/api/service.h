#pragma once
// What the handlers work with, and what they count.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/chat_request.h"
#include "agent/http/server.h"
#include "agent/model/model.h"
#include "memory/store.h"

namespace praxis::agent::api {

/// A name that requests may give as `model`.
struct ModelName {
  std::string id;
  std::optional<bool> thinking;   // set: requests under this name think, or don't, unless they say so
};

struct ServiceOptions {
  Settings settings;                        // what requests start from
  std::vector<ModelName> names;             // the first is the model's own
  std::uint32_t requests_max = 256;         // decoding or waiting for it; one more is answered 429
  std::uint32_t runs_max = 1024;            // at work or waiting for somebody's word; one more is answered 429
  std::uint32_t workers = 2;                // threads that read requests, render prompts, compile schemas
  std::uint32_t reply_days_max = 30;        // how long replies can be gone on from
  std::function<void(const std::string&)> log;   // a line about what went wrong where no client hears of it; empty: none
};

/// Counted on the event loop's thread alone.
struct Counters {
  std::map<std::pair<std::string, unsigned>, std::uint64_t> requests;  // by route and status
  std::uint64_t refused_overload = 0, clients_lost = 0;
  std::uint64_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0, reasoning_tokens = 0;
  std::uint64_t first_tokens = 0;
  double first_token_seconds = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  void add(const Usage& usage);
  void first_token(std::chrono::steady_clock::time_point asked);
};

class Service {
 public:
  /// `model`, `store` and `local` outlive it; `local` is the model where it runs here, else null.
  Service(boost::asio::any_io_executor executor, Model& model, const LocalModel* local, memory::Store& store,
          ServiceOptions options);

  Model& model() { return model_; }
  const LocalModel* local() const { return local_; }
  std::int64_t started() const { return started_; }  // seconds since the Unix epoch
  memory::Store& store() { return store_; }
  const ServiceOptions& options() const { return options_; }
  boost::asio::any_io_executor executor() const { return executor_; }
  boost::asio::any_io_executor workers() { return workers_.get_executor(); }
  Counters& counters() { return counters_; }
  /// Null where the server runs no loops of its own.
  class Runs* runs() { return runs_; }
  void set_runs(class Runs* runs) { runs_ = runs; }

  /// A place among what is under way; given back when it goes, which may be after the service has gone:
  /// whoever waits on the event loop goes with that.
  class Place {
   public:
    explicit Place(std::shared_ptr<std::uint32_t> taken) : taken_(std::move(taken)) { ++*taken_; }
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (taken_) --*taken_;
    }

   private:
    std::shared_ptr<std::uint32_t> taken_;
  };
  /// For a request that decodes or waits for it; none when requests_max are under way.
  std::optional<Place> enter();
  /// For a run, until it ends; none when runs_max are.
  std::optional<Place> enter_run();
  std::uint32_t under_way() const { return *requests_; }
  std::uint32_t runs_under_way() const { return *runs_under_way_; }

  void log(const std::string& line) const {
    if (options_.log) options_.log(line);
  }

  /// The name a request gave; empty is the model's own. An unknown one lists what there is.
  Parsed<ModelName> resolve(const std::string& name) const;
  /// What a request under this name starts from; a seed is drawn where none is set.
  Settings defaults(const ModelName& name) const;

 private:
  boost::asio::any_io_executor executor_;
  boost::asio::thread_pool workers_;
  Model& model_;
  const LocalModel* local_;
  std::int64_t started_;
  memory::Store& store_;
  ServiceOptions options_;
  Counters counters_;
  std::shared_ptr<std::uint32_t> requests_ = std::make_shared<std::uint32_t>(0);
  std::shared_ptr<std::uint32_t> runs_under_way_ = std::make_shared<std::uint32_t>(0);
  class Runs* runs_ = nullptr;
};

/// What is answered, and counted, where enter() found no place.
ApiError overloaded(Service& service);
/// The same for enter_run().
ApiError overloaded_by_runs(Service& service);

}  // namespace praxis::agent::api
