#include "agent/model/routed.h"

#include <mutex>
#include <optional>

namespace praxis::agent {
namespace {

using Engines = std::vector<std::unique_ptr<Model>>;

StepInput without_ids(StepInput input) {
  for (Message& message : input.messages) message.ids.clear();
  return input;
}

/// A step on its way through the engines. The steps of those that failed are kept until the end: they
/// are not to be destroyed from their own callbacks.
class RoutedRun : public std::enable_shared_from_this<RoutedRun> {
 public:
  RoutedRun(const Engines& engines, StepInput input, Model::OnDelta delta, Model::OnDone done)
      : engines_(engines), input_(without_ids(std::move(input))), delta_(std::move(delta)), done_(std::move(done)) {}

  /// Starts at `engine`; the error of one that cannot start.
  Result<void> start(std::size_t engine) {
    auto step = engines_[engine]->start(
        input_,
        [run = shared_from_this()](ParsedDelta delta) {
          run->reported_ = true;
          run->delta_(std::move(delta));
        },
        [run = shared_from_this(), engine](Result<StepOutput> output) { run->end(engine, std::move(output)); });
    if (!step) return tl::unexpected(step.error());
    std::lock_guard lock(mutex_);
    if (cancelled_) (*step)->cancel();
    steps_.push_back(std::move(*step));
    return {};
  }
  void cancel() {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    for (auto& step : steps_) step->cancel();
  }
  /// Waits for all of them. A callback may still add one meanwhile.
  void release() {
    while (true) {
      std::vector<std::unique_ptr<Step>> steps;
      {
        std::lock_guard lock(mutex_);
        if (steps_.empty()) return;
        steps.swap(steps_);
      }
    }
  }

 private:
  void end(std::size_t engine, Result<StepOutput> output) {
    const bool next = !output && output.error().code == ErrorCode::unavailable && !reported_ && engine + 1 < engines_.size();
    if (next) {
      warnings_.push_back(std::string(engines_[engine]->name()) + " is not available (" + output.error().what + "); " +
                          std::string(engines_[engine + 1]->name()) + " answers");
      auto started = start(engine + 1);
      if (started) return;
      output = tl::unexpected(started.error());
    }
    if (output) {
      output->ids.clear();
      output->warnings.insert(output->warnings.begin(), warnings_.begin(), warnings_.end());
    }
    done_(std::move(output));
  }

  const Engines& engines_;
  StepInput input_;
  Model::OnDelta delta_;
  Model::OnDone done_;
  bool reported_ = false;               // on the thread of the engine at work
  std::vector<std::string> warnings_;
  std::mutex mutex_;
  bool cancelled_ = false;
  std::vector<std::unique_ptr<Step>> steps_;
};

class RoutedStep final : public Step {
 public:
  explicit RoutedStep(std::shared_ptr<RoutedRun> run) : run_(std::move(run)) {}
  ~RoutedStep() override {
    run_->cancel();
    run_->release();
  }
  void cancel() override { run_->cancel(); }

 private:
  std::shared_ptr<RoutedRun> run_;
};

class Routed final : public Model {
 public:
  Routed(std::string name, Engines engines) : name_(std::move(name)), engines_(std::move(engines)) {
    for (const auto& engine : engines_) fingerprint_.append(fingerprint_.empty() ? "" : "|").append(engine->fingerprint());
  }
  std::string_view fingerprint() const override { return fingerprint_; }
  std::string_view name() const override { return name_; }
  Recommended recommended() const override { return engines_.front()->recommended(); }
  /// A tool is offered only if every engine can be given it: which one answers is not known before.
  std::string refuse_tool(const ToolText& tool) override {
    for (const auto& engine : engines_)
      if (std::string why = engine->refuse_tool(tool); !why.empty()) return why;
    return {};
  }
  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    auto run = std::make_shared<RoutedRun>(engines_, input, std::move(delta), std::move(done));
    auto step = std::make_unique<RoutedStep>(run);
    if (auto started = run->start(0); !started) return tl::unexpected(started.error());
    return step;
  }

 private:
  std::string name_, fingerprint_;
  Engines engines_;
};

}  // namespace

std::unique_ptr<Model> make_routed(std::string name, Engines engines) {
  return std::make_unique<Routed>(std::move(name), std::move(engines));
}

}  // namespace praxis::agent
