#include "agent/arguments.h"

#include <memory>
#include <utility>

#include "grammar/check.h"

namespace praxis::agent {

tools::Result<tools::ArgumentsCheck> check_by_schema(std::string_view schema) {
  auto made = grammar::Checker::create(schema);
  if (!made) return tl::unexpected(tools::Error{tools::ErrorCode::bad_schema, made.error().what, made.error().where});
  auto checker = std::make_shared<const grammar::Checker>(std::move(*made));
  return [checker](std::string_view arguments) -> tools::Result<void> {
    const auto refuse = [](std::string what, std::string where) {
      return tl::unexpected(tools::Error{tools::ErrorCode::bad_arguments, std::move(what), std::move(where)});
    };
    auto failure = checker->check(arguments);
    if (!failure) return refuse(failure.error().what, failure.error().where);
    if (*failure)
      return refuse("does not satisfy " + (*failure)->schema_path + " of the tool's schema", (*failure)->instance_path);
    return {};
  };
}

}  // namespace praxis::agent
