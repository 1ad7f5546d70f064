#include "agent/loop.h"

#include <sys/random.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>

#include "agent/recover.h"
#include "agent/tool_choice.h"

namespace praxis::agent {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Signals: everything that happens on other threads, in the order it reached the loop.
struct CallProgress {
  std::string call_id, text;
};
struct CallDone {
  std::string call_id;
  tools::ToolResult result;
};
struct TimeUp {};
struct Stop {};
using Signal = std::variant<std::monostate, ParsedDelta, Result<StepOutput>, CallProgress, CallDone, TimeUp, Stop>;

/// Where other threads report to the loop. Its length is bounded by what can be under way: the tokens
/// of one step, and the results and progress lines of calls_max calls. Once closed it drops what
/// still comes (an abandoned tool may talk long after its run has ended).
class Inbox {
 public:
  explicit Inbox(asio::any_io_executor executor)
      : channel_(std::make_unique<Channel>(executor, std::numeric_limits<std::size_t>::max())) {}

  void send(Signal signal) {
    std::lock_guard lock(mutex_);
    if (channel_) channel_->try_send(boost::system::error_code(), std::move(signal));
  }
  asio::awaitable<Signal> receive() { return channel_->async_receive(asio::use_awaitable); }
  void close() {
    std::lock_guard lock(mutex_);
    channel_.reset();
  }

 private:
  using Channel = asio::experimental::concurrent_channel<void(boost::system::error_code, Signal)>;
  std::mutex mutex_;
  std::unique_ptr<Channel> channel_;
};

struct Interrupt::State {
  std::mutex mutex;
  bool requested = false;
  std::shared_ptr<Inbox> inbox;
};

Interrupt::Interrupt() : state_(std::make_shared<State>()) {}

void Interrupt::request() {
  std::lock_guard lock(state_->mutex);
  state_->requested = true;
  if (state_->inbox) state_->inbox->send(Stop());
}

Error from(const memory::Error& error) {
  ErrorCode code = ErrorCode::store;
  switch (error.code) {
    case memory::ErrorCode::not_found: code = ErrorCode::not_found; break;
    case memory::ErrorCode::claimed: code = ErrorCode::busy; break;
    case memory::ErrorCode::bad_request:
    case memory::ErrorCode::too_large: code = ErrorCode::bad_request; break;
    default: break;
  }
  return {code, error.what, error.where};
}

namespace {

std::string new_call_id(std::size_t index) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  unsigned char random[22] = {};
  // 22 characters of 62: 130 bits, so that an id cannot be guessed. getrandom of so few bytes
  // neither blocks nor fails once the machine has booted.
  (void)!getrandom(random, sizeof random, 0);
  std::string id = (index < 10 ? "call_0" : "call_") + std::to_string(index) + "_";
  for (unsigned char byte : random) id += kAlphabet[byte % kAlphabet.size()];
  return id;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// A call of the current step, from its first marker to its result.
struct Pending {
  ToolCall call;
  bool closed = false;                      // its arguments are whole
  bool dispatched = false;                  // its result will come
  std::optional<tools::ToolResult> result;
};

/// What one step has said so far.
struct Turn {
  std::string content, reasoning;
  std::vector<Pending> calls;
  StepOutput output;
};

class Loop {
 public:
  Loop(Workplace work, RunHandle handle, std::shared_ptr<Inbox> inbox)
      : work_(std::move(work)), handle_(std::move(handle)), inbox_(std::move(inbox)), begun_(Clock::now()) {}

  asio::awaitable<RunOutcome> run() {
    auto outcome = co_await steps();
    if (outcome) co_return std::move(*outcome);
    co_await let_go();
    co_return failed(outcome.error());
  }

