#pragma once
// Many documents, one schema: each becomes a value that satisfies it, or an error of its own. The
// model may be any; several documents can be under way at once.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/error.h"
#include "agent/event.h"
#include "agent/model/model.h"
#include "grammar/compile.h"

namespace praxis::agent {

/// One text to read. What could not be read carries why, and becomes an error of that name.
struct Document {
  std::string name;
  Result<std::string> text;
};

/// What becomes of a document.
struct Extracted {
  std::string document;
  Result<std::string> value;  // one line of JSON, as the model wrote it
  Usage usage;
};

/// {"document": NAME, "value": VALUE} or {"document": NAME, "error": {"code", "message"}}, without
/// a line break. The value's digits and keys stay as they were written.
std::string to_json_line(const Extracted& extracted);

struct ExtractJob {
  Settings
      settings;  // answer_schema says what a value is; wall_seconds_max counts for each document
  std::string instruction;  // what the model is asked before schema and text
  std::uint32_t in_flight_max = 1;
};

/// The message that a document becomes. Text comes last, so that a cache keeps all before it.
std::string extract_question(const ExtractJob& job, std::string_view text);

/// Why a text is none (empty, binary, not UTF-8); nothing if it is one.
std::optional<Error> refuse_text(std::string_view text);

class Extraction {
 public:
  /// Called on the thread of run(). The next document, nothing when there is none; it may block.
  using Next = std::function<std::optional<Document>()>;
  /// Called on the thread of run(), once a document, in the order in which they are done. An error
  /// ends the job.
  using Take = std::function<Result<void>(const Extracted&)>;

  static constexpr std::uint32_t kInFlightMax = 256;
  /// So many documents one after the other that the model fails (not the text) end the job: its
  /// server is gone, and every other document would only fail as well.
  static constexpr std::uint32_t kModelFailuresMax = 16;

  /// Refuses a schema that the grammar refuses. `model` must outlive the extraction.
  static Result<std::unique_ptr<Extraction>> create(Model& model, ExtractJob job);

  /// Until all documents are taken, or stop(). What is under way then is let go and not taken.
  Result<void> run(const Next& next, const Take& take);
  void stop();  // any thread

 private:
  using Clock = std::chrono::steady_clock;
  struct Underway {
    std::string document;
    std::string text;  // of the answer so far; written by the model's thread
    std::optional<Result<StepOutput>> output;  // set last
    Clock::time_point deadline;
    bool late = false;
    std::unique_ptr<Step> step;  // goes first: it waits for those who write the others
  };

  Extraction(Model& model, ExtractJob job, std::shared_ptr<const grammar::Grammar> check)
      : model_(model), job_(std::move(job)), check_(std::move(check)) {}
  /// Starts the document's step, or says at once what becomes of it.
  std::optional<Extracted> start(Document document);
  std::vector<Extracted> wait();
  void cancel_late();
  Extracted judge(Underway& done) const;
  Result<std::string> value(Underway& done) const;
  Result<void> count(const Extracted& extracted);
  bool stopped();

  Model& model_;
  const ExtractJob job_;
  const std::shared_ptr<const grammar::Grammar> check_;
  std::uint32_t model_failures_ = 0;  // in a row

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::list<Underway> underway_;  // in_flight_max at most; only run() adds and removes
};

}  // namespace praxis::agent
