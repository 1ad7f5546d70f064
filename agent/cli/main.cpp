// praxis: the command line. Every flag is declared here; the commands are one file each.

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>

#include "agent/cli/config_file.h"
#include "agent/cli/options.h"

#ifndef PRAXIS_VERSION
#error "the build defines PRAXIS_VERSION"
#endif

namespace {

using praxis::agent::cli::Options;

void add_model(CLI::App* app, Options& o) {
  app->add_option("--model", o.model, "model folder (default: $PRAXIS_MODEL, else the shipped tiny model)");
  app->add_option("--dialect", o.dialect, "chat format (default: chosen from the model's tokens)");
  app->add_option("--threads", o.threads, "compute threads (default: one per core)")->check(CLI::Range(0u, 1024u));
}

void add_engine(CLI::App* app, Options& o) {
  app->add_option("--engine", o.engine, "URL of a server instead of a model folder; with --engines: a name in that file");
  app->add_option("--engine-model", o.engine_model, "the server's id of the model (default: the first that it lists)");
  app->add_option("--engine-key-env", o.engine_key_env, "environment variable that holds the server's key");
  app->add_option("--engine-api", o.engine_api, "what the server is (default: it is asked)")
      ->check(CLI::IsMember({"auto", "deepseek", "vllm", "sglang", "llamacpp", "ollama", "openai"}))
      ->capture_default_str();
  app->add_option("--engines", o.engines, "JSON file with several engines, their prices and fall-backs");
}

void add_db(CLI::App* app, Options& o) {
  app->add_option("--db", o.db, "database file (default: $PRAXIS_DB, else praxis/praxis.db in your data folder)");
}

void add_tools(CLI::App* app, Options& o) {
  app->add_option("--tools", o.tools, "tools to offer, comma-separated (default: all that are available; '' for none)");
  app->add_option("--docs", o.docs, "folder that the search tool indexes");
  app->add_option("--files", o.files, "folder that the files tools may read");
  app->add_option("--plugin", o.plugins, "plugin to load besides the shipped ones (repeatable)")->allow_extra_args(false);
  app->add_option("--plugin-config", o.plugin_configs, "NAME=JSON: settings for a plugin (repeatable)")->allow_extra_args(false);
}

/// How the model writes, in a run or for a document.
void add_writing(CLI::App* app, Options& o) {
  app->add_option("--system", o.system, "system text");
  app->add_option_function<std::string>(
         "--thinking", [&o](const std::string& value) { o.thinking = value == "on"; }, "on or off (default on)")
      ->check(CLI::IsMember({"on", "off"}));
  app->add_option("--think-budget", o.think_budget, "thinking tokens per step");
  app->add_option("--max-tokens", o.tokens_max, "output tokens per step, thinking included")->check(CLI::PositiveNumber);
  app->add_option("--max-seconds", o.seconds_max, "wall time per run or document")->check(CLI::PositiveNumber);
  app->add_option("--temperature", o.temperature, "0: greedy (default: the dialect's)");
  app->add_option("--top-p", o.top_p, "(default: the dialect's)");
  app->add_option("--top-k", o.top_k, "0: off");
  app->add_option("--min-p", o.min_p, "0: off");
  app->add_option("--presence-penalty", o.presence_penalty, "-2 to 2, off the logits of tokens that this step has written");
  app->add_option("--frequency-penalty", o.frequency_penalty, "the same, for each time");
  app->add_option("--logit-bias", o.logit_bias, "ID=BIAS: -100 to 100, added to this token's logit (repeatable)")
      ->allow_extra_args(false);
  app->add_option("--seed", o.seed, "same seed, same model, same tokens (default: random)");
}

void add_run(CLI::App* app, Options& o) {
  app->add_option("--tool-choice", o.tool_choice, "auto, none, required (until the first call), one tool's name, or OpenAI's JSON")->capture_default_str();
  app->add_option_function<std::string>(
         "--parallel-calls", [&o](const std::string& value) { o.parallel_calls = value == "on"; },
         "on: several calls in one step; off: one (default on)")
      ->check(CLI::IsMember({"on", "off"}));
  app->add_option("--approve", o.approve, "calls that need approval: ask, always, never")
      ->check(CLI::IsMember({"ask", "always", "never"}))
      ->capture_default_str();
  auto* schema = app->add_option("--schema", o.schema, "JSON Schema file the answer must match");
  auto* regex = app->add_option("--regex", o.regex, "pattern that the answer must match as a whole")->excludes(schema);
  auto* choice = app->add_option("--choice", o.choices, "text that the answer may be (repeatable)")
                     ->allow_extra_args(false)
                     ->excludes(schema)
                     ->excludes(regex);
  app->add_flag("--cite", o.cite, "the answer may cite, as [FILE:LINE], what tools returned and nothing else; sources are listed")
      ->excludes(schema)
      ->excludes(regex)
      ->excludes(choice);
  app->add_option("--think-policy", o.policy, "earlier reasoning the model sees: strip_always, keep_in_loop, keep_if_tools, keep_all")
      ->check(CLI::IsMember({"strip_always", "keep_in_loop", "keep_if_tools", "keep_all"}));
  app->add_option("--max-steps", o.steps_max, "model passes per run")->check(CLI::PositiveNumber);
  app->add_option("--stop", o.stop, "text that ends the answer and is not part of it (repeatable)")->allow_extra_args(false);
  app->add_option("--logprobs", o.logprobs, "with --json: each token's log probability and that of the N most probable ones, 0 to 20");
  add_writing(app, o);
}

void add_serve(CLI::App* app, Options& o) {
  app->add_option("--host", o.address, "IP address to listen on; 0.0.0.0 for all")->capture_default_str();
  app->add_option("--port", o.port, "0: any free one")->capture_default_str();
  auto* key = app->add_option("--api-key", o.api_keys, "bearer token that clients send (repeatable; default: $PRAXIS_API_KEY, else the key file)")
                  ->allow_extra_args(false);
  auto* file = app->add_option("--api-key-file", o.api_key_file, "tokens, one a line (default: praxis/api_key in your data folder, made at the first start)");
  app->add_flag("--no-auth", o.no_auth, "take requests without a token; on a loopback address only")->excludes(key)->excludes(file);
  app->add_option("--allow-host", o.allow_hosts, "another name clients know this server by (repeatable)")->allow_extra_args(false);
  app->add_option("--allow-origin", o.allow_origins, "origin whose pages may use this server, * for any (repeatable)")->allow_extra_args(false);
  app->add_option("--model-name", o.model_names, "name that requests may give as model (repeatable)")->allow_extra_args(false);
  app->add_option("--max-requests", o.requests_max, "requests that decode or wait; one more is answered 429")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--max-runs", o.runs_max, "runs at work or waiting for approval; one more is answered 429")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--max-connections", o.connections_max, "open connections")->check(CLI::PositiveNumber)->capture_default_str();
  app->add_option("--drain-seconds", o.drain_seconds, "how long a stopping server lets answers finish")->capture_default_str();
  app->add_flag("--quiet", o.quiet, "no line for each request");
}