 private:
  asio::awaitable<Result<RunOutcome>> steps() {
    emit_started();
    if (auto loaded = load(); !loaded) co_return tl::unexpected(loaded.error());
    if (handle_.resumed) {
      if (auto taken_up = take_up(); !taken_up) co_return tl::unexpected(taken_up.error());
      if (answered_) co_return ended(*answered_);
    }
    while (true) {
      if (!turn_.calls.empty()) {
        auto observed = co_await observe();
        if (!observed) co_return tl::unexpected(observed.error());
      }
      if (stopped_) co_return parked();
      if (auto limit = spent(); !limit.empty()) co_return ended(RunStatus::limit, limit);
      auto decoded = co_await decode();
      if (!decoded) co_return tl::unexpected(decoded.error());
      bool cancelled = turn_.output.finish == engine::Finish::cancelled;
      if (stopped_ && cancelled && turn_.calls.empty()) co_return parked();  // decoded again later
      if (auto kept = keep(); !kept) co_return tl::unexpected(kept.error());
      if (turn_.calls.empty()) co_return ended(ending());
    }
  }

  /// What the step's end means for the run, were it the last one.
  RunStatus ending() const {
    if (turn_.output.finish == engine::Finish::cancelled) return RunStatus::limit;
    bool cut = turn_.output.cut || turn_.output.finish == engine::Finish::length;
    return cut ? RunStatus::length : RunStatus::completed;
  }

  /// Before a run fails: what runs is told to stop, and what became of it is recorded.
  asio::awaitable<void> let_go() {
    while (waiting()) {
      cancel_calls();
      Signal signal = co_await inbox_->receive();
      handle_signal(signal);
    }
  }

  // --- view, render, decode, parse ---------------------------------------------------------------

  asio::awaitable<Result<void>> decode() {
    turn_ = Turn();
    ++step_;
    Event event;
    event.type = Event::Type::step_started;
    event.step = step_;
    emit(event);

    StepInput input;
    input.messages = messages_;
    input.tools = tools_;
    input.settings = handle_.settings;
    if (usage_.calls > 0) input.settings.tool_choice = once_met(input.settings.tool_choice);
    auto inbox = inbox_;
    auto started = work_.model.start(
        input, [inbox](ParsedDelta delta) { inbox->send(std::move(delta)); },
        [inbox](Result<StepOutput> output) { inbox->send(std::move(output)); });
    if (!started) co_return tl::unexpected(started.error());
    std::unique_ptr<Step> step = std::move(*started);
    if (stopped_) step->cancel();

    while (true) {
      Signal signal = co_await inbox_->receive();
      if (auto* delta = std::get_if<ParsedDelta>(&signal)) {
        auto taken = take(std::move(*delta));
        if (!taken) co_return taken;
      } else if (auto* output = std::get_if<Result<StepOutput>>(&signal)) {
        if (!*output) co_return tl::unexpected(output->error());
        turn_.output = std::move(**output);
        for (const std::string& text : turn_.output.warnings) warn(text);
        break;
      } else {
        handle_signal(signal);
        if (store_error_) co_return tl::unexpected(*store_error_);
        if (stopped_ || time_up_) step->cancel();
      }
    }
    // A call that was cut off before its arguments were whole never becomes one.
    std::erase_if(turn_.calls, [](const Pending& call) { return !call.closed; });
    turn_.output.usage.steps = 1;
    turn_.output.usage.calls = static_cast<std::uint32_t>(turn_.calls.size());
    usage_.add(turn_.output.usage);
    co_return Result<void>();
  }

