#include "agent/model/remote_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/model/remote_request.h"
#include "agent/tool_choice.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

tl::unexpected<Error> refuse(std::string what, std::string where) {
  return tl::unexpected(Error{ErrorCode::bad_request, std::move(what), std::move(where)});
}

std::string words(const grammar::Error& error) { return error.where.empty() ? error.what : error.where + " " + error.what; }

/// Why `json` does not satisfy a schema, with the place in it and the keyword; empty if it does.
std::string failure(const grammar::Checker& checker, std::string_view json) {
  const auto verdict = checker.check(json);
  if (!verdict) return words(verdict.error());
  if (!*verdict) return {};
  return (*verdict)->instance_path + " does not satisfy " + (*verdict)->schema_path;
}

/// A pattern judges raw texts as the schema of a string that it matches as a whole.
std::string schema_of(const std::string& regex) {
  return dump({{"type", "string"}, {"pattern", "^(?:" + regex + ")$"}});
}

}  // namespace

grammar::Result<SchemaChecks::Check> SchemaChecks::get(const std::string& schema) {
  std::lock_guard lock(mutex_);
  if (auto it = checks_.find(schema); it != checks_.end()) return it->second;
  if (checks_.size() >= kSchemasMax) checks_.clear();
  auto made = grammar::Checker::create(schema);
  grammar::Result<Check> check = made ? grammar::Result<Check>(std::make_shared<const grammar::Checker>(std::move(*made)))
                                      : tl::unexpected(made.error());
  return checks_.emplace(schema, std::move(check)).first->second;
}

Result<RemoteCheck> RemoteCheck::create(const StepInput& input, SchemaChecks& schemas) {
  RemoteCheck out;
  auto choice = read_tool_choice(input.settings.tool_choice);
  if (!choice) return tl::unexpected(choice.error());
  auto tools = callable(*choice, input.tools);
  if (!tools) return tl::unexpected(tools.error());
  out.required_ = choice->mode == grammar::ToolChoice::required;
  std::optional<Error> refused;
  for (ToolText& tool : *tools) {
    auto check = schemas.get(parameters_schema(tool.schema));
    if (!check) {
      refused = Error{ErrorCode::bad_request, words(check.error()), "tool choice " + tool.name};
      continue;
    }
    out.tools_.push_back(std::move(tool));
    out.arguments_.push_back(*check);
  }
  // A tool whose schema the grammar refuses is lost alone, unless it was asked for by name.
  if (refused && (choice->only || (out.required_ && out.tools_.empty()))) return tl::unexpected(*refused);
  if (auto read = out.read_form(input.settings, schemas); !read) return tl::unexpected(read.error());
  return out;
}

Result<void> RemoteCheck::read_form(const Settings& settings, SchemaChecks& schemas) {
  const int forms = !settings.answer_schema.empty() + settings.answer_regex.has_value() + !settings.answer_choices.empty();
  if (forms > 1) return refuse("has more than one form; give a schema, a regex or choices", "answer");
  choices_ = settings.answer_choices;
  if (!choices_.empty()) form_ = Form::choices;
  if (forms == 0 || form_ == Form::choices) return {};
  form_ = settings.answer_regex ? Form::regex : Form::schema;
  auto check = schemas.get(settings.answer_regex ? schema_of(*settings.answer_regex) : settings.answer_schema);
  if (!check) return refuse(check.error().what, settings.answer_regex ? "answer regex" : "answer schema " + check.error().where);
  answer_ = *check;
  return {};
}

std::string RemoteCheck::refuse_call(const std::string& name, const std::string& arguments) const {
  const auto is_named = [&](const ToolText& tool) { return tool.name == name; };
  const auto tool = std::find_if(tools_.begin(), tools_.end(), is_named);
  if (tool == tools_.end()) {
    std::string names;
    for (const ToolText& one : tools_) names += (names.empty() ? "" : ", ") + one.name;
    return "no tool named " + name + " may be called" + (names.empty() ? "" : "; there are " + names);
  }
  const std::string why = failure(*arguments_[static_cast<std::size_t>(tool - tools_.begin())], arguments);
  return why.empty() ? why : "bad arguments: " + why + " of the tool's schema";
}

std::string RemoteCheck::refuse_exact(const std::string& text) const {
  switch (form_) {
    case Form::free: return {};
    case Form::choices: {
      if (std::find(choices_.begin(), choices_.end(), text) != choices_.end()) return {};
      std::string list;
      for (const std::string& choice : choices_) list += (list.empty() ? "" : ", ") + dump(choice);
      return "the answer is none of " + list;
    }
    case Form::regex: return failure(*answer_, dump(text)).empty() ? std::string() : "the answer does not match the pattern as a whole";
    case Form::schema: {
      const std::string why = failure(*answer_, text);
      return why.empty() ? why : "the answer is not as its schema demands: " + why;
    }
  }
  return {};
}

std::string RemoteCheck::refuse_answer(std::string& text) const {
  std::string why = refuse_exact(text);
  if (why.empty()) return why;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return why;
  std::string trimmed = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  std::string still = refuse_exact(trimmed);
  if (still.empty()) text = std::move(trimmed);
  return still;
}

}  // namespace praxis::agent