void add_json(CLI::App* app, Options& o) { app->add_flag("--json", o.json, "JSON on standard output"); }

void add_conversation(CLI::App* app, Options& o) {
  auto* resume = app->add_flag("--continue", o.resume, "go on with the latest conversation, or its unfinished run");
  app->add_option("--conversation", o.conversation, "go on with this conversation")->excludes(resume);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace praxis::agent::cli;
  std::signal(SIGPIPE, SIG_IGN);

  Options o;
  int (*command)(const Options&) = nullptr;
  auto does = [&command](CLI::App* app, int (*function)(const Options&)) {
    app->callback([&command, function] { command = function; });
  };

  CLI::App app("Praxis: an agent runtime for DeepSeek-R1-class reasoning models");
  app.require_subcommand(1);
  add_config(app);
  app.set_version_flag("--version", "praxis " PRAXIS_VERSION);

  auto* run_app = app.add_subcommand("run", "ask a question; the model thinks, calls tools and answers");
  run_app->add_option("question", o.question, "the question, - to read it from standard input; optional with --continue");
  add_model(run_app, o), add_engine(run_app, o), add_db(run_app, o), add_tools(run_app, o), add_run(run_app, o);
  add_conversation(run_app, o), add_json(run_app, o);
  does(run_app, run);

  auto* chat_app = app.add_subcommand("chat", "a conversation, one line a turn");
  add_model(chat_app, o), add_engine(chat_app, o), add_db(chat_app, o), add_tools(chat_app, o), add_run(chat_app, o);
  add_conversation(chat_app, o), add_json(chat_app, o);
  does(chat_app, chat);

  auto* extract_app = app.add_subcommand("extract", "read documents, write for each a line of JSON that satisfies a schema");
  extract_app->add_option("documents", o.documents, "files, folders, or - for lines {\"id\": …, \"text\": …} on standard input")
      ->required();
  extract_app->add_option("--schema", o.schema, "JSON Schema file that each value satisfies")->required();
  extract_app->add_option("--out", o.out, "file for the lines, appended as documents are done (default: standard output)");
  extract_app->add_flag("--resume", o.resume_extract, "go on with --out: documents that it holds are not done again");
  extract_app->add_flag("--retry-failed", o.retry_failed, "the same, but do again those that it holds with an error");
  extract_app->add_option("--prompt", o.prompt, "what the model is asked before schema and text, or a file that says it")
      ->capture_default_str();
  extract_app->add_option("--ext", o.extensions, "endings of the files to take from folders, comma-separated (default: all)");
  extract_app->add_option("--jobs", o.jobs, "documents under way at once")->check(CLI::Range(1, 256))->capture_default_str();
  add_model(extract_app, o), add_engine(extract_app, o), add_writing(extract_app, o), does(extract_app, extract);

  auto* serve_app = app.add_subcommand("serve", "an HTTP server: chat completions, responses, runs");
  add_model(serve_app, o), add_engine(serve_app, o), add_db(serve_app, o), add_tools(serve_app, o), add_run(serve_app, o), add_serve(serve_app, o);
  does(serve_app, serve);

  auto* conversations = app.add_subcommand("conversations", "stored conversations");
  conversations->require_subcommand(1);
  auto* list = conversations->add_subcommand("list", "the latest conversations");
  list->add_option("--limit", o.limit, "how many")->capture_default_str();
  add_db(list, o), add_json(list, o), does(list, conversations_list);
  auto* show = conversations->add_subcommand("show", "one conversation, with its reasoning and calls");
  show->add_option("id", o.id, "conversation")->required();
  add_db(show, o), add_json(show, o), does(show, conversations_show);
  auto* search = conversations->add_subcommand("search", "full-text search over all messages");
  search->add_option("query", o.query, "words")->required();
  search->add_option("--limit", o.limit, "how many")->capture_default_str();
  add_db(search, o), add_json(search, o), does(search, conversations_search);
  auto* remove = conversations->add_subcommand("delete", "delete a conversation with its runs and calls");
  remove->add_option("id", o.id, "conversation")->required();
  add_db(remove, o), does(remove, conversations_delete);

  auto* runs = app.add_subcommand("runs", "stored runs");
  runs->require_subcommand(1);
  auto* runs_list_app = runs->add_subcommand("list", "the latest runs");
  runs_list_app->add_option("--limit", o.limit, "how many")->capture_default_str();
  add_db(runs_list_app, o), add_json(runs_list_app, o), does(runs_list_app, runs_list);
  auto* runs_show_app = runs->add_subcommand("show", "one run: its settings, calls and journal");
  runs_show_app->add_option("id", o.id, "run")->required();
  add_db(runs_show_app, o), add_json(runs_show_app, o), does(runs_show_app, runs_show);

  auto* tools = app.add_subcommand("tools", "the tools a run would have");
  tools->require_subcommand(1);
  auto* tools_list_app = tools->add_subcommand("list", "names, effects, descriptions");
  add_tools(tools_list_app, o), add_json(tools_list_app, o), does(tools_list_app, tools_list);
  auto* tools_show_app = tools->add_subcommand("show", "one tool with its schema and limits");
  tools_show_app->add_option("name", o.id, "tool")->required();
  add_tools(tools_show_app, o), add_json(tools_show_app, o), does(tools_show_app, tools_show);

  auto* grammar = app.add_subcommand("grammar", "what a JSON Schema admits, without a model");
  grammar->require_subcommand(1);
  auto* check = grammar->add_subcommand("check", "does a schema compile; does an instance satisfy it, and where does it fail");
  check->add_option("--schema", o.schema, "JSON Schema file")->required();
  auto* instance = check->add_option("--instance", o.instance, "JSON file to judge");
  check->add_flag("--stdin", o.from_stdin, "judge what standard input says")->excludes(instance);
  check->add_flag("--strict", o.strict, "close additionalProperties where the schema is silent");
  add_json(check, o), does(check, grammar_check);
  auto* sample = grammar->add_subcommand("sample", "random values that satisfy a schema, one JSON text a line");
  sample->add_option("--schema", o.schema, "JSON Schema file")->required();
  sample->add_option("-n", o.count, "how many")->capture_default_str();
  sample->add_option("--seed", o.seed, "same seed, same schema, same lines (default 0)");
  sample->add_option("--bytes-max", o.bytes_max, "bytes of one value")->check(CLI::PositiveNumber)->capture_default_str();
  sample->add_option("--order", o.key_order, "of declared keys: any, as_written")
      ->check(CLI::IsMember({"any", "as_written"}))
      ->capture_default_str();
  sample->add_flag("--strict", o.strict, "no keys that the schema merely tolerates");
  sample->add_option("--indent", o.indent, "a line for each member and item, so many blanks a level")
      ->check(CLI::Range(0, 255));
  sample->add_flag("-a,--ascii-output", o.ascii_output, "other characters as \\uxxxx");
  does(sample, grammar_sample);

  auto* model = app.add_subcommand("model", "the model");
  model->require_subcommand(1);
  auto* info = model->add_subcommand("info", "family, sizes, dialect, recommended settings");
  add_model(info, o), add_json(info, o), does(info, model_info);
  auto* logits = model->add_subcommand("logits", "logits of every position, for parity checks");
  logits->add_option("--tokens", o.tokens, "token ids, comma-separated")->required();
  add_model(logits, o), add_json(logits, o), does(logits, model_logits);

  auto* render_app = app.add_subcommand("render", "a conversation's prompt: segments and token ids");
  render_app->add_option("id", o.id, "conversation (default: the latest)");
  render_app->add_option("question", o.question, "a next user message to render with it");
  add_model(render_app, o), add_db(render_app, o), add_tools(render_app, o), add_json(render_app, o);
  render_app->add_option("--system", o.system, "system text when there is no conversation");
  render_app->add_option("--think-policy", o.policy, "the view to render")
      ->check(CLI::IsMember({"strip_always", "keep_in_loop", "keep_if_tools", "keep_all"}));
  does(render_app, render);

  auto* doctor_app = app.add_subcommand("doctor", "check the machine, the model, the plugins and the database");
  add_model(doctor_app, o), add_engine(doctor_app, o), add_db(doctor_app, o), add_tools(doctor_app, o), add_json(doctor_app, o);
  does(doctor_app, doctor);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  // The one catch: rooms below return their errors as values; what arrives here is exhaustion
  // (memory) or a defect, and is said rather than dumped.
  try {
    return command(o);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "praxis: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "praxis: %s\n", error.what());
  }
  return kFailed;
}
