// praxis extract: many documents, one schema, a line of JSON each.

#include "agent/extract.h"

#include <atomic>
#include <chrono>
#include <cstdio>

#include "agent/cli/documents.h"
#include "agent/cli/input.h"
#include "agent/cli/interrupt.h"
#include "agent/cli/report.h"
#include "agent/cli/session.h"
#include "agent/extract_output.h"

namespace praxis::agent::cli {

namespace {

using Clock = std::chrono::steady_clock;

/// Text, or the file that it names.
Result<std::string> instruction(const Options& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(options.prompt, error)) return options.prompt;
  auto text = read_file(options.prompt);
  if (text)
    while (text->ends_with('\n')) text->pop_back();
  return text;
}

std::vector<std::string> extensions(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string one = list.substr(begin, end - begin);
    if (!one.empty()) out.push_back(one.starts_with(".") ? one : "." + one);
    begin = end + 1;
  }
  return out;
}

Result<Documents> documents(const Options& options) {
  Documents::Options wanted;
  wanted.named = options.documents;
  wanted.extensions = extensions(options.extensions);
  if (!options.out.empty()) wanted.left_out = {options.out, options.out.string() + ".job"};
  return Documents::list(wanted);
}

Result<std::unique_ptr<ExtractOutput>> output(const Options& options, const ExtractJob& job,
                                              const Model& model) {
  if (options.out.empty()) return nullptr;
  const auto mode = options.retry_failed     ? ExtractOutput::Mode::retry_failed
                    : options.resume_extract ? ExtractOutput::Mode::resume
                                             : ExtractOutput::Mode::fresh;
  const Settings& settings = job.settings;
  return ExtractOutput::open(options.out,
                             {settings.answer_schema, job.instruction, settings.system,
                              std::string(model.fingerprint()), settings.thinking},
                             mode);
}

/// What the job has done so far, for the bar and the last line.
struct Tally {
  std::size_t done = 0, failed = 0, kept = 0;
  Usage usage;
  Clock::time_point begun = Clock::now();

  double rate() const {
    return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - begun).count();
  }
  void count(const Extracted& extracted) {
    ++done;
    failed += !extracted.value;
    usage.add(extracted.usage);
  }
  std::string progress() const {
    char text[80];
    std::snprintf(text, sizeof text, "%zu done, %zu failed, %.1f documents/s", kept + done, failed,
                  rate());
    return text;
  }
  void print() const {
    std::fprintf(stderr, "%zu documents: %zu extracted, %zu failed", done, done - failed, failed);
    if (kept > 0) std::fprintf(stderr, ", %zu were there already", kept);
    std::fprintf(stderr, "; %.1f documents/s, %llu tokens read (%llu cached), %llu written\n",
                 rate(), static_cast<unsigned long long>(usage.prompt_tokens),
                 static_cast<unsigned long long>(usage.cached_tokens),
                 static_cast<unsigned long long>(usage.output_tokens));
  }
};

Result<void> put(ExtractOutput* output, const Extracted& extracted) {
  if (output) return output->append(extracted);
  const std::string line = to_json_line(extracted) + "\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0)
    return {};
  return tl::unexpected(Error{ErrorCode::store, "cannot be written", "standard output"});
}

int work(Extraction& extraction, Documents& documents, ExtractOutput* output) {
  Tally tally;
  tally.kept = output ? output->kept() : 0;
  const auto total = documents.size();
  ProgressBar bar("extracting");
  std::atomic<bool> interrupted = false;
  OnInterrupt on_signal([&] {
    interrupted = true;
    extraction.stop();
  });
  auto done = extraction.run(
      [&] {
        return documents.next([&](const std::string& name) { return output && output->has(name); });
      },
      [&](const Extracted& extracted) {
        tally.count(extracted);
        if (total)
          bar(static_cast<double>(tally.kept + tally.done) / static_cast<double>(*total),
              tally.progress());
        return put(output, extracted);
      });
  bar.clear();
  if (auto synced = output ? output->sync() : Result<void>(); done && !synced) done = synced;
  if (documents.repeated() > 0)
    std::fprintf(stderr,
                 "praxis: warning: %zu lines have an id that came before; they are left out\n",
                 documents.repeated());
  tally.print();
  if (!done) return report(done.error());
  if (interrupted) return kInterrupted;
  return tally.failed > 0 ? kFailed : kOk;
}

}  // namespace

int extract(const Options& options) {
  if (options.out.empty() && (options.resume_extract || options.retry_failed))
    return report(
        {ErrorCode::bad_request, "needs a file to go on with; name it with --out", "--resume"});
  auto wanted = settings(options);
  if (!wanted) return report(wanted.error());
  auto asked = instruction(options);
  if (!asked) return report(asked.error());
  auto listed = documents(options);
  if (!listed) return report(listed.error());
  if (listed->size() == 0u)
    return report(
        {ErrorCode::bad_request, "no document there", options.documents.front().string()});
  auto model = open_engine(options);
  if (!model) return report(model.error());

  const ExtractJob job{std::move(*wanted), std::move(*asked), options.jobs};
  auto extraction = Extraction::create(**model, job);
  if (!extraction) return report(extraction.error());
  auto lines = output(options, job, **model);
  if (!lines) return report(lines.error());
  return work(**extraction, *listed, lines->get());
}

}  // namespace praxis::agent::cli
