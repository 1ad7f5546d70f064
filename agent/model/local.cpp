// The embedded engine behind the model's face: dialect renders, grammar constrains, engine decodes.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "agent/model/model.h"
#include "agent/model/reader.h"
#include "agent/tool_choice.h"
#include "grammar/compile.h"
#include "grammar/structure.h"

namespace praxis::agent {

namespace {

Error from(const engine::Error& e) {
  ErrorCode code = ErrorCode::bad_model;
  switch (e.code) {
    case engine::ErrorCode::bad_request: code = ErrorCode::bad_request; break;
    case engine::ErrorCode::too_long: code = ErrorCode::limit; break;
    case engine::ErrorCode::internal: code = ErrorCode::internal; break;
    default: break;  // its files
  }
  return {code, e.what, e.where};
}

/// Sees whether the newest tokens are one n-gram written over and over.
class LoopDetector {
 public:
  explicit LoopDetector(const LoopGuard& guard) : guard_(guard) {}

  bool push(engine::TokenId id) {
    tokens_.push_back(id);
    std::size_t n = tokens_.size();
    for (std::size_t gram = guard_.ngram_tokens_min; gram <= guard_.ngram_tokens_max; ++gram) {
      std::size_t span = gram * guard_.repeats;
      if (span > n) return false;
      // The last `span` tokens have period `gram`.
      auto tail = tokens_.end() - static_cast<std::ptrdiff_t>(span);
      if (std::equal(tail + static_cast<std::ptrdiff_t>(gram), tokens_.end(), tail)) return true;
    }
    return false;
  }

 private:
  LoopGuard guard_;
  std::vector<engine::TokenId> tokens_;
};

/// The structure at the engine's mask seam, with the loop guard on the thinking.
class Constrained : public engine::Constraint {
 public:
  Constrained(grammar::Structure structure, const LoopGuard& guard)
      : structure_(std::move(structure)), loop_(guard) {}

  void mask(std::span<std::uint32_t> bits) override { structure_.mask(bits); }
  std::vector<engine::TokenId> forced() override { return structure_.forced(); }
  bool finished() const override { return stopped_ || structure_.finished(); }
  void accept(engine::TokenId id) override {
    if (!structure_.accept(id)) broken_ = true;
    if (structure_.phase() == grammar::Phase::thinking && loop_.push(id)) structure_.close_thinking();
  }
  /// Nothing more may follow, whatever the structure says.
  void stop() { stopped_ = true; }
  bool cut() const { return structure_.cut(); }
  bool broken() const { return broken_; }

 private:
  grammar::Structure structure_;
  LoopDetector loop_;
  bool broken_ = false, stopped_ = false;
};

/// A step under way, as the callbacks of its request see it: on the engine's thread.
class Underway {
 public:
  Underway(std::shared_ptr<Constrained> constraint, Reader reader, Model::OnDelta delta, Model::OnDone done)
      : constraint_(std::move(constraint)), reader_(std::move(reader)), delta_(std::move(delta)), done_(std::move(done)) {}

  void push(std::span<const engine::Decoded> tokens) {
    for (const auto& token : tokens)
      for (auto& delta : reader_.push(token)) delta_(std::move(delta));
    if (reader_.stopped_by()) constraint_->stop();
  }

  void finish(const engine::Result<engine::Generation>& generation) {
    for (auto& delta : reader_.finish()) delta_(std::move(delta));
    if (!generation) return done_(tl::unexpected(from(generation.error())));
    if (constraint_->broken())
      return done_(tl::unexpected(Error{ErrorCode::internal, "the sampled token was not allowed by its own mask", "step"}));
    done_(output(*generation));
  }

 private:
  StepOutput output(const engine::Generation& generation) const {
    StepOutput out;
    out.stopped_by = reader_.stopped_by();
    // Whatever else ended it in the same moment.
    out.finish = out.stopped_by ? engine::Finish::stop : generation.finish;
    out.cut = !out.stopped_by && constraint_->cut();
    for (const auto& token : generation.tokens) {
      out.ids.push_back(token.id);
      out.usage.forced_tokens += token.forced;
    }
    out.usage.steps = 1;
    out.usage.prompt_tokens = generation.prompt_tokens;
    out.usage.cached_tokens = generation.cached_tokens;
    out.usage.output_tokens = generation.tokens.size();
    out.usage.reasoning_tokens = reader_.reasoning_tokens();
    out.usage.prefill_seconds = generation.prefill_seconds;
    out.usage.decode_seconds = generation.decode_seconds;
    return out;
  }