  Result<void> take(ParsedDelta delta) {
    Event event;
    event.step = step_;
    event.text = delta.text;
    switch (delta.kind) {
      case ParsedDelta::Kind::reasoning:
        turn_.reasoning += delta.text;
        event.type = Event::Type::reasoning_delta;
        break;
      case ParsedDelta::Kind::text:
        turn_.content += delta.text;
        event.type = Event::Type::text_delta;
        break;
      case ParsedDelta::Kind::call_name: {
        Pending pending;
        pending.call.id = new_call_id(delta.call);
        pending.call.name = delta.text;
        turn_.calls.push_back(std::move(pending));
        return {};
      }
      case ParsedDelta::Kind::call_arguments:
        turn_.calls.at(delta.call).call.arguments += delta.text;
        event.type = Event::Type::call_arguments;
        event.call.id = turn_.calls.at(delta.call).call.id;
        event.call.name = turn_.calls.at(delta.call).call.name;
        break;
      case ParsedDelta::Kind::call_end: {
        Pending& pending = turn_.calls.at(delta.call);
        pending.closed = true;
        return act(pending, delta.call);
      }
    }
    emit(event);
    return {};
  }

  // --- journal -----------------------------------------------------------------------------------

  /// The step's message, with what the engine produced for it and the calls it made.
  Result<void> keep() {
    memory::NewMessage row;
    row.conversation_id = handle_.conversation_id;
    row.run_id = handle_.run_id;
    row.role = memory::Role::assistant;
    row.content = turn_.content;
    row.reasoning = turn_.reasoning;
    // Ids are whole only when the output is: a cancelled or cut one is rendered from its text.
    bool whole = turn_.output.finish == engine::Finish::stop;
    if (whole) {
      row.ids = turn_.output.ids;
      row.ids_fingerprint = work_.model.fingerprint();
    }
    for (const auto& pending : turn_.calls) row.calls.push_back(pending.call.id);
    auto written = work_.store.write([&](memory::Tx& tx) -> memory::Result<void> {
      auto appended = tx.append_message(row);
      if (!appended) return tl::unexpected(appended.error());
      nlohmann::ordered_json payload;
      payload["step"] = step_;
      payload["message"] = appended->id;
      payload["ending"] = to_string(ending());
      payload["usage"] = nlohmann::ordered_json::parse(to_json(turn_.output.usage));
      auto journalled = tx.append_journal(handle_.run_id, "step.finished", dump(payload));
      if (!journalled) return tl::unexpected(journalled.error());
      return {};
    });
    if (!written) return tl::unexpected(from(written.error()));
    Message message;
    message.role = SenderRole::assistant;
    message.content = turn_.content;
    message.reasoning = turn_.reasoning;
    if (whole) message.ids = turn_.output.ids;
    for (const auto& pending : turn_.calls) message.calls.push_back(pending.call);
    messages_.push_back(std::move(message));
    Event event;
    event.type = Event::Type::step_finished;
    event.step = step_;
    event.usage = turn_.output.usage;
    emit(event);
    return {};
  }

  // --- act ---------------------------------------------------------------------------------------

  /// Starts a call the moment it is closed, while the model may still be writing the next one.
  Result<void> act(Pending& pending, std::size_t index) {
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(pending.call.name);
    memory::NewCall row;
    row.run_id = handle_.run_id;
    row.id = pending.call.id;
    row.position = static_cast<std::uint32_t>(index);
    row.tool = pending.call.name;
    row.arguments = pending.call.arguments;
    row.effect = spec ? static_cast<memory::Effect>(spec->effect) : memory::Effect::pure;
    std::string denied = refusal(spec, pending.call);
    std::string key;
    auto written = work_.store.write([&](memory::Tx& tx) -> memory::Result<void> {
      auto planned = tx.plan_call(row);
      if (!planned) return tl::unexpected(planned.error());
      key = *planned;
      nlohmann::ordered_json payload;
      payload["step"] = step_;
      payload["call"] = row.id;
      payload["tool"] = row.tool;
      payload["key"] = key;
      // Were the process to end before the step does, this is what is left of the message.
      payload["reasoning"] = turn_.reasoning;
      payload["content"] = turn_.content;
      auto journalled = tx.append_journal(handle_.run_id, "call.started", dump(payload));
      if (!journalled) return tl::unexpected(journalled.error());
      memory::CallRef ref{row.run_id, row.id};
      if (auto begun = tx.start_call(ref); !begun) return begun;
      // With its refusal at once: a denied call must never look like one that may have run.
      if (!denied.empty()) return tx.finish_call(ref, {std::string(tools::to_string(tools::Status::error)), denied, false});
      return {};
    });
    if (!written) return tl::unexpected(from(written.error()));
    begin(pending, key, denied);
    return {};
  }

