// praxis grammar check|sample: what a JSON Schema admits, without a model.

#include "grammar/check.h"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/input.h"
#include "agent/cli/report.h"
#include "agent/cli/terminal.h"
#include "grammar/sample.h"

namespace praxis::agent::cli {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kShownBytesMax = 400;  // of the shortest value

/// A refusal names its file and the place in the schema.
int refused(const Options& options, const grammar::Error& error) {
  report({ErrorCode::bad_request, error.what, options.schema.string() + ": " + error.where});
  return kRefused;
}

grammar::CompileOptions compile_options(const Options& options) {
  grammar::CompileOptions out;
  out.strict = options.strict;
  if (options.key_order == "any") out.order = grammar::KeyOrder::any;
  if (options.indent) {
    out.whitespace = grammar::Whitespace::pretty;
    out.indent = static_cast<std::uint8_t>(*options.indent);
  }
  if (options.ascii_output) out.escapes = grammar::Escapes::ascii;
  return out;
}

/// The schema and what it became, or the exit code.
struct Compiled {
  std::shared_ptr<const grammar::Grammar> grammar;
  double milliseconds = 0;
  int exit = kOk;
};

Compiled compile(const Options& options) {
  Compiled out;
  auto schema = read_file(options.schema);
  if (!schema) {
    out.exit = report(schema.error());
    return out;
  }
  auto vocabulary = grammar::byte_vocabulary();
  auto begun = std::chrono::steady_clock::now();
  auto grammar = grammar::compile(*schema, vocabulary, compile_options(options));
  out.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  if (grammar)
    out.grammar = std::move(*grammar);
  else
    out.exit = refused(options, grammar.error());
  return out;
}

int summary(const Options& options, const Compiled& compiled) {
  grammar::SampleOptions sample;
  sample.bytes_max = kInputBytesMax;
  auto sampler = grammar::Sampler::create(compiled.grammar, sample);
  if (!sampler) return refused(options, sampler.error());
  auto shortest = sampler->shortest();
  if (!shortest) return refused(options, shortest.error());
  if (options.json) {
    std::puts(line(Json{{"compiles", true}, {"compile_ms", compiled.milliseconds}, {"bytes_min", shortest->size()},
                        {"shortest", *shortest}}).c_str());
    return kOk;
  }
  std::printf("the schema compiles, in %.1f ms; its shortest value has %zu bytes: %s\n", compiled.milliseconds,
              shortest->size(), first_line(*shortest, kShownBytesMax).c_str());
  return kOk;
}

int verdict(const Options& options, const grammar::Grammar& grammar, const std::string& text) {
  auto failure = grammar::check(grammar, text);
  std::string where;   // in the instance
  Json out{{"valid", false}};
  std::string said = "invalid: ";
  if (!failure) {
    // No JSON is a verdict too; a text too deep or too costly to judge has none.
    if (failure.error().code != grammar::ErrorCode::bad_json)
      return report({ErrorCode::limit, failure.error().what, "instance " + failure.error().where});
    out["instance_path"] = failure.error().where;
    out["reason"] = failure.error().what;
    said += failure.error().where + ": " + failure.error().what;
  } else if (*failure) {
    out["instance_path"] = (*failure)->instance_path;
    out["byte"] = (*failure)->byte;
    out["schema_path"] = (*failure)->schema_path;
    said += (*failure)->instance_path + " (byte " + std::to_string((*failure)->byte) + ") fails " + (*failure)->schema_path;
  } else {
    out["valid"] = true;
    said = "valid";
  }
  std::puts(options.json ? line(out).c_str() : printable(said).c_str());
  return out["valid"] ? kOk : kInvalid;
}

}  // namespace

int grammar_check(const Options& options) {
  Compiled compiled = compile(options);
  if (!compiled.grammar) return compiled.exit;
  if (options.instance.empty() && !options.from_stdin) return summary(options, compiled);
  auto text = options.from_stdin ? read_standard_input() : read_file(options.instance);
  if (!text) return report(text.error());
  return verdict(options, *compiled.grammar, *text);
}

int grammar_sample(const Options& options) {
  Compiled compiled = compile(options);
  if (!compiled.grammar) return compiled.exit;
  auto sampler = grammar::Sampler::create(compiled.grammar, {options.seed.value_or(0), options.bytes_max});
  if (!sampler) return report({ErrorCode::limit, sampler.error().what, options.schema.string()});
  for (std::uint32_t i = 0; i < options.count; ++i) {
    auto text = sampler->next();
    if (!text) return report({ErrorCode::limit, text.error().what, options.schema.string()});
    if (std::puts(text->c_str()) < 0) return kFailed;
  }
  return kOk;
}

}  // namespace praxis::agent::cli