  std::shared_ptr<Constrained> constraint_;
  Reader reader_;
  Model::OnDelta delta_;
  Model::OnDone done_;
};

class LocalStep : public Step {
 public:
  explicit LocalStep(engine::Ticket ticket) : ticket_(std::move(ticket)) {}
  void cancel() override { ticket_.cancel(); }

 private:
  engine::Ticket ticket_;  // which cancels and waits when it is destroyed
};

class Local : public LocalModel {
 public:
  Local(std::unique_ptr<engine::Engine> engine, std::unique_ptr<Dialect> dialect, Recommended recommended)
      : engine_(std::move(engine)), dialect_(std::move(dialect)), recommended_(recommended) {
    const engine::Tokenizer& tokenizer = engine_->tokenizer();
    // The model's vocabulary may be padded past the tokenizer's last id; such ids stay empty.
    std::vector<std::string> bytes(engine_->info().vocab_size);
    for (std::uint32_t id = 0; id < std::min<std::uint32_t>(tokenizer.size(), engine_->info().vocab_size); ++id)
      if (!tokenizer.is_control(static_cast<engine::TokenId>(id)))
        bytes[id] = tokenizer.bytes(static_cast<engine::TokenId>(id));
    vocabulary_ = std::make_shared<grammar::Vocabulary>(
        std::move(bytes), [&tokenizer](std::string_view text) { return tokenizer.encode_text(text); });
  }

  std::string_view fingerprint() const override { return engine_->info().fingerprint; }
  std::string_view name() const override { return engine_->info().family; }
  Recommended recommended() const override { return recommended_; }
  engine::Engine& engine() override { return *engine_; }
  const engine::ModelInfo& info() const override { return engine_->info(); }
  const engine::Tokenizer& tokenizer() const override { return engine_->tokenizer(); }
  const Dialect& dialect() const override { return *dialect_; }

  std::string refuse_tool(const ToolText& tool) override {
    auto grammar = arguments_of(tool);
    return grammar ? std::string() : grammar.error().where + ": " + grammar.error().what;
  }

  std::vector<Segment> segments(const StepInput& input) const override { return dialect_->render(view(input)); }

  Result<std::vector<engine::Token>> prompt(const StepInput& input) const override {
    auto tokens = to_tokens(segments(input), engine_->tokenizer());
    if (!tokens) return tl::unexpected(Error{ErrorCode::internal, tokens.error().what, tokens.error().where});
    return std::move(*tokens);
  }

  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    if (auto checked = check(input.settings); !checked) return tl::unexpected(checked.error());
    auto drawing = sampling(input.settings);
    if (!drawing) return tl::unexpected(drawing.error());
    auto tokens = prompt(input);
    if (!tokens) return tl::unexpected(tokens.error());
    bool thinks = dialect_->thinks(view(input));
    auto plan = constrain(input, thinks, static_cast<std::uint32_t>(tokens->size()));
    if (!plan) return tl::unexpected(plan.error());

    engine::Request request;
    request.prefix = std::move(*tokens);
    request.sampling = std::move(*drawing);
    request.logprobs = input.settings.logprobs;
    request.tokens_max = plan->tokens_max;
    request.stop = {plan->end};
    request.constraint = plan->constraint;
    auto step = std::make_shared<Underway>(
        plan->constraint,
        Reader(engine_->tokenizer(), dialect_->parser(thinks), input.settings.stop, plan->reasoning),
        std::move(delta), std::move(done));
    request.on_tokens = [step](std::span<const engine::Decoded> tokens) { step->push(tokens); };
    request.on_finish = [step](const engine::Result<engine::Generation>& generation) { step->finish(generation); };
    return std::make_unique<LocalStep>(engine_->submit(std::move(request)));
  }

 private:
  /// What one request needs besides its prompt and its sampling.
  struct Plan {
    std::shared_ptr<Constrained> constraint;
    std::uint32_t tokens_max = 0;
    engine::TokenId end = 0;
    ReasoningCounter reasoning;
  };

  RenderInput view(const StepInput& input) const {
    RenderInput render;
    render.messages = input.messages;
    render.policy = input.settings.policy;
    render.thinking = input.settings.thinking;
    // Where only some may be called, all usable ones are shown: the prompt's beginning stays the same
    // from step to step.
    auto choice = read_tool_choice(input.settings.tool_choice);
    if (!choice || choice->mode != grammar::ToolChoice::none)
      std::copy_if(input.tools.begin(), input.tools.end(), std::back_inserter(render.tools),
                   [&](const ToolText& tool) { return arguments_of(tool).has_value(); });
    return render;
  }