  /// A call whose row is `started` runs; one that was denied has its result already.
  void begin(Pending& pending, const std::string& key, const std::string& denied) {
    emit_call(Event::Type::call_started, pending);
    if (denied.empty()) return dispatch(pending, key);
    pending.result = tools::ToolResult{tools::Status::error, denied};
    emit_call(Event::Type::call_finished, pending);
  }

  std::string refusal(const tools::ToolSpec* spec, const ToolCall& call) const {
    if (!spec) return "no tool named " + call.name + " is available";
    // Before anybody is asked, and before it can look like a call that may have run.
    std::string why = work_.dispatcher.toolbox().refuse_arguments(call.name, call.arguments);
    if (!why.empty()) return why;
    if (spec->needs_approval && !(work_.approve && work_.approve(*spec, call))) return "the user did not approve this call";
    return {};
  }

  void dispatch(Pending& pending, const std::string& key) {
    pending.dispatched = true;
    auto inbox = inbox_;
    std::string id = pending.call.id;
    work_.dispatcher.start(
        {id, pending.call.name, pending.call.arguments, key},
        [inbox, id](tools::ToolResult result) {
          inbox->send(CallDone{id, std::move(result)});
        },
        [inbox, id](std::string_view text) {
          inbox->send(CallProgress{id, std::string(text)});
        });
  }

  // --- observe -----------------------------------------------------------------------------------

  /// Waits for the results and turns them into messages, in the order of the calls.
  asio::awaitable<Result<void>> observe() {
    while (waiting()) {
      if (stopped_ || time_up_ || store_error_) cancel_calls();
      Signal signal = co_await inbox_->receive();
      handle_signal(signal);
    }
    if (store_error_) co_return tl::unexpected(*store_error_);
    if (stopped_ && unsettled_) co_return Result<void>();  // interrupted calls run again later
    std::vector<Message> results;
    for (const auto& pending : turn_.calls) {
      Message message;
      message.role = SenderRole::tool;
      message.content = result_text(*pending.result);
      message.call_id = pending.call.id;
      results.push_back(std::move(message));
    }
    auto written = work_.store.write([&](memory::Tx& tx) -> memory::Result<void> {
      for (const auto& message : results) {
        memory::NewMessage row;
        row.conversation_id = handle_.conversation_id;
        row.run_id = handle_.run_id;
        row.role = memory::Role::tool;
        row.content = message.content;
        row.call_id = message.call_id;
        auto appended = tx.append_message(row);
        if (!appended) return tl::unexpected(appended.error());
      }
      return {};
    });
    if (!written) co_return tl::unexpected(from(written.error()));
    for (auto& message : results) messages_.push_back(std::move(message));
    turn_ = Turn();
    co_return Result<void>();
  }

  /// Each of them is answered at the latest when its deadline and the dispatcher's grace are over.
  bool waiting() const {
    return std::any_of(turn_.calls.begin(), turn_.calls.end(),
                       [](const Pending& pending) { return pending.dispatched && !pending.result; });
  }
  void cancel_calls() {
    for (const auto& pending : turn_.calls)
      if (!pending.result) work_.dispatcher.cancel(pending.call.id);
  }

  void handle_signal(Signal& signal) {
    if (auto* done = std::get_if<CallDone>(&signal)) return finished(*done);
    if (auto* progress = std::get_if<CallProgress>(&signal)) {
      Event event;
      event.type = Event::Type::call_progress;
      event.step = step_;
      event.call.id = progress->call_id;
      event.text = progress->text;
      return emit(event);
    }
    if (std::holds_alternative<TimeUp>(signal)) time_up_ = true;
    if (std::holds_alternative<Stop>(signal)) stopped_ = true;
  }

