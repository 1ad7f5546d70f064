#pragma once
// What a command works with, put together from its options: tools, model, store.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/options.h"
#include "agent/cli/terminal.h"
#include "agent/error.h"
#include "agent/loop.h"
#include "agent/model/engines.h"
#include "agent/model/model.h"
#include "memory/store.h"
#include "tools/dispatch.h"

namespace praxis::agent::cli {

/// The tools that the options make available: shipped plugins (search with --docs, files with
/// --files), plugins beside them and --plugin files, narrowed by --tools. A damaged plugin in a
/// plugin folder is left out with a warning; one that was named is an error.
Result<tools::Toolbox> open_tools(const Options& options, std::vector<std::string>& warnings);
/// The model folder of --model; what looks inside a model needs this one.
Result<std::unique_ptr<LocalModel>> open_model(const Options& options);
/// The file of --engines.
Result<EngineList> read_engines_file(const std::filesystem::path& path);
/// What answers: the server of --engine, an engine of --engines, else the model folder.
Result<std::unique_ptr<Model>> open_engine(const Options& options);
Result<std::unique_ptr<memory::Store>> open_store(const Options& options);

/// The settings the options ask for. Refuses what is outside its range and a schema file that cannot
/// be read.
Result<Settings> settings(const Options& options);

/// All of it, and the runs asked of it one after the other.
class Session {
 public:
  static Result<std::unique_ptr<Session>> open(const Options& options);
  ~Session();

  /// Goes on with --continue or --conversation when asked for. Refuses a conversation that another
  /// process runs.
  Result<void> choose_conversation();
  /// The chosen conversation's unfinished run, if there is one.
  Result<std::optional<std::string>> unfinished_run();
  /// Both run until the end or until Ctrl-C; failures are reported on standard error.
  RunOutcome ask(const std::string& question);
  RunOutcome resume(const std::string& run_id);
  Result<void> abandon(const std::string& run_id);
  const std::string& conversation() const { return conversation_; }
  Printer& printer() { return printer_; }

 private:
  explicit Session(const Options& options);
  RunOutcome run(Result<RunHandle> handle);

  Options options_;
  Printer printer_;
  std::vector<std::string> warnings_;
  std::unique_ptr<memory::Store> store_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<tools::Dispatcher> dispatcher_;
  Settings settings_;
  std::string conversation_;
  std::optional<memory::Claim> claim_;
};

}  // namespace praxis::agent::cli