  /// Arguments are one object, also where a tool's schema does not say so.
  static std::string arguments_schema(const std::string& schema) {
    auto json = nlohmann::ordered_json::parse(schema, nullptr, false);
    if (!json.is_object() || json.contains("type")) return schema;
    json["type"] = "object";
    return json.dump();
  }

  using Compiled = grammar::Result<std::shared_ptr<const grammar::Grammar>>;

  /// Looked up by the tool's own text: with many tools, reading it again would cost more than all else.
  Compiled arguments_of(const ToolText& tool) const {
    return remembered("arguments " + tool.schema, [&] { return compiled(arguments_schema(tool.schema)); });
  }

  Compiled compiled(const std::string& schema) const {
    grammar::CompileOptions options;
    options.strict = true;  // generated objects hold what the schema names, not keys that it merely tolerates
    auto grammar = grammar::compile(schema, vocabulary_, options);
    if (grammar || grammar.error().code != grammar::ErrorCode::unsatisfiable) return grammar;
    options.strict = false;  // it may require a key that it does not describe
    return grammar::compile(schema, vocabulary_, options);
  }

  Compiled remembered(const std::string& key, const std::function<Compiled()>& compile) const {
    std::promise<Compiled> promise;
    std::unique_lock lock(mutex_);
    if (auto it = grammars_.find(key); it != grammars_.end()) {
      const std::shared_future<Compiled> made = it->second;
      lock.unlock();
      return made.get();
    }
    if (grammars_.size() >= kGrammarsMax) grammars_.clear();
    grammars_.emplace(key, promise.get_future());
    lock.unlock();  // compiling takes its time: who needs another grammar does not wait for it
    try {
      auto grammar = compile();
      promise.set_value(grammar);
      return grammar;
    } catch (...) {
      promise.set_exception(std::current_exception());
      lock.lock();
      grammars_.erase(key);
      throw;
    }
  }

  /// What the answer must be; null: free text.
  Result<std::shared_ptr<const grammar::Grammar>> answer(const Settings& settings) {
    const std::vector<std::string>& choices = settings.answer_choices;
    const int forms = !settings.answer_schema.empty() + settings.answer_regex.has_value() + !choices.empty();
    if (forms > 1)
      return tl::unexpected(Error{ErrorCode::bad_request, "has more than one form; give a schema, a regex or choices", "answer"});
    if (forms == 0) return nullptr;
    auto from = [](const std::string& name, const Compiled& made) -> Result<std::shared_ptr<const grammar::Grammar>> {
      if (made) return *made;
      return tl::unexpected(Error{ErrorCode::bad_request, made.error().what, "answer " + name + made.error().where});
    };
    if (settings.answer_regex)
      return from("", remembered("regex " + *settings.answer_regex, [&] { return grammar::compile_regex(*settings.answer_regex, vocabulary_); }));
    if (!choices.empty())
      return from("", remembered("choice " + nlohmann::json(choices).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                                 [&] { return grammar::compile_choice(choices, vocabulary_); }));
    return from("schema ", remembered("schema " + settings.answer_schema, [&] { return compiled(settings.answer_schema); }));
  }

  Result<engine::Sampling> sampling(const Settings& settings) const {
    for (const LogitBias& one : settings.logit_bias)
      if (static_cast<std::uint32_t>(one.token) >= engine_->info().vocab_size)
        return tl::unexpected(Error{ErrorCode::bad_request,
                                    "is outside the model's vocabulary of " + std::to_string(engine_->info().vocab_size),
                                    "logit_bias of token " + std::to_string(one.token)});
    engine::Sampling out;
    out.temperature = settings.temperature.value_or(recommended_.temperature);
    out.top_p = settings.top_p.value_or(recommended_.top_p);
    out.min_p = settings.min_p.value_or(0.f);
    out.top_k = settings.top_k.value_or(0);
    out.seed = settings.seed;
    out.presence_penalty = settings.presence_penalty;
    out.frequency_penalty = settings.frequency_penalty;
    out.bias = settings.logit_bias;
    return out;
  }