  void finished(CallDone& done) {
    auto it = std::find_if(turn_.calls.begin(), turn_.calls.end(),
                           [&](const Pending& pending) { return pending.call.id == done.call_id; });
    if (it == turn_.calls.end() || it->result) return;
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(it->call.name);
    bool cancelled = done.result.status == tools::Status::cancelled;
    bool once = !spec || spec->effect == tools::Effect::once;
    it->result = std::move(done.result);
    if (cancelled && stopped_ && !once) {
      unsettled_ = true;  // stays `started`: it runs again when the run goes on
      return;
    }
    if (cancelled && once) {
      it->result->status = tools::Status::unknown;
      it->result->text = kUnknownText;
    }
    memory::CallRef ref{handle_.run_id, it->call.id};
    auto written = work_.store.write([&](memory::Tx& tx) -> memory::Result<void> {
      if (it->result->status == tools::Status::unknown) return tx.mark_unknown(ref);
      return tx.finish_call(ref, {std::string(tools::to_string(it->result->status)), it->result->text, it->result->truncated});
    });
    if (!written) {
      store_error_ = from(written.error());
      return;
    }
    emit_call(Event::Type::call_finished, *it);
  }

  // --- start, resume, end ------------------------------------------------------------------------

  Result<void> load() {
    auto messages = conversation_messages(work_.store, handle_.conversation_id, work_.model.fingerprint());
    if (!messages) return tl::unexpected(messages.error());
    messages_ = std::move(*messages);
    for (const tools::ToolSpec* spec : work_.dispatcher.toolbox().list()) {
      ToolText tool{spec->name, spec->description, spec->schema};
      std::string why = work_.model.refuse_tool(tool);
      if (why.empty()) {
        tools_.push_back(std::move(tool));
      } else if (spec->name == handle_.settings.tool_choice) {
        return tl::unexpected(Error{ErrorCode::bad_request, why, "tool choice " + spec->name});
      } else {
        warn("tool " + spec->name + " is left out: " + why);
      }
    }
    return {};
  }

  /// Where an unfinished run stood: its last message, its calls, and what becomes of them.
  Result<void> take_up() {
    auto reads = work_.store.read();
    auto rows = reads.messages(handle_.conversation_id);
    auto calls = reads.calls(handle_.run_id);
    if (!rows) return tl::unexpected(from(rows.error()));
    if (!calls) return tl::unexpected(from(calls.error()));
    auto journal = reads.journal(handle_.run_id);
    auto run = reads.run(handle_.run_id);
    if (!run) return tl::unexpected(from(run.error()));
    wall_seconds_before_ = usage_from_json(run->usage).wall_seconds;
    if (!journal) return tl::unexpected(from(journal.error()));
    for (const auto& row : *rows) step_ += row.run_id == handle_.run_id && row.role == memory::Role::assistant;
    for (const auto& entry : *journal) {
      if (entry.type != "step.finished") continue;
      auto payload = nlohmann::ordered_json::parse(entry.payload, nullptr, false);
      if (!payload.is_object()) continue;
      usage_.add(usage_from_json(dump(payload["usage"])));
      bool last = !rows->empty() && payload["message"] == rows->back().id && rows->back().calls.empty();
      if (!last) continue;  // else the process stopped between the answer and the end of the run
      turn_.content = rows->back().content;
      answered_ = run_status_from(payload.value("ending", "")).value_or(RunStatus::completed);
    }
    if (answered_) return {};
    std::set<std::string> told;  // calls whose results are messages already
    for (const auto& row : *rows)
      if (row.role == memory::Role::tool) told.insert(row.call_id);
    std::erase_if(*calls, [&](const memory::Call& call) { return told.count(call.id) > 0; });
    for (const auto& call : *calls) turn_.calls.push_back({{call.id, call.tool, call.arguments}, true, false, std::nullopt});
    for (std::size_t i = 0; i < calls->size(); ++i)
      if (auto settled = settle((*calls)[i], turn_.calls[i]); !settled) return settled;
    return {};
  }

