#pragma once
// The tools that are available now.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/tool.h"

namespace praxis::tools {

/// Judges a call's arguments, one JSON object as text; called from several threads at once. The
/// error's `where` is the place in the arguments, its `what` names the place in the schema.
using ArgumentsCheck = std::function<Result<void>(std::string_view arguments)>;
/// Makes a tool's check from its schema, once; refuses a schema that cannot be judged by.
using MakeCheck = std::function<Result<ArgumentsCheck>(std::string_view schema)>;

class Toolbox {
 public:
  /// Without a maker of checks every JSON object passes for arguments.
  explicit Toolbox(MakeCheck make_check = {}) : make_check_(std::move(make_check)) {}

  /// Refuses a bad name, a name that is already taken, and with bad_schema a schema that is not a
  /// JSON object or that cannot be judged by.
  Result<void> add(ToolSpec spec, std::shared_ptr<Backend> backend);
  const ToolSpec* find(std::string_view name) const;
  std::shared_ptr<Backend> backend(std::string_view name) const;
  std::vector<const ToolSpec*> list() const;   // in the order they were added
  /// Only these, in this order. An unknown name is an error that lists what there is.
  Result<Toolbox> only(const std::vector<std::string>& names) const;
  /// Why these arguments may not reach a tool of this box, for the model to read; empty if they
  /// may: they are one strict JSON object that satisfies the tool's schema. Any thread.
  std::string refuse_arguments(std::string_view tool, std::string_view arguments) const;

 private:
  struct Entry { ToolSpec spec; std::shared_ptr<Backend> backend; ArgumentsCheck check; };
  const Entry* entry(std::string_view name) const;

  MakeCheck make_check_;
  std::vector<std::shared_ptr<const Entry>> entries_;
};

}  // namespace praxis::tools
