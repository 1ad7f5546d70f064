#pragma once
// One request's steps from their first beat to their last, for the APIs whose clients keep the loop:
// a place among those under way, keep-alives, the client that leaves, rows that must be durable first.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/decoding.h"
#include "agent/http/server.h"

namespace praxis::agent::api {

/// What the store has to hold before a client hears that a step is over.
struct Kept {
  memory::Reply row;
  std::vector<std::string> ids;  // of its calls and whatever else a request may name it by
};

/// A wire format: what a client reads of the steps. Without a stream everything is written by close().
class Writer {
 public:
  virtual ~Writer() = default;
  virtual bool streams() const = 0;
  /// The stream begins; nothing has been said yet.
  virtual void open(std::string& out) = 0;
  virtual void delta(std::string& out, std::uint32_t choice, const ParsedDelta& delta) = 0;
  /// Before finish() of the same step.
  virtual std::optional<Kept> kept(std::uint32_t choice, const StepOutput& output) = 0;
  virtual void finish(std::string& out, std::uint32_t choice, const StepOutput& output) = 0;
  /// All steps are over.
  virtual void close(std::string& out) = 0;
  /// In place of close(), once the reply has begun: its status can no longer tell.
  virtual void fail(std::string& out, const ApiError& error) = 0;
};

struct Answer {
  std::unique_ptr<Writer> writer;
  std::vector<std::unique_ptr<Step>> steps;  // at least one, reporting to the beats that start() got
};

/// All that happens before the first token; called away from the event loop.
using Start = std::function<Parsed<Answer>(const std::shared_ptr<Beats>& beats)>;

/// Answers 429 when too many requests are under way, and what start() refuses with its refusal.
boost::asio::awaitable<void> answer_with_steps(http::Exchange& exchange, Service& service, Start start);

}  // namespace praxis::agent::api
