#include "agent/extract.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/sample.h"
#include "tools/text.h"

namespace praxis::agent {

namespace {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request:
      return "bad_document";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::limit:
      return "limit";
    case ErrorCode::bad_model:
    case ErrorCode::bad_plugin:
    case ErrorCode::store:
    case ErrorCode::store_busy:
    case ErrorCode::busy:
    case ErrorCode::unavailable:
    case ErrorCode::internal:
      break;
  }
  return "model_failed";
}

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// What a model says of a document: too long is the document's fault, all else its own.
Error of_model(Error error) {
  if (error.code != ErrorCode::limit) error.code = ErrorCode::internal;
  return error;
}

Error cut_off(const Settings& settings) {
  return {ErrorCode::limit,
          "the value was cut off at " + std::to_string(settings.budgets.output_tokens_max) +
              " tokens, thinking included (--max-tokens)",
          ""};
}

}  // namespace

std::string to_json_line(const Extracted& extracted) {
  std::string line = "{\"document\":" + dumped(extracted.document);
  if (extracted.value) return line + ",\"value\":" + *extracted.value + "}";
  const Error& error = extracted.value.error();
  const nlohmann::ordered_json said = {
      {"code", name_of(error.code)},
      {"message", error.where.empty() ? error.what : error.where + ": " + error.what}};
  return line + ",\"error\":" + dumped(said) + "}";
}

std::string extract_question(const ExtractJob& job, std::string_view text) {
  const auto schema = nlohmann::ordered_json::parse(job.settings.answer_schema, nullptr, false);
  const std::string shown = schema.is_discarded() ? job.settings.answer_schema : dumped(schema);
  return job.instruction + "\nSchema: " + shown + "\nText: " + std::string(text);
}

std::optional<Error> refuse_text(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return Error{ErrorCode::bad_request, "is empty", ""};
  if (const auto at = text.find('\0'); at != std::string_view::npos)
    return Error{ErrorCode::bad_request, "is binary: byte " + std::to_string(at) + " is NUL", ""};
  const std::string repaired = tools::repair_utf8(text);
  const auto [broken, _] =
      std::mismatch(text.begin(), text.end(), repaired.begin(), repaired.end());
  if (broken == text.end()) return std::nullopt;
  return Error{
      ErrorCode::bad_request,
      "is not UTF-8: byte " + std::to_string(broken - text.begin()) + " begins no character", ""};
}

Result<std::unique_ptr<Extraction>> Extraction::create(Model& model, ExtractJob job) {
  // A judge of its own: whoever wrote a value, it is a line only if the schema takes it.
  auto check = grammar::compile(job.settings.answer_schema, grammar::byte_vocabulary());
  if (!check)
    return tl::unexpected(
        Error{ErrorCode::bad_request, check.error().what, "schema " + check.error().where});
  job.in_flight_max = std::clamp(job.in_flight_max, 1u, kInFlightMax);
  return std::unique_ptr<Extraction>(new Extraction(model, std::move(job), std::move(*check)));
}

Result<void> Extraction::run(const Next& next, const Take& take) {
  struct LetGo {  // steps cancel and wait when they are destroyed
    Extraction& extraction;
    ~LetGo() { extraction.underway_.clear(); }
  } let_go{*this};
  const auto settle = [&](const Extracted& extracted) -> Result<void> {
    if (auto taken = take(extracted); !taken) return taken;
    return count(extracted);
  };
  bool more = true;
  while (true) {
    while (more && !stopped() && underway_.size() < job_.in_flight_max) {
      auto document = next();
      more = document.has_value() && !stopped();
      if (!more) break;
      if (auto at_once = start(std::move(*document)))
        if (auto settled = settle(*at_once); !settled) return settled;
    }
    if (stopped() || underway_.empty()) return {};
    for (const Extracted& extracted : wait())
      if (auto settled = settle(extracted); !settled) return settled;
  }
}

void Extraction::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Extraction::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

