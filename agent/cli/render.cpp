// praxis render: the prompt the model would get, segment by segment, with its token ids.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/report.h"
#include "agent/cli/session.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

std::string_view kind(const Segment& segment) {
  switch (segment.kind) {
    case Segment::Kind::control: return "control";
    case Segment::Kind::text: return "text";
    case Segment::Kind::ids: return "ids";
  }
  return "text";
}

}  // namespace

int render(const Options& options) {
  std::vector<std::string> warnings;
  auto wanted = settings(options);
  if (!wanted) return report(wanted.error());
  auto toolbox = open_tools(options, warnings);
  if (!toolbox) return report(toolbox.error());
  auto model = open_model(options);
  if (!model) return report(model.error());

  StepInput input;
  input.settings = *wanted;
  if (!options.id.empty() || options.question.empty()) {
    auto store = open_store(options);
    if (!store) return report(store.error());
    auto reads = (*store)->read();
    auto row = options.id.empty() ? reads.latest_conversation() : reads.conversation(options.id);
    if (!row) return report(from(row.error()));
    if (options.policy.empty()) input.settings.policy = static_cast<ThinkPolicy>(row->think_policy);
    auto messages = conversation_messages(**store, row->id, (*model)->fingerprint());
    if (!messages) return report(messages.error());
    input.messages = std::move(*messages);
  } else if (!options.system.empty()) {
    input.messages.push_back({SenderRole::system, options.system});
  }
  if (!options.question.empty()) input.messages.push_back({SenderRole::user, options.question});
  for (const tools::ToolSpec* spec : toolbox->list()) {
    ToolText tool{spec->name, spec->description, spec->schema};
    std::string why = (*model)->refuse_tool(tool);
    if (why.empty())
      input.tools.push_back(std::move(tool));
    else
      warnings.push_back("tool " + spec->name + " is left out: " + why);
  }
  print_warnings(warnings);

  std::vector<Segment> segments = (*model)->segments(input);
  const engine::Tokenizer& tokenizer = (*model)->engine().tokenizer();
  Json list = Json::array();
  Json all = Json::array();
  for (const auto& segment : segments) {
    auto tokens = to_tokens(std::span(&segment, 1), tokenizer);
    if (!tokens) return report({ErrorCode::internal, tokens.error().what, tokens.error().where});
    Json entry;
    entry["kind"] = kind(segment);
    std::vector<engine::TokenId> ids;
    for (const auto& token : *tokens) ids.push_back(token.id);
    entry["text"] = segment.kind == Segment::Kind::ids ? tokenizer.decode(ids) : segment.text;
    entry["ids"] = ids;
    for (auto id : ids) all.push_back(id);
    list.push_back(std::move(entry));
  }
  if (options.json) {
    Json out;
    out["dialect"] = (*model)->dialect().name();
    out["segments"] = std::move(list);
    out["ids"] = std::move(all);
    std::puts(line(out).c_str());
    return kOk;
  }
  for (const auto& entry : list) {
    std::string text = entry["text"].get<std::string>();
    if (entry["kind"] != "control") text = line(Json(text));
    std::printf("%-7s %5zu  %s\n", entry["kind"].get<std::string>().c_str(), entry["ids"].size(), printable(text).c_str());
  }
  std::printf("%zu tokens\n", all.size());
  return kOk;
}

}  // namespace praxis::agent::cli
