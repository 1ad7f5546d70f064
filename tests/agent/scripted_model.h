#pragma once
// A model that says what it was told to: each step plays a script, from a thread of its own, with
// the pauses, ids, ends and errors that the script wants.

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/model.h"

namespace praxis::agent {

/// One step of the model, in the order in which it is played. The verbs can be chained:
///   Script().think("two and two").call("add", R"({"a":2,"b":2})").ids({7, 8, 9})
class Script {
 public:
  Script& think(std::string text);
  Script& say(std::string text);
  /// A whole call; its arguments come in two fragments.
  Script& call(std::string name, std::string arguments = "{}");
  /// A call that is cut off before its arguments are whole.
  Script& unfinished_call(std::string name, std::string arguments);
  /// Called on the model's thread; may block until something happened elsewhere.
  Script& wait(std::function<void()> until);
  /// Goes no further until the step is cancelled.
  Script& until_cancelled();
  Script& ids(std::vector<engine::TokenId> ids);
  /// Ends with `finish` instead of stop; `cut`: free text ended by its budget.
  Script& end(engine::Finish finish, bool cut = false);
  /// Ends before this stop text.
  Script& stop_at(std::string text);
  /// Ends with an error.
  Script& fail(Error error);
  /// The step does not start at all.
  Script& refuse(Error error);
  /// Its start throws, as a machine without memory would.
  Script& explode(std::string words);
  Script& use(Usage usage);

 private:
  friend class ScriptedModel;
  friend class ScriptedStep;
  struct Beat {
    std::optional<ParsedDelta> delta;
    std::function<void()> wait;
    bool until_cancelled = false;
  };
  Script& add(ParsedDelta::Kind kind, std::string text, std::uint32_t call = 0);
  std::vector<Beat> beats_;
  std::uint32_t calls_ = 0;
  StepOutput output_;
  std::optional<Error> failure_, refusal_;
  std::optional<std::string> explosion_;
};

class ScriptedModel final : public Model {
 public:
  /// Step n plays scripts[n]; one step more is an internal error.
  explicit ScriptedModel(std::vector<Script> scripts);
  /// Chooses by what the step was given: for runs that go on in another process.
  explicit ScriptedModel(std::function<Script(const StepInput&)> choose);

  std::string_view fingerprint() const override { return fingerprint_; }
  Recommended recommended() const override { return recommended_; }
  std::string refuse_tool(const ToolText& tool) override { return tool.name == refused_tool_ ? "too deep" : ""; }
  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override;

  /// What each step was given, in order.
  std::vector<StepInput> inputs() const;

  std::string fingerprint_ = "scripted";
  std::string refused_tool_;
  Recommended recommended_;

 private:
  std::function<Script(const StepInput&)> choose_;
  mutable std::mutex mutex_;
  std::vector<StepInput> inputs_;
};

}  // namespace praxis::agent
