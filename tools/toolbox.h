#pragma once
// The tools that are available now.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tool.h"

namespace praxis::tools {

class Toolbox {
 public:
  /// Refuses a bad name, a schema that is not a JSON object, and a name that is already taken.
  Result<void> add(ToolSpec spec, std::shared_ptr<Backend> backend);
  const ToolSpec* find(std::string_view name) const;
  std::shared_ptr<Backend> backend(std::string_view name) const;
  std::vector<const ToolSpec*> list() const;   // in the order they were added
  /// Only these, in this order. An unknown name is an error that lists what there is.
  Result<Toolbox> only(const std::vector<std::string>& names) const;

 private:
  struct Entry { ToolSpec spec; std::shared_ptr<Backend> backend; };
  std::vector<std::shared_ptr<const Entry>> entries_;
};

}  // namespace praxis::tools
