#include "agent/cli/session.h"

#include <sys/random.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/cli/input.h"
#include "agent/cli/interrupt.h"
#include "agent/cli/paths.h"
#include "agent/cli/report.h"
#include "agent/recover.h"
#include "agent/tool_choice.h"

namespace praxis::agent::cli {

namespace {

/// Asks on the terminal; without one nobody can say yes.
void ask_approval(const tools::ToolSpec& spec, const ToolCall& call, std::function<void(bool)> allow) {
  if (!isatty(STDIN_FILENO)) return allow(false);
  std::fprintf(stderr, "%s wants to run (%s):\n  %s\nallow? [y/N] ", printable(spec.name).c_str(),
               std::string(tools::to_string(spec.effect)).c_str(), printable(call.arguments).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  allow(answer == "y" || answer == "Y" || answer == "yes");
}

/// ID=BIAS, as --logit-bias takes it.
Result<LogitBias> read_bias(const std::string& text) {
  LogitBias out;
  const char* end = text.data() + text.size();
  auto id = std::from_chars(text.data(), end, out.token);
  bool separated = id.ec == std::errc() && id.ptr != end && *id.ptr == '=';
  if (separated)
    if (auto bias = std::from_chars(id.ptr + 1, end, out.bias); bias.ec == std::errc() && bias.ptr == end) return out;
  return tl::unexpected(Error{ErrorCode::bad_request, "\"" + text + "\" is not ID=BIAS, a token's id and a number", "--logit-bias"});
}

}  // namespace

namespace {

LocalOptions local_options(const Options& options) {
  LocalOptions local;
  local.dialect = options.dialect;
  local.threads = options.threads;
  auto bar = std::make_shared<ProgressBar>();
  local.progress = [bar](double fraction) { (*bar)(fraction); };
  return local;
}

}  // namespace

Result<std::unique_ptr<LocalModel>> open_model(const Options& options) {
  auto path = model_path(options);
  if (!path) return tl::unexpected(path.error());
  LocalOptions local = local_options(options);
  local.model = *path;
  return LocalModel::load(local);
}

Result<EngineList> read_engines_file(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  return read_engines(*text);
}

Result<std::unique_ptr<Model>> open_engine(const Options& options) {
  const bool elsewhere = !options.engine.empty() || !options.engines.empty();
  if (elsewhere && !options.model.empty())
    return tl::unexpected(Error{ErrorCode::bad_request, "a model folder and an engine are two answers to one question; give one", "--model"});
  if (!options.engines.empty()) {
    auto list = read_engines_file(options.engines);
    if (!list) return tl::unexpected(list.error());
    return open_engines(*list, options.engine, local_options(options));
  }
  if (options.engine.empty()) return open_model(options);
  RemoteOptions remote;
  remote.url = options.engine;
  remote.model = options.engine_model;
  remote.api = remote_api_from(options.engine_api);  // auto: none
  if (auto taken = take_key(options.engine_key_env, remote); !taken) return tl::unexpected(taken.error());
  return RemoteModel::open(remote);
}

Result<std::unique_ptr<memory::Store>> open_store(const Options& options) {
  auto path = database_path(options);
  if (!path) return tl::unexpected(path.error());
  auto store = memory::Store::open(*path);
  if (!store) return tl::unexpected(from(store.error()));
  return std::move(*store);
}

Result<Settings> settings(const Options& options) {
  Settings out;
  Budgets& budgets = out.budgets;
  budgets.steps_max = options.steps_max.value_or(budgets.steps_max);
  budgets.think_tokens_max = options.think_budget.value_or(budgets.think_tokens_max);
  budgets.output_tokens_max = options.tokens_max.value_or(budgets.output_tokens_max);
  budgets.wall_seconds_max = options.seconds_max.value_or(budgets.wall_seconds_max);
  out.thinking = options.thinking;
  out.policy = think_policy_from(options.policy).value_or(out.policy);
  out.tool_choice = options.tool_choice;
  if (auto choice = read_tool_choice(options.tool_choice); !choice)
    return tl::unexpected(Error{ErrorCode::bad_request, choice.error().what, "--tool-choice"});
  out.approve = options.approve;
  out.parallel_calls = options.parallel_calls;
  out.system = options.system;
  out.temperature = options.temperature;
  out.top_p = options.top_p;
  out.top_k = options.top_k;
  out.min_p = options.min_p;
  out.presence_penalty = options.presence_penalty;
  out.frequency_penalty = options.frequency_penalty;
  for (const auto& text : options.logit_bias) {
    auto bias = read_bias(text);
    if (!bias) return tl::unexpected(bias.error());
    out.logit_bias.push_back(*bias);
  }
  out.stop = options.stop;
  out.logprobs = options.logprobs;
  if (options.seed) {
    out.seed = *options.seed;
  } else {
    std::uint64_t seed = 0;
    (void)!getrandom(&seed, sizeof seed, 0);
    out.seed = seed >> 11;  // 53 bits: a JSON number in any reader
  }
  if (!options.schema.empty()) {
    auto schema = read_file(options.schema);
    if (!schema) return tl::unexpected(schema.error());
    out.answer_schema = std::move(*schema);
  }
  out.answer_regex = options.regex;
  out.answer_choices = options.choices;
  out.cite = options.cite;
  if (auto checked = check(out); !checked) return tl::unexpected(checked.error());
  return out;
}

Session::Session(const Options& options) : options_(options), printer_(Printer::choose(options.json)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(const Options& options) {
  std::unique_ptr<Session> session(new Session(options));
  auto wanted = settings(options);
  if (!wanted) return tl::unexpected(wanted.error());
  session->settings_ = std::move(*wanted);

  auto toolbox = open_tools(options, session->warnings_);
  if (!toolbox) return tl::unexpected(toolbox.error());
  auto store = open_store(options);
  if (!store) return tl::unexpected(store.error());
  session->store_ = std::move(*store);
  auto left = settle_left_behind(*session->store_, *toolbox);
  if (!left) return tl::unexpected(left.error());
  auto model = open_engine(options);
  if (!model) return tl::unexpected(model.error());
  session->model_ = std::move(*model);
  session->dispatcher_ = std::make_unique<tools::Dispatcher>(std::move(*toolbox));
  if (auto chosen = session->choose_conversation(); !chosen) return tl::unexpected(chosen.error());
  return session;
}

Result<void> Session::choose_conversation() {
  if (options_.resume) {
    auto latest = store_->read().latest_conversation();
    if (!latest) {
      Error error = from(latest.error());
      if (latest.error().code == memory::ErrorCode::not_found) error.what = "there is no conversation to continue";
      return tl::unexpected(error);
    }
    conversation_ = latest->id;
  } else if (!options_.conversation.empty()) {
    conversation_ = options_.conversation;
  }
  if (conversation_.empty()) return {};
  auto row = store_->read().conversation(conversation_);
  if (!row) return tl::unexpected(from(row.error()));
  if (options_.policy.empty()) settings_.policy = static_cast<ThinkPolicy>(row->think_policy);
  auto claim = store_->claim(conversation_);
  if (!claim) return tl::unexpected(from(claim.error()));
  claim_.emplace(std::move(*claim));
  return {};
}

Result<std::optional<std::string>> Session::unfinished_run() {
  if (conversation_.empty()) return std::nullopt;
  auto runs = store_->read().unfinished_runs(conversation_);
  if (!runs) return tl::unexpected(from(runs.error()));
  if (runs->empty()) return std::nullopt;
  return runs->back().id;
}

RunOutcome Session::ask(const std::string& question) {
  NewTurn turn;
  turn.conversation_id = conversation_;
  turn.question = question;
  turn.settings = settings_;
  turn.model_name = model_->name();
  return run(begin_run(*store_, *model_, turn, claim_));
}

RunOutcome Session::resume(const std::string& run_id) { return run(resume_run(*store_, run_id)); }

Result<void> Session::abandon(const std::string& run_id) { return abandon_run(*store_, run_id); }

RunOutcome Session::run(Result<RunHandle> handle) {
  if (!handle) {
    RunOutcome outcome;
    outcome.status = RunStatus::failed;
    outcome.error = handle.error().where + ": " + handle.error().what;
    outcome.code = handle.error().code;
    report(handle.error());
    return outcome;
  }
  conversation_ = handle->conversation_id;
  for (const auto& text : warnings_) {
    Event event;
    event.type = Event::Type::warning;
    event.text = text;
    printer_(event);
  }
  warnings_.clear();
  Approve approve;
  if (options_.approve == "always") approve = [](const tools::ToolSpec&, const ToolCall&, const std::function<void(bool)>& allow) { allow(true); };
  if (options_.approve == "ask") approve = ask_approval;
  Workplace work{*model_, *dispatcher_, store_.get(), approve, [this](const Event& event) { printer_(event); }};
  Interrupt interrupt;
  OnInterrupt on_signal([interrupt]() mutable { interrupt.request(); });
  RunOutcome outcome = run_blocking(work, *handle, interrupt);
  if (outcome.status == RunStatus::failed && printer_.style() == Printer::Style::json)
    std::fprintf(stderr, "praxis: %s\n", printable(outcome.error).c_str());
  return outcome;
}

}  // namespace praxis::agent::cli