std::optional<Extracted> Extraction::start(Document document) {
  if (!document.text)
    return Extracted{document.name, tl::unexpected(document.text.error()), Usage()};
  if (auto refused = refuse_text(*document.text))
    return Extracted{document.name, tl::unexpected(*refused), Usage()};

  StepInput input;
  input.settings = job_.settings;
  Message question;
  question.content = extract_question(job_, *document.text);
  if (const std::string& system = job_.settings.system; !system.empty()) {
    if (model_.recommended().system_as_user) {
      question.content = system + "\n\n" + question.content;
    } else {
      Message message;
      message.role = SenderRole::system;
      message.content = system;
      input.messages.push_back(std::move(message));
    }
  }
  input.messages.push_back(std::move(question));

  Underway& underway = underway_.emplace_back();
  underway.document = std::move(document.name);
  underway.deadline = Clock::now() + std::chrono::seconds(job_.settings.budgets.wall_seconds_max);
  auto step = model_.start(
      input,
      [&underway](const ParsedDelta& delta) {
        if (delta.kind == ParsedDelta::Kind::text) underway.text += delta.text;
      },
      [this, &underway](Result<StepOutput> output) {
        const std::lock_guard lock(mutex_);
        underway.output = std::move(output);
        changed_.notify_all();
      });
  if (step) {
    underway.step = std::move(*step);
    return std::nullopt;
  }
  Extracted refused{std::move(underway.document), tl::unexpected(of_model(step.error())), Usage()};
  underway_.pop_back();
  return refused;
}

/// Those that are done by now, one at least; none after stop().
std::vector<Extracted> Extraction::wait() {
  std::list<Underway> done;
  while (true) {
    cancel_late();
    Clock::time_point next = Clock::time_point::max();
    std::unique_lock lock(mutex_);
    if (stopped_) return {};
    for (auto slot = underway_.begin(); slot != underway_.end();) {
      const auto here = slot++;
      if (here->output) done.splice(done.end(), underway_, here);
      else if (!here->late) next = std::min(next, here->deadline);
    }
    if (!done.empty()) break;
    if (next == Clock::time_point::max()) changed_.wait(lock);
    else changed_.wait_until(lock, next);
  }
  std::vector<Extracted> extracted;
  for (Underway& underway : done) {
    underway.step.reset();  // its thread has nothing left to do
    extracted.push_back(judge(underway));
  }
  return extracted;
}

void Extraction::cancel_late() {
  for (Underway& underway : underway_) {
    if (underway.late || Clock::now() < underway.deadline) continue;
    underway.late = true;
    underway.step->cancel();
  }
}

Extracted Extraction::judge(Underway& done) const {
  Extracted extracted{done.document, value(done), Usage()};
  if (*done.output) extracted.usage = (*done.output)->usage;
  return extracted;
}

Result<std::string> Extraction::value(Underway& done) const {
  const Settings& settings = job_.settings;
  if (done.late)
    return tl::unexpected(Error{ErrorCode::limit,
                                "took longer than " +
                                    std::to_string(settings.budgets.wall_seconds_max) +
                                    " s (--max-seconds)",
                                ""});
  if (!*done.output) return tl::unexpected(of_model(done.output->error()));
  const StepOutput& output = **done.output;
  if (output.finish == engine::Finish::length || output.cut)
    return tl::unexpected(cut_off(settings));
  if (output.finish == engine::Finish::cancelled)
    return tl::unexpected(Error{ErrorCode::internal, "the model gave the document up", ""});
  const auto valid = grammar::validate(*check_, done.text);
  if (!valid || !*valid)
    return tl::unexpected(
        Error{ErrorCode::internal, "the model's answer does not satisfy the schema", ""});
  // Line breaks can only be white space here: inside strings JSON has them escaped.
  std::replace_if(
      done.text.begin(), done.text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return std::move(done.text);
}

Result<void> Extraction::count(const Extracted& extracted) {
  const bool failed = !extracted.value && name_of(extracted.value.error().code) == "model_failed";
  model_failures_ = failed ? model_failures_ + 1 : 0;
  if (model_failures_ < kModelFailuresMax) return {};
  const Error& last = extracted.value.error();
  return tl::unexpected(Error{
      ErrorCode::bad_model,
      "failed for " + std::to_string(kModelFailuresMax) +
          " documents in a row, at last with: " + (last.where.empty() ? "" : last.where + ": ") +
          last.what + "; --retry-failed tries them again",
      "the model"});
}

}  // namespace praxis::agent
