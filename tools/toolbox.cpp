#include "tools/toolbox.h"

#include <algorithm>

#include "tools/json_check.h"
#include "tools/text.h"

namespace praxis::tools {
namespace {

constexpr std::size_t kToolsMax = 256;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kDescriptionBytesMax = 4096;
constexpr std::size_t kSchemaBytesMax = 256 * 1024;
constexpr std::size_t kPathBytesMax = 400;    // of a place in arguments, as the model reads it
constexpr std::size_t kReasonBytesMax = 800;
constexpr std::uint32_t kDeadlineMsMax = 24 * 3600 * 1000u;
constexpr std::uint32_t kOutputBytesMax = 16 * 1024 * 1024;

bool good_name(std::string_view name) {
  constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= kNameBytesMax &&
         name.find_first_not_of(allowed) == name.npos;
}

tl::unexpected<Error> refuse(ErrorCode code, std::string what, std::string where) {
  return tl::unexpected(Error{code, std::move(what), std::move(where)});
}

Result<void> check(const ToolSpec& spec) {
  if (!good_name(spec.name))
    return refuse(ErrorCode::bad_plugin, "a tool's name must have 1 to 64 of A-Z a-z 0-9 _ . -",
                  "\"" + spec.name + "\"");
  if (spec.description.size() > kDescriptionBytesMax)
    return refuse(ErrorCode::bad_plugin,
                  "the description has more than 4096 bytes (tools.description_bytes_max)",
                  spec.name);
  if (auto schema = check_json(spec.schema, JsonShape::object, {.bytes_max = kSchemaBytesMax});
      !schema)
    return refuse(ErrorCode::bad_schema, "schema: " + schema.error().what,
                  spec.name + " " + schema.error().where);
  if (spec.limits.deadline_ms == 0 || spec.limits.deadline_ms > kDeadlineMsMax)
    return refuse(ErrorCode::bad_plugin, "deadline_ms must be 1 to 86400000", spec.name);
  if (spec.limits.output_bytes_max == 0 || spec.limits.output_bytes_max > kOutputBytesMax)
    return refuse(ErrorCode::bad_plugin, "output_bytes_max must be 1 to 16777216", spec.name);
  return {};
}

}  // namespace

Result<void> Toolbox::add(ToolSpec spec, std::shared_ptr<Backend> backend) {
  if (!backend) return refuse(ErrorCode::internal, "a tool needs a backend", spec.name);
  if (auto good = check(spec); !good) return good;
  if (const ToolSpec* other = find(spec.name))
    return refuse(ErrorCode::duplicate,
                  "tool " + spec.name + " is already there, from " +
                      (other->source.empty() ? "the program" : other->source),
                  spec.name);
  if (entries_.size() == kToolsMax)
    return refuse(ErrorCode::bad_plugin, "there are 256 tools already (tools.tools_max)",
                  spec.name);
  ArgumentsCheck judge;
  if (make_check_) {
    auto made = make_check_(spec.schema);
    if (!made)
      return refuse(ErrorCode::bad_schema, "schema: " + made.error().what,
                    spec.name + " " + made.error().where);
    judge = std::move(*made);
  }
  entries_.push_back(std::make_shared<const Entry>(
      Entry{std::move(spec), std::move(backend), std::move(judge)}));
  return {};
}

const Toolbox::Entry* Toolbox::entry(std::string_view name) const {
  for (const auto& entry : entries_)
    if (entry->spec.name == name) return entry.get();
  return nullptr;
}

const ToolSpec* Toolbox::find(std::string_view name) const {
  const Entry* found = entry(name);
  return found ? &found->spec : nullptr;
}

std::shared_ptr<Backend> Toolbox::backend(std::string_view name) const {
  const Entry* found = entry(name);
  return found ? found->backend : nullptr;
}

std::string Toolbox::refuse_arguments(std::string_view tool, std::string_view arguments) const {
  const Entry* found = entry(tool);
  if (!found) return "no tool " + one_line(tool, kNameBytesMax);
  auto good = check_json(arguments, JsonShape::object);
  if (good && found->check) good = found->check(arguments);
  if (good) return {};
  return "bad arguments: " + one_line(good.error().where, kPathBytesMax) + ": " +
         one_line(good.error().what, kReasonBytesMax);
}

std::vector<const ToolSpec*> Toolbox::list() const {
  std::vector<const ToolSpec*> specs;
  specs.reserve(entries_.size());
  for (const auto& entry : entries_) specs.push_back(&entry->spec);
  return specs;
}

Result<Toolbox> Toolbox::only(const std::vector<std::string>& names) const {
  Toolbox chosen(make_check_);
  for (const std::string& name : names) {
    const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& e) { return e->spec.name == name; });
    if (entry == entries_.end()) {
      std::string there;
      for (const auto& e : entries_) there += (there.empty() ? "" : ", ") + e->spec.name;
      return refuse(ErrorCode::not_found,
                    "no tool " + name + "; there is " + (there.empty() ? "none" : there), name);
    }
    if (!chosen.find(name)) chosen.entries_.push_back(*entry);  // named twice is listed once
  }
  return chosen;
}

}  // namespace praxis::tools