  Result<Plan> constrain(const StepInput& input, bool thinks, std::uint32_t prompt_tokens) {
    StructureInput in;
    auto choice = read_tool_choice(input.settings.tool_choice);
    if (!choice) return tl::unexpected(choice.error());
    auto tools = callable(*choice, input.tools);
    if (!tools) return tl::unexpected(tools.error());
    std::optional<Error> refused;
    for (const auto& tool : *tools) {
      auto grammar = arguments_of(tool);
      if (grammar) in.tools.push_back({tool.name, *grammar});
      else if (!refused)
        refused = Error{ErrorCode::bad_request, grammar.error().where + ": " + grammar.error().what, "tool choice " + tool.name};
    }
    // A tool whose schema the grammar refuses is lost alone, unless it was asked for by name.
    if (refused && (choice->only || (in.tools.empty() && choice->mode == grammar::ToolChoice::required)))
      return tl::unexpected(*refused);
    in.choice = in.tools.empty() ? grammar::ToolChoice::none : choice->mode;
    auto answer = this->answer(input.settings);
    if (!answer) return tl::unexpected(answer.error());
    in.answer = *answer;
    std::uint32_t context = engine_->info().context_tokens_max;
    if (prompt_tokens >= context)
      return tl::unexpected(Error{ErrorCode::limit,
                                  "the prompt has " + std::to_string(prompt_tokens) + " tokens; the model's context holds " +
                                      std::to_string(context) + ". Shorten the question or start a new conversation",
                                  "prompt"});
    in.thinking = thinks;
    in.think_tokens_max = input.settings.budgets.think_tokens_max;
    in.tokens_max = std::min(input.settings.budgets.output_tokens_max, context - prompt_tokens);
    in.calls_max = input.settings.parallel_calls ? input.settings.budgets.calls_max : std::min(1u, input.settings.budgets.calls_max);
    grammar::StructureSpec spec = dialect_->structure(in);
    Plan plan;
    plan.tokens_max = in.tokens_max;
    plan.end = spec.end;
    if (spec.thinking)
      plan.reasoning = ReasoningCounter(spec.thinking->open, spec.thinking->close, spec.thinking->opened_by_prompt);
    auto structure = grammar::Structure::create(std::move(spec), vocabulary_);
    if (!structure)
      return tl::unexpected(Error{ErrorCode::limit, structure.error().what, structure.error().where});
    plan.constraint = std::make_shared<Constrained>(std::move(*structure), input.settings.loop_guard);
    return plan;
  }

  static constexpr std::size_t kGrammarsMax = 1024;

  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Dialect> dialect_;
  Recommended recommended_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_future<Compiled>> grammars_;  // by schema, refusals among them
};

/// What the model's own generation_config.json says of sampling goes before its family's advice.
/// Format: Hugging Face transformers, GenerationConfig (do_sample, temperature, top_p).
Result<Recommended> recommended_by(const std::filesystem::path& model, Recommended recommended) {
  std::filesystem::path file = model / "generation_config.json";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return recommended;
  std::ifstream in(file);
  auto json = nlohmann::json::parse(in, nullptr, false);
  if (!json.is_object())
    return tl::unexpected(Error{ErrorCode::bad_model, "is not a JSON object", file.filename().string()});
  auto read = [&](const char* key, float& into) -> Result<void> {
    auto it = json.find(key);
    if (it == json.end() || it->is_null()) return {};
    if (!it->is_number() || it->get<double>() < 0 || it->get<double>() > 100)
      return tl::unexpected(Error{ErrorCode::bad_model, std::string(key) + " must be a number from 0 to 100", file.filename().string()});
    into = it->get<float>();
    return {};
  };
  if (auto ok = read("temperature", recommended.temperature); !ok) return tl::unexpected(ok.error());
  if (auto ok = read("top_p", recommended.top_p); !ok) return tl::unexpected(ok.error());
  auto sampled = json.find("do_sample");
  if (sampled != json.end() && sampled->is_boolean() && !sampled->get<bool>()) recommended.temperature = 0;
  return recommended;
}

}  // namespace

Result<std::unique_ptr<LocalModel>> LocalModel::load(const LocalOptions& options) {
  engine::Options engine_options;
  engine_options.model = options.model;
  engine_options.threads = options.threads;
  engine_options.progress = options.progress;
  auto engine = engine::Engine::load(engine_options);
  if (!engine) return tl::unexpected(Error{ErrorCode::bad_model, engine.error().what, engine.error().where});
  std::string name = options.dialect;
  if (name.empty()) {
    auto detected = detect_dialect((*engine)->tokenizer());
    if (!detected) return tl::unexpected(Error{ErrorCode::bad_model, detected.error().what, detected.error().where});
    name = *detected;
  }
  auto dialect = make_dialect(name, (*engine)->tokenizer());
  if (!dialect) return tl::unexpected(Error{ErrorCode::bad_request, dialect.error().what, dialect.error().where});
  auto recommended = recommended_by(options.model, (*dialect)->recommended());
  if (!recommended) return tl::unexpected(recommended.error());
  return std::make_unique<Local>(std::move(*engine), std::move(*dialect), *recommended);
}

}  // namespace praxis::agent