  Result<void> settle(const memory::Call& call, Pending& pending) {
    Decision decision = decide(call, work_.dispatcher.toolbox());
    memory::CallRef ref{handle_.run_id, call.id};
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(call.tool);
    memory::Result<void> written;
    switch (decision.what) {
      case Settle::keep: pending.result = result_of(call); break;  // nobody may have heard of it yet
      case Settle::unknown:
        written = work_.store.write([&](memory::Tx& tx) { return tx.mark_unknown(ref); });
        pending.result = tools::ToolResult{tools::Status::unknown, kUnknownText};
        break;
      case Settle::finish:
        pending.result = decision.result;
        written = work_.store.write([&](memory::Tx& tx) {
          return tx.finish_call(ref, {std::string(tools::to_string(decision.result.status)), decision.result.text,
                                      decision.result.truncated});
        });
        break;
      case Settle::start:
      case Settle::restart: {
        std::string denied = refusal(spec, pending.call);
        written = work_.store.write([&](memory::Tx& tx) {
          auto begun = decision.what == Settle::start ? tx.start_call(ref) : tx.restart_call(ref);
          if (!begun || denied.empty()) return begun;
          return tx.finish_call(ref, {std::string(tools::to_string(tools::Status::error)), denied, false});
        });
        if (!written) break;
        begin(pending, call.idempotency_key, denied);
        return {};
      }
    }
    if (!written) return tl::unexpected(from(written.error()));
    emit_call(Event::Type::call_finished, pending);
    return {};
  }

  std::string spent() const {
    const Budgets& budgets = handle_.settings.budgets;
    if (time_up_) return late();
    if (step_ >= budgets.steps_max) return "no answer after " + std::to_string(budgets.steps_max) + " steps (--max-steps)";
    return {};
  }

  std::string late() const {
    return "the run took longer than " + std::to_string(handle_.settings.budgets.wall_seconds_max) + " s (--max-seconds)";
  }

  RunOutcome ended(RunStatus status) {
    std::string why;
    if (status == RunStatus::length) why = "the answer was cut at the output budget (--max-tokens)";
    if (status == RunStatus::limit) why = late();  // nothing else cancels a step
    return ended(status, why);
  }
  RunOutcome ended(RunStatus status, const std::string& why) {
    return finish(status, memory::RunStatus::finished, why, ErrorCode::limit);
  }
  RunOutcome failed(const Error& error) {
    std::string text = error.where.empty() ? error.what : error.where + ": " + error.what;
    return finish(RunStatus::failed, memory::RunStatus::failed, text, error.code);
  }
  RunOutcome parked() {
    return finish(RunStatus::cancelled, memory::RunStatus::interrupted, "interrupted; --continue goes on", ErrorCode::internal);
  }

  RunOutcome finish(RunStatus status, memory::RunStatus stored, const std::string& error, ErrorCode code) {
    RunOutcome outcome;
    outcome.status = status;
    outcome.answer = turn_.calls.empty() ? turn_.content : std::string();
    outcome.error = error;
    outcome.code = code;
    usage_.wall_seconds = wall_seconds_before_ + std::chrono::duration<double>(Clock::now() - begun_).count();
    outcome.usage = usage_;
    Event event;
    event.type = Event::Type::run_finished;
    event.run_id = handle_.run_id;
    event.conversation_id = handle_.conversation_id;
    event.status = status;
    event.text = outcome.answer;
    event.error = error;
    event.usage = usage_;
    auto written = work_.store.write([&](memory::Tx& tx) -> memory::Result<void> {
      // Whose calls are still open, and maybe not told.
      if (stored == memory::RunStatus::failed)
        if (auto concluded = conclude_calls(tx, handle_.run_id); !concluded) return concluded;
      auto usage = nlohmann::ordered_json::parse(to_json(usage_));
      usage["status"] = to_string(status);
      auto journalled = tx.append_journal(handle_.run_id, "run.finished", dump(usage));
      if (!journalled) return tl::unexpected(journalled.error());
      return tx.finish_run(handle_.run_id, {stored, outcome.answer, dump(usage), error});
    });
    if (!written && status != RunStatus::failed) {
      Error store = from(written.error());
      outcome.status = event.status = RunStatus::failed;
      outcome.error = event.error = store.where + ": " + store.what;
      outcome.code = store.code;
    }
    emit(event);
    return outcome;
  }

