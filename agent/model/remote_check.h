#pragma once
// Whether what a server's model wrote may be taken: its calls by their tools' schemas, its answer by
// the form that was asked for. The same grammar judges as constrains the local model.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/error.h"
#include "agent/model/model.h"
#include "grammar/check.h"

namespace praxis::agent {

/// Schemas made ready to judge by, kept from step to step. Thread-safe.
class SchemaChecks {
 public:
  static constexpr std::size_t kSchemasMax = 1024;
  using Check = std::shared_ptr<const grammar::Checker>;
  grammar::Result<Check> get(const std::string& schema);

 private:
  std::mutex mutex_;
  std::map<std::string, grammar::Result<Check>> checks_;  // refusals among them
};

/// The checks of one step.
class RemoteCheck {
 public:
  /// Refuses (bad_request) a step that nothing could satisfy: a tool choice that cannot be met, more
  /// than one form of answer, a form that cannot be judged.
  static Result<RemoteCheck> create(const StepInput& input, SchemaChecks& schemas);

  const std::vector<ToolText>& tools() const { return tools_; }  // that may be called
  bool call_required() const { return required_; }
  bool binds_answer() const { return form_ != Form::free; }

  /// Why a call cannot be taken, for the model to read; empty if it can.
  std::string refuse_call(const std::string& name, const std::string& arguments) const;
  /// Why a text is not the answer; empty if it is. White space around it is dropped where only so it
  /// has the form.
  std::string refuse_answer(std::string& text) const;

 private:
  enum class Form : std::uint8_t { free, schema, regex, choices };
  Result<void> read_form(const Settings& settings, SchemaChecks& schemas);
  std::string refuse_exact(const std::string& text) const;

  std::vector<ToolText> tools_;
  std::vector<SchemaChecks::Check> arguments_;  // of each of them
  bool required_ = false;
  Form form_ = Form::free;
  SchemaChecks::Check answer_;
  std::vector<std::string> choices_;
};

}  // namespace praxis::agent
