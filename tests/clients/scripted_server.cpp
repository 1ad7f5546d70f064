// The server's real HTTP and API code over a model that does what its user says, line by line, so
// that unmodified clients can be taken through any conversation. The last user message may have
//
//   call NAME ARGUMENTS   call that tool; several lines are parallel calls
//   say TEXT              answer with TEXT
//   pause                 be silent for longer than the server lets a client wait
//   wait                  say nothing more until the client goes
//   break                 fail in the middle
//
// and is greeted where it has none of these. Results of calls are answered by quoting them.
//
//   scripted_server FOLDER   serves on a free port of 127.0.0.1, which it prints; its database is
//                            in FOLDER. The key is "test-key".
//
// GET /test/inputs lists what the model was given, step by step.

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <thread>

#include "agent/api/handlers.h"
#include "tests/agent/scripted_model.h"

namespace praxis::agent {

namespace {

using api::Json;

constexpr std::chrono::seconds kKeepAlive{1};
constexpr std::chrono::milliseconds kPause{2200};  // the server looks for silent connections once a second

/// Word by word, as tokens come.
void say_in_pieces(std::string_view text, const std::function<void(std::string)>& say) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(' ', 1));
    say(std::string(piece));
    text.remove_prefix(piece.size());
  }
}

void answer(Script& script, std::string_view text) {
  say_in_pieces(text, [&script](std::string piece) { script.say(std::move(piece)); });
}

/// Plays one line of a user's message; false where it is an ordinary one.
bool obey(Script& script, const std::string& line) {
  const auto space = line.find(' ');
  const std::string verb = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (verb == "say") {
    answer(script, rest);
  } else if (verb == "call") {
    const auto end = rest.find(' ');
    script.call(rest.substr(0, end), end == std::string::npos ? "{}" : rest.substr(end + 1));
  } else if (verb == "pause") {
    script.wait([] { std::this_thread::sleep_for(kPause); });
  } else if (verb == "wait") {
    script.until_cancelled();
  } else if (verb == "break") {
    script.fail({ErrorCode::internal, "the script breaks off", "step"});
  } else {
    return false;
  }
  return true;
}

Script choose(const StepInput& input) {
  Script script;
  if (input.settings.thinking)
    say_in_pieces("Let me think about this.", [&script](std::string piece) { script.think(std::move(piece)); });
  const Message& last = input.messages.back();
  if (last.role == SenderRole::tool) {
    auto first = input.messages.end();
    while (first[-1].role == SenderRole::tool) --first;
    std::string results = "The tools say:";
    for (; first != input.messages.end(); ++first) results += " " + first->content;
    answer(script, results);
  } else {
    bool obeyed = false;
    std::istringstream lines(last.content);
    for (std::string line; std::getline(lines, line);) obeyed = obey(script, line) || obeyed;
    if (!obeyed) answer(script, "Hello! How can I help you today?");
  }
  Usage usage;
  usage.prompt_tokens = 100;
  usage.cached_tokens = 60;
  usage.output_tokens = 20;
  usage.reasoning_tokens = 8;
  return script.ids({11, 12, 13}).use(usage);
}

Json to_json(const Message& message) {
  constexpr const char* kRoles[] = {"system", "user", "assistant", "tool"};
  Json out;
  out["role"] = kRoles[static_cast<std::size_t>(message.role)];
  out["content"] = message.content;
  if (!message.reasoning.empty()) out["reasoning"] = message.reasoning;
  for (const ToolCall& call : message.calls)
    out["calls"].push_back({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  if (!message.call_id.empty()) out["call_id"] = message.call_id;
  if (!message.ids.empty()) out["ids"] = message.ids;
  return out;
}

Json to_json(const StepInput& input) {
  Json out;
  for (const Message& message : input.messages) out["messages"].push_back(to_json(message));
  out["tools"] = Json::array();
  for (const ToolText& tool : input.tools) out["tools"].push_back(tool.name);
  out["tool_choice"] = input.settings.tool_choice;
  out["thinking"] = input.settings.thinking;
  out["answer_schema"] = input.settings.answer_schema;
  return out;
}

http::Handler with_inputs(const ScriptedModel& model, http::Handler routes) {
  return [&model, routes = std::move(routes)](http::Exchange& exchange) -> boost::asio::awaitable<void> {
    if (exchange.request().path != "/test/inputs") return routes(exchange);
    Json list = Json::array();
    for (const StepInput& input : model.inputs()) list.push_back(to_json(input));
    return exchange.reply(api::json_reply(list));
  };
}

int serve(const std::filesystem::path& folder) {
  auto store = memory::Store::open(folder / "scripted.db");
  if (!store) return std::fprintf(stderr, "%s\n", store.error().what.c_str()), 1;
  ScriptedModel model(choose);
  boost::asio::io_context context(1);
  api::ServiceOptions options;
  options.names = {{"scripted", std::nullopt}, {"deepseek-reasoner", true}, {"deepseek-chat", false}};
  api::Service service(context.get_executor(), model, nullptr, **store, std::move(options));

  http::ServerOptions settings;
  settings.access.keys = {"test-key"};
  settings.access.hosts = {"127.0.0.1"};
  settings.refuse = [](const http::Refusal& refusal) { return api::to_reply(api::to_api(refusal)); };
  settings.limits.keep_alive_seconds = kKeepAlive.count();
  auto server = http::Server::listen(context, std::move(settings), with_inputs(model, api::routes(service)));
  if (!server) return std::fprintf(stderr, "%s\n", server.error().what.c_str()), 1;
  std::printf("serves http://127.0.0.1:%u/v1\n", (*server)->port());
  std::fflush(stdout);
  context.run();
  return 0;
}

}  // namespace

}  // namespace praxis::agent

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: scripted_server FOLDER\n"), 2;
  return praxis::agent::serve(argv[1]);
}
