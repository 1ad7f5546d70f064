#pragma once
// What the command line says, as plain values. main.cpp fills them; the commands read them.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace praxis::agent::cli {

/// The process's exit codes; README.md lists them.
enum Exit : int {
  kOk = 0,
  kFailed = 1,        // the run or some documents failed, or something unexpected happened
  kUsage = 2,         // wrong flags, schema, tool name, empty question
  kNotFound = 3,      // model, plugin, conversation or file missing or damaged
  kStore = 4,         // the database or the output cannot be opened, read or written
  kBusy = 5,          // another process runs this conversation or writes this output
  kLimit = 6,         // a budget ended the run before its answer was complete
  kRefused = 7,       // grammar: the schema is refused, or nothing satisfies it
  kInvalid = 8,       // grammar check: the instance does not satisfy the schema
  kInterrupted = 130  // Ctrl-C; `--continue` goes on
};

struct Options {
  // where things are
  std::filesystem::path model;   // empty: $PRAXIS_MODEL, else the shipped tiny model
  std::filesystem::path db;      // empty: $PRAXIS_DB, else praxis/praxis.db in the user's data folder
  std::string dialect;
  unsigned threads = 0;
  std::string engine;            // a server's URL instead of a model; with `engines`: a name in that file
  std::string engine_model, engine_key_env;
  std::string engine_api = "auto";
  std::filesystem::path engines; // a file that lists engines

  // tools
  std::optional<std::string> tools;              // comma-separated names; unset: all that are available
  std::filesystem::path docs, files;
  std::vector<std::filesystem::path> plugins;
  std::vector<std::string> plugin_configs;       // NAME=JSON
  std::string tool_choice = "auto";
  bool parallel_calls = true;
  std::string approve = "ask";                   // ask, always, never

  // the run
  std::string question;
  bool resume = false;                           // --continue
  std::string conversation;
  std::filesystem::path schema;
  std::optional<std::string> regex;
  std::vector<std::string> choices;
  bool cite = false;
  std::string system;
  bool thinking = true;
  std::string policy;                            // empty: the conversation's, else keep_in_loop
  std::optional<std::uint32_t> think_budget, steps_max, tokens_max, seconds_max;
  std::optional<float> temperature, top_p, min_p;
  std::optional<std::uint32_t> top_k;
  float presence_penalty = 0, frequency_penalty = 0;
  std::vector<std::string> logit_bias;           // ID=BIAS
  std::vector<std::string> stop;
  std::optional<std::uint32_t> logprobs;
  std::optional<std::uint64_t> seed;
  bool json = false;

  // extract
  std::vector<std::filesystem::path> documents;
  std::filesystem::path out;                     // empty: standard output
  std::string prompt = "Extract the data as JSON.";  // or a file that holds it
  std::string extensions;                        // of files in folders, comma-separated
  std::uint32_t jobs = 1;
  bool resume_extract = false, retry_failed = false;

  // serve
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  std::vector<std::string> api_keys, allow_hosts, allow_origins, model_names;
  std::filesystem::path api_key_file;
  bool no_auth = false;
  std::uint32_t requests_max = 256;
  std::uint32_t runs_max = 1024;
  std::uint32_t connections_max = 4096;
  std::uint32_t drain_seconds = 10;
  bool quiet = false;

  // grammar
  std::filesystem::path instance;
  bool from_stdin = false;
  bool strict = false;
  std::string key_order = "as_written";          // as_written, any
  std::optional<std::uint32_t> indent;           // blanks a level; none: all on one line
  bool ascii_output = false;
  std::uint32_t count = 1;
  std::uint32_t bytes_max = 2000;                // of one sample

  // other commands
  std::string id;                                // conversation, run or tool
  std::string query;
  std::string tokens;                            // model logits: 1,2,3
  std::uint32_t limit = 20;
  bool yes = false;
};

int run(const Options& options);
int chat(const Options& options);
int extract(const Options& options);
int serve(const Options& options);
int conversations_list(const Options& options);
int conversations_show(const Options& options);
int conversations_search(const Options& options);
int conversations_delete(const Options& options);
int runs_list(const Options& options);
int runs_show(const Options& options);
int tools_list(const Options& options);
int tools_show(const Options& options);
int model_info(const Options& options);
int model_logits(const Options& options);
int grammar_check(const Options& options);
int grammar_sample(const Options& options);
int render(const Options& options);
int doctor(const Options& options);

}  // namespace praxis::agent::cli
