#pragma once
// What the loop talks to: a step in, deltas out. The local one joins dialect, grammar and engine.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/dialect/dialect.h"
#include "agent/error.h"
#include "agent/event.h"
#include "agent/turn.h"

namespace praxis::agent {

struct StepInput {
  std::vector<Message> messages;
  std::vector<ToolText> tools;   // those that refuse_tool() refuses are left out of the step
  Settings settings;
};

/// What a step produced, once it is over.
struct StepOutput {
  engine::Finish finish = engine::Finish::stop;
  bool cut = false;                       // free text ended by its budget
  /// The stop text that ended it (then finish is stop). The ids go on to where the engine was, beyond
  /// what was reported.
  std::optional<std::string> stopped_by;
  /// Whether the ids are the output that was reported, so that they may stand for it in a later prompt.
  bool whole() const { return finish == engine::Finish::stop && !stopped_by; }
  std::vector<engine::TokenId> ids;       // everything decoded, the end token included
  Usage usage;
  std::vector<std::string> warnings;      // what was left out, or asked for again, and why
};

/// One step under way. Destroying it cancels it and waits until its callbacks are over: on any thread
/// but the model's own.
class Step {
 public:
  virtual ~Step() = default;
  virtual void cancel() = 0;
};

class Model {
 public:
  using OnDelta = std::function<void(ParsedDelta)>;
  using OnDone = std::function<void(Result<StepOutput>)>;

  virtual ~Model() = default;
  /// Who made token ids: ids stored under another fingerprint are not reused.
  virtual std::string_view fingerprint() const = 0;
  /// What people call it.
  virtual std::string_view name() const { return fingerprint(); }
  virtual Recommended recommended() const = 0;
  /// Why this tool cannot be offered (its schema is beyond what the grammar covers); empty if it can.
  virtual std::string refuse_tool(const ToolText& tool) = 0;
  /// Starts a step. Both callbacks come from the model's own thread, `done` last and exactly once.
  /// What cannot start (a setting outside its range, a bad answer schema, a tool choice that cannot be offered, a budget too
  /// small) is returned at once.
  virtual Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) = 0;
};

struct LocalOptions {
  std::filesystem::path model;
  std::string dialect;                      // empty: chosen by the markers the tokenizer has
  unsigned threads = 0;
  std::function<void(double)> progress;
};

/// The embedded engine with its dialect.
class LocalModel : public Model {
 public:
  static Result<std::unique_ptr<LocalModel>> load(const LocalOptions& options);
  virtual engine::Engine& engine() = 0;
  virtual const engine::ModelInfo& info() const = 0;
  virtual const engine::Tokenizer& tokenizer() const = 0;
  virtual const Dialect& dialect() const = 0;
  /// The prompt of a step as the engine will get it.
  virtual Result<std::vector<engine::Token>> prompt(const StepInput& input) const = 0;
  virtual std::vector<Segment> segments(const StepInput& input) const = 0;
};

}  // namespace praxis::agent
