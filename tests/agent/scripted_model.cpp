#include "tests/agent/scripted_model.h"

#include <condition_variable>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

namespace praxis::agent {

Script& Script::add(ParsedDelta::Kind kind, std::string text, std::uint32_t call) {
  Beat beat;
  beat.delta = ParsedDelta{kind, std::move(text), call};
  beats_.push_back(std::move(beat));
  return *this;
}

Script& Script::think(std::string text) { return add(ParsedDelta::Kind::reasoning, std::move(text)); }
Script& Script::say(std::string text) { return add(ParsedDelta::Kind::text, std::move(text)); }

Script& Script::unfinished_call(std::string name, std::string arguments) {
  add(ParsedDelta::Kind::call_name, std::move(name), calls_);
  std::size_t half = arguments.size() / 2;
  add(ParsedDelta::Kind::call_arguments, arguments.substr(0, half), calls_);
  add(ParsedDelta::Kind::call_arguments, arguments.substr(half), calls_);
  ++calls_;
  return *this;
}

Script& Script::call(std::string name, std::string arguments) {
  unfinished_call(std::move(name), std::move(arguments));
  return add(ParsedDelta::Kind::call_end, "", calls_ - 1);
}

Script& Script::wait(std::function<void()> until) {
  Beat beat;
  beat.wait = std::move(until);
  beats_.push_back(std::move(beat));
  return *this;
}

Script& Script::until_cancelled() {
  Beat beat;
  beat.until_cancelled = true;
  beats_.push_back(std::move(beat));
  return *this;
}

Script& Script::ids(std::vector<engine::TokenId> ids) {
  output_.ids = std::move(ids);
  return *this;
}

Script& Script::end(engine::Finish finish, bool cut) {
  output_.finish = finish;
  output_.cut = cut;
  return *this;
}

Script& Script::stop_at(std::string text) {
  output_.stopped_by = std::move(text);
  return *this;
}

Script& Script::fail(Error error) {
  failure_ = std::move(error);
  return *this;
}

Script& Script::refuse(Error error) {
  refusal_ = std::move(error);
  return *this;
}

Script& Script::explode(std::string words) {
  explosion_ = std::move(words);
  return *this;
}

Script& Script::use(Usage usage) {
  output_.usage = usage;
  return *this;
}

class ScriptedStep final : public Step {
 public:
  ScriptedStep(Script script, Model::OnDelta delta, Model::OnDone done) {
    player_ = std::thread([this, script = std::move(script), delta = std::move(delta), done = std::move(done)] {
      play(script, delta, done);
    });
  }
  ~ScriptedStep() override {
    cancel();
    player_.join();
  }
  void cancel() override {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  void play(const Script& script, const Model::OnDelta& delta, const Model::OnDone& done) {
    for (const auto& beat : script.beats_) {
      if (beat.wait) beat.wait();
      std::unique_lock lock(mutex_);
      if (beat.until_cancelled) changed_.wait(lock, [this] { return cancelled_; });
      if (cancelled_) {
        StepOutput output = script.output_;
        output.finish = engine::Finish::cancelled;
        lock.unlock();
        return done(std::move(output));
      }
      lock.unlock();
      if (beat.delta) delta(*beat.delta);
    }
    if (script.failure_) return done(tl::unexpected(*script.failure_));
    done(script.output_);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  std::thread player_;
};

ScriptedModel::ScriptedModel(std::vector<Script> scripts)
    : choose_([this, scripts = std::move(scripts)](const StepInput&) {
        std::size_t step = inputs().size() - 1;
        if (step < scripts.size()) return scripts[step];
        return Script().refuse({ErrorCode::internal, "the script ends before this step", "step " + std::to_string(step)});
      }) {}

ScriptedModel::ScriptedModel(std::function<Script(const StepInput&)> choose) : choose_(std::move(choose)) {}

Result<std::unique_ptr<Step>> ScriptedModel::start(const StepInput& input, OnDelta delta, OnDone done) {
  {
    std::lock_guard lock(mutex_);
    inputs_.push_back(input);
  }
  Script script = choose_(input);
  if (script.explosion_) throw std::runtime_error(*script.explosion_);
  if (script.refusal_) return tl::unexpected(*script.refusal_);
  return std::make_unique<ScriptedStep>(std::move(script), std::move(delta), std::move(done));
}

std::vector<StepInput> ScriptedModel::inputs() const {
  std::lock_guard lock(mutex_);
  return inputs_;
}

}  // namespace praxis::agent