  void emit(const Event& event) {
    if (work_.sink) work_.sink(event);
  }
  void warn(const std::string& text) {
    Event event;
    event.type = Event::Type::warning;
    event.text = text;
    emit(event);
  }
  void emit_started() {
    Event event;
    event.type = Event::Type::run_started;
    event.run_id = handle_.run_id;
    event.conversation_id = handle_.conversation_id;
    event.resumed = handle_.resumed;
    emit(event);
  }
  void emit_call(Event::Type type, const Pending& pending) {
    Event event;
    event.type = type;
    event.step = step_;
    event.call = pending.call;
    if (pending.result) event.result = *pending.result;
    emit(event);
  }

  Workplace work_;
  RunHandle handle_;
  std::shared_ptr<Inbox> inbox_;
  Clock::time_point begun_;
  std::vector<Message> messages_;   // the conversation so far
  std::vector<ToolText> tools_;
  Turn turn_;
  std::uint32_t step_ = 0;
  Usage usage_;
  double wall_seconds_before_ = 0;  // of a run that was parked, until then
  std::optional<Error> store_error_;
  bool stopped_ = false, time_up_ = false;
  bool unsettled_ = false;   // an interrupted call waits to run again
  std::optional<RunStatus> answered_;   // how a resumed run that has its answer already ended
};

}  // namespace

asio::awaitable<RunOutcome> run(Workplace workplace, RunHandle handle, Interrupt interrupt) {
  auto executor = co_await asio::this_coro::executor;
  auto inbox = std::make_shared<Inbox>(executor);
  // However the run ends, an exception of the sink included: the channel must not outlive its loop.
  struct Close {
    std::shared_ptr<Inbox> inbox;
    ~Close() { inbox->close(); }
  } close{inbox};
  {
    std::lock_guard lock(interrupt.state()->mutex);
    interrupt.state()->inbox = inbox;
    if (interrupt.state()->requested) inbox->send(Stop());
  }
  asio::steady_timer timer(executor);
  timer.expires_after(std::chrono::seconds(handle.settings.budgets.wall_seconds_max));
  timer.async_wait([inbox](boost::system::error_code error) {
    if (!error) inbox->send(TimeUp());
  });
  Loop loop(std::move(workplace), std::move(handle), inbox);
  RunOutcome outcome = co_await loop.run();
  co_return outcome;
}

RunOutcome run_blocking(Workplace workplace, RunHandle handle, Interrupt interrupt) {
  asio::io_context context(1);
  RunOutcome outcome;
  std::exception_ptr thrown;
  asio::co_spawn(context, run(std::move(workplace), std::move(handle), std::move(interrupt)),
                 [&](std::exception_ptr error, RunOutcome result) {
                   thrown = error;
                   outcome = std::move(result);
                 });
  context.run();
  if (thrown) std::rethrow_exception(thrown);
  return outcome;
}

Result<std::vector<Message>> conversation_messages(memory::Store& store, const std::string& conversation_id,
                                                   std::string_view fingerprint) {
  auto rows = store.read().messages(conversation_id);
  if (!rows) return tl::unexpected(from(rows.error()));
  std::vector<Message> messages;
  for (const auto& row : *rows) {
    Message message;
    message.role = static_cast<SenderRole>(row.role);
    message.content = row.content;
    message.reasoning = row.reasoning;
    message.call_id = row.call_id;
    for (const auto& call : row.calls) message.calls.push_back({call.id, call.tool, call.arguments});
    if (row.ids_fingerprint == fingerprint) message.ids = row.ids;
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<RunHandle> begin_run(memory::Store& store, const Model& model, const NewTurn& turn,
                            std::optional<memory::Claim>& claim) {
  constexpr std::size_t kTitleBytes = 80;
  if (turn.question.find_first_not_of(" \t\r\n") == std::string::npos)
    return tl::unexpected(Error{ErrorCode::bad_request, "the question is empty", "question"});
  bool system_as_user = model.recommended().system_as_user;
  bool fresh = turn.conversation_id.empty();
  RunHandle handle;
  handle.settings = turn.settings;
  handle.conversation_id = turn.conversation_id;
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    if (handle.conversation_id.empty()) {
      memory::NewConversation conversation;
      std::size_t end = std::min(turn.question.size(), kTitleBytes);
      while (end < turn.question.size() && end > 0 && (turn.question[end] & 0xC0) == 0x80) --end;
      conversation.title = turn.question.substr(0, end);
      conversation.think_policy = static_cast<memory::ThinkPolicy>(turn.settings.policy);
      conversation.model = turn.model_name;
      conversation.model_fingerprint = model.fingerprint();
      auto id = tx.create_conversation(conversation);
      if (!id) return tl::unexpected(id.error());
      handle.conversation_id = *id;
      // Before the commit, so that no other process ever sees it without its owner.
      auto claimed = store.claim(*id);
      if (!claimed) return tl::unexpected(claimed.error());
      claim.emplace(std::move(*claimed));
      if (!turn.settings.system.empty() && !system_as_user) {
        memory::NewMessage system;
        system.conversation_id = *id;
        system.role = memory::Role::system;
        system.content = turn.settings.system;
        auto appended = tx.append_message(system);
        if (!appended) return tl::unexpected(appended.error());
      }
    }
    auto run = tx.create_run({handle.conversation_id, to_json(turn.settings)});
    if (!run) return tl::unexpected(run.error());
    handle.run_id = *run;
    memory::NewMessage user;
    user.conversation_id = handle.conversation_id;
    user.run_id = *run;
    user.role = memory::Role::user;
    user.content = fresh && system_as_user && !turn.settings.system.empty() ? turn.settings.system + "\n\n" + turn.question
                                                                            : turn.question;
    auto appended = tx.append_message(user);
    if (!appended) return tl::unexpected(appended.error());
    auto journalled = tx.append_journal(*run, "run.started", to_json(turn.settings));
    if (!journalled) return tl::unexpected(journalled.error());
    return {};
  });
  if (!written) return tl::unexpected(from(written.error()));
  return handle;
}

Result<RunHandle> resume_run(memory::Store& store, const std::string& run_id) {
  auto row = store.read().run(run_id);
  if (!row) return tl::unexpected(from(row.error()));
  RunHandle handle;
  handle.run_id = row->id;
  handle.conversation_id = row->conversation_id;
  handle.settings = settings_from_json(row->settings).value_or(Settings());
  handle.resumed = true;
  auto written = store.write([&](memory::Tx& tx) -> memory::Result<void> {
    if (auto resumed = tx.resume_run(run_id); !resumed) return resumed;
    if (auto adopted = adopt_orphans(tx, run_id); !adopted) return adopted;
    auto journalled = tx.append_journal(run_id, "run.resumed", "{}");
    if (!journalled) return tl::unexpected(journalled.error());
    return {};
  });
  if (!written) return tl::unexpected(from(written.error()));
  return handle;
}

}  // namespace praxis::agent
