#include "agent/loop.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>

#include "agent/call_id.h"
#include "agent/cite.h"
#include "agent/mailbox.h"
#include "agent/progress_gate.h"
#include "agent/recover.h"
#include "agent/tool_choice.h"

namespace praxis::agent {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Signals: everything that happens on other threads, in the order it reached the loop. Their number is
// bounded by what can be under way: the tokens of one step, the results and progress lines of calls_max
// calls, and the writes that these make.
struct CallProgress {
  std::string call_id, text;
};
struct CallDone {
  std::string call_id;
  tools::ToolResult result;
};
struct Answered {
  std::string call_id;
  bool allowed = false;
};
struct TimeUp {};
struct Stop {
  bool for_good = false;
};
using Signal = std::variant<std::monostate, ParsedDelta, Result<StepOutput>, CallProgress, CallDone, Answered, Committed, TimeUp, Stop>;
using Inbox = Mailbox<Signal>;

struct Interrupt::State {
  std::mutex mutex;
  std::optional<Stop> requested;
  std::shared_ptr<Inbox> inbox;

  void request(Stop stop) {
    std::lock_guard lock(mutex);
    if (!requested || stop.for_good) requested = stop;
    if (inbox) inbox->send(stop);
  }
};

Interrupt::Interrupt() : state_(std::make_shared<State>()) {}
void Interrupt::request() { state_->request({false}); }
void Interrupt::cancel() { state_->request({true}); }

namespace {

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// A call of the current step, from its first marker to its result.
struct Pending {
  enum class Phase : std::uint8_t {
    writing,    // its arguments are not whole
    asking,     // planned; somebody must say whether it may run
    starting,   // its row must be durable before it runs
    running,
    done,       // has its result, or waits for a later time to run again
  };
  ToolCall call;
  std::string key;               // of the call, the same for every attempt
  Phase phase = Phase::writing;
  std::uint64_t start_write = 0; // asking, starting: the write that this waits for
  std::optional<tools::ToolResult> result;

  bool is_open() const { return phase != Phase::writing && phase != Phase::done; }
};

/// What one step has said so far.
struct Turn {
  std::string content, reasoning;
  std::vector<Pending> calls;
  StepOutput output;
};

class Loop {
 public:
  Loop(Workplace work, RunHandle handle, std::shared_ptr<Inbox> inbox, asio::any_io_executor executor)
      : work_(std::move(work)),
        handle_(std::move(handle)),
        inbox_(std::move(inbox)),
        timer_(std::move(executor)),
        begun_(Clock::now()),
        journal_(work_.store, handle_.run_id, work_.record_progress, work_.sink,
                 [inbox = inbox_](Committed report) { inbox->send(std::move(report)); }) {}

  asio::awaitable<RunOutcome> run() {
    try {
      auto ending = co_await steps();
      if (!ending) {
        co_await let_go();
        ending = failure(ending.error());
      }
      co_return co_await finish(std::move(*ending));
    } catch (...) {
      journal_.send_all();  // what calls did is not lost with the listener that threw
      throw;
    }
  }

 private:
  /// How a run ends: what its caller is told, and what its row says.
  struct Ending {
    RunStatus status = RunStatus::completed;
    memory::RunStatus stored = memory::RunStatus::finished;
    std::string why;
    ErrorCode code = ErrorCode::limit;
  };

  asio::awaitable<Result<Ending>> steps() {
    if (work_.sink) work_.sink(started_event(handle_));
    allow(handle_.settings.budgets.wall_seconds_max);
    auto loaded = co_await load();
    if (!loaded) co_return tl::unexpected(loaded.error());
    if (answered_) co_return ended(*answered_);
    while (true) {
      if (!turn_.calls.empty()) {
        auto observed = co_await observe();
        if (!observed) co_return tl::unexpected(observed.error());
      }
      while (journal_.untold() > kUntoldMax && !winding_down()) {
        Signal signal = co_await next();
        handle(signal);
      }
      if (stopped_) co_return stopped();
      if (auto limit = spent(); !limit.empty()) co_return ended(RunStatus::limit, limit);
      auto decoded = co_await decode();
      if (!decoded) co_return tl::unexpected(decoded.error());
      const bool cancelled = turn_.output.finish == engine::Finish::cancelled;
      if (stopped_ && cancelled && turn_.calls.empty()) co_return stopped();  // decoded again later
      keep();
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
    failing_ = true;
    while (waiting()) {
      cancel_calls();
      Signal signal = co_await next();
      handle(signal);
    }
  }

  asio::awaitable<Signal> next() {
    std::vector<Signal> come;
    if (signals_.empty() && ++at_once_ < kAtOnceMax) come = inbox_->take();
    if (signals_.empty() && come.empty()) {
      journal_.send();
      come = co_await inbox_->receive();
      at_once_ = 0;
    }
    for (Signal& one : come) signals_.push_back(std::move(one));
    Signal signal = std::move(signals_.front());
    signals_.pop_front();
    co_return signal;
  }

  /// Work that takes its time, where it holds up nobody.
  template <class Work>
  auto aside(Work work) -> asio::awaitable<decltype(work())> {
    if (!work_.workers) co_return work();
    journal_.send();
    auto here = co_await asio::this_coro::executor;
    co_return co_await elsewhere(*work_.workers, here, std::move(work));
  }

  // --- view, render, decode, parse ---------------------------------------------------------------

  asio::awaitable<Result<void>> decode() {
    turn_ = Turn();
    ++step_;
    if (!replay_.begun()) {
      Event event;
      event.type = Event::Type::step_started;
      event.step = step_;
      journal_.progress(std::move(event));
    }
    auto begin = [this] {
      input_.settings = handle_.settings;
      if (const Settings& asked = handle_.settings;
          asked.cite && asked.answer_schema.empty() && !asked.answer_regex && asked.answer_choices.empty())
        input_.settings.answer_regex = citing_pattern(passages_in(input_.messages));
      if (usage_.calls > 0) input_.settings.tool_choice = once_met(input_.settings.tool_choice);
      return work_.model.start(
          input_, [inbox = inbox_](ParsedDelta delta) { inbox->send(std::move(delta)); },
          [inbox = inbox_](Result<StepOutput> output) { inbox->send(std::move(output)); });
    };
    Result<std::unique_ptr<Step>> step = co_await aside(begin);
    if (!step) co_return tl::unexpected(step.error());
    std::optional<Error> failed;
    while (true) {
      if (stopped_ || time_up_ || journal_.error()) (*step)->cancel();
      Signal signal = co_await next();
      if (auto* delta = std::get_if<ParsedDelta>(&signal)) {
        take(std::move(*delta));
      } else if (auto* output = std::get_if<Result<StepOutput>>(&signal)) {
        if (!*output) co_return tl::unexpected(output->error());
        turn_.output = std::move(**output);
        for (const std::string& text : turn_.output.warnings) warn(text);
        break;
      } else {
        handle(signal);
      }
    }
    if (journal_.error()) co_return tl::unexpected(*journal_.error());
    // A call that was cut off before its arguments were whole never becomes one.
    std::erase_if(turn_.calls, [](const Pending& call) { return call.phase == Pending::Phase::writing; });
    if (!replay_.exhausted() && turn_.output.finish != engine::Finish::cancelled) tell_again();
    replay_ = Replay();
    turn_.output.usage.steps = 1;
    turn_.output.usage.calls = static_cast<std::uint32_t>(turn_.calls.size());
    usage_.add(turn_.output.usage);
    co_return Result<void>();
  }

  void take(ParsedDelta delta) {
    const std::optional<std::string> fresh = replay_.fresh(delta);
    switch (delta.kind) {
      case ParsedDelta::Kind::reasoning: turn_.reasoning += delta.text; break;
      case ParsedDelta::Kind::text: turn_.content += delta.text; break;
      case ParsedDelta::Kind::call_name: {
        Pending pending;
        pending.call.id = replay_.call_id(delta.call).value_or(new_call_id(delta.call));
        pending.call.name = delta.text;
        turn_.calls.push_back(std::move(pending));
        break;
      }
      case ParsedDelta::Kind::call_arguments: turn_.calls.at(delta.call).call.arguments += delta.text; break;
      case ParsedDelta::Kind::call_end: break;
    }
    if (!fresh) tell_again();
    else if (!fresh->empty()) tell(delta.kind, *fresh, delta.call, std::move(delta.logprobs));
    if (delta.kind == ParsedDelta::Kind::call_end) act(turn_.calls.at(delta.call), delta.call);
  }

  void tell(ParsedDelta::Kind kind, const std::string& text, std::size_t call, std::vector<TokenLogprob> logprobs = {}) {
    if (text.empty()) return;
    Event event;
    event.step = step_;
    event.text = text;
    event.logprobs = std::move(logprobs);
    switch (kind) {
      case ParsedDelta::Kind::reasoning: event.type = Event::Type::reasoning_delta; break;
      case ParsedDelta::Kind::text: event.type = Event::Type::text_delta; break;
      case ParsedDelta::Kind::call_arguments:
        event.type = Event::Type::call_arguments;
        event.call.id = turn_.calls.at(call).call.id;
        event.call.name = turn_.calls.at(call).call.name;
        break;
      default: return;
    }
    journal_.progress(std::move(event));
  }

  /// The step takes another course than before the process stopped: what was told of it is void.
  void tell_again() {
    replay_ = Replay();
    Event event;
    event.type = Event::Type::step_restarted;
    event.step = step_;
    journal_.progress(std::move(event));
    tell(ParsedDelta::Kind::reasoning, turn_.reasoning, 0);
    tell(ParsedDelta::Kind::text, turn_.content, 0);
    for (std::size_t i = 0; i < turn_.calls.size(); ++i)
      tell(ParsedDelta::Kind::call_arguments, turn_.calls[i].call.arguments, i);
  }

  // --- journal -----------------------------------------------------------------------------------

  /// The step's message, with what the engine produced for it and the calls it made.
  void keep() {
    memory::NewMessage row;
    row.conversation_id = handle_.conversation_id;
    row.run_id = handle_.run_id;
    row.role = memory::Role::assistant;
    row.content = turn_.content;
    row.reasoning = turn_.reasoning;
    // Ids are whole only when the output is: a cancelled or cut one, or one that ends before a stop
    // text, is rendered from its text.
    if (turn_.output.whole()) {
      row.ids = turn_.output.ids;
      row.ids_fingerprint = work_.model.fingerprint();
    }
    Message message;
    message.role = SenderRole::assistant;
    message.content = row.content;
    message.reasoning = row.reasoning;
    message.ids = row.ids;
    for (const auto& pending : turn_.calls) {
      row.calls.push_back(pending.call.id);
      message.calls.push_back(pending.call);
    }
    input_.messages.push_back(std::move(message));

    Told told;
    told.event.type = Event::Type::step_finished;
    told.event.step = step_;
    told.event.usage = turn_.output.usage;
    told.kept = dump({{"ending", to_string(ending())}, {"wall_seconds", wall_seconds()}});
    auto append = [row = std::move(row)](memory::Tx& tx) -> memory::Result<void> {
      auto appended = tx.append_message(row);
      if (!appended) return tl::unexpected(appended.error());
      return {};
    };
    journal_.write(std::move(append), {std::move(told)});
  }

  // --- act ---------------------------------------------------------------------------------------

  /// Starts a call the moment it is closed, while the model may still be writing the next one.
  void act(Pending& pending, std::size_t index) {
    if (winding_down()) return;  // it stays unfinished, and so is never made
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(pending.call.name);
    memory::NewCall row;
    row.run_id = handle_.run_id;
    row.id = pending.call.id;
    row.position = static_cast<std::uint32_t>(index);
    row.tool = pending.call.name;
    row.arguments = pending.call.arguments;
    row.effect = spec ? static_cast<memory::Effect>(spec->effect) : memory::Effect::pure;
    row.idempotency_key = pending.key = new_call_key();
    const std::string denied = refusal(spec, pending.call);
    const bool asks = denied.empty() && spec->needs_approval;
    auto plan = [row = std::move(row), asks](memory::Tx& tx) -> memory::Result<void> {
      auto planned = tx.plan_call(row, !asks);
      if (!planned) return tl::unexpected(planned.error());
      return {};
    };
    if (asks) {
      ask_once_written(pending, std::move(plan), true);
      return;
    }
    begin_call(pending, std::move(plan), denied);
  }

  void ask_once_written(Pending& pending, memory::Store::Work plan, bool begins) {
    pending.phase = Pending::Phase::asking;
    pending.start_write = journal_.write(std::move(plan), {about(Event::Type::call_approval, pending, begins)});
    journal_.await(pending.start_write);
  }

  /// `begin` starts the call's row, which is durable before the tool runs; a pure call, which changes
  /// nothing and would only run again, waits for no disk. A denied call ends at once, so that it never looks like one that may
  /// have run.
  void begin_call(Pending& pending, memory::Store::Work begin, const std::string& denied) {
    const memory::CallRef ref{handle_.run_id, pending.call.id};
    if (!denied.empty())
      begin = [ref, begin = std::move(begin), denied](memory::Tx& tx) -> memory::Result<void> {
        if (auto begun = begin(tx); !begun) return begun;
        return tx.finish_call(ref, {std::string(tools::to_string(tools::Status::error)), denied, false});
      };
    std::vector<Told> told{about(Event::Type::call_started, pending, true)};
    if (!denied.empty()) {
      pending.phase = Pending::Phase::done;
      pending.result = tools::ToolResult{tools::Status::error, denied};
      told.push_back(about(Event::Type::call_finished, pending));
    }
    const std::uint64_t write = journal_.write(std::move(begin), std::move(told));
    if (pending.phase == Pending::Phase::done) return;
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(pending.call.name);
    if (spec->effect == tools::Effect::pure) return dispatch(pending);
    pending.phase = Pending::Phase::starting;
    pending.start_write = write;
    journal_.await(write);
  }

  std::string refusal(const tools::ToolSpec* spec, const ToolCall& call) const {
    if (!spec) return "no tool named " + call.name + " is available";
    // Before anybody is asked, and before it can look like a call that may have run.
    std::string why = work_.dispatcher.toolbox().refuse_arguments(call.name, call.arguments);
    if (!why.empty()) return why;
    if (spec->needs_approval && !work_.approve) return kDenied;
    return {};
  }

  void ask(const Pending& pending) {
    auto answer = [inbox = inbox_, id = pending.call.id](bool allowed) { inbox->send(Answered{id, allowed}); };
    work_.approve(*work_.dispatcher.toolbox().find(pending.call.name), pending.call, answer);
  }

  void answered(const Answered& answer) {
    Pending* pending = find(answer.call_id);
    if (!pending || pending->phase != Pending::Phase::asking || winding_down()) return;
    const memory::CallRef ref{handle_.run_id, pending->call.id};
    begin_call(*pending, [ref](memory::Tx& tx) { return tx.start_call(ref); }, answer.allowed ? "" : kDenied);
  }

  void dispatch(Pending& pending) {
    pending.phase = Pending::Phase::running;
    auto gate = std::make_shared<ProgressGate>();  // the dispatcher calls for one call from one thread at a time
    work_.dispatcher.start(
        {pending.call.id, pending.call.name, pending.call.arguments, pending.key},
        [inbox = inbox_, gate, id = pending.call.id](tools::ToolResult result) {
          if (auto rest = gate->rest(); !rest.empty()) inbox->send(CallProgress{id, std::move(rest)});
          inbox->send(CallDone{id, std::move(result)});
        },
        [inbox = inbox_, gate, id = pending.call.id](std::string_view line) {
          if (auto text = gate->add(line, Clock::now())) inbox->send(CallProgress{id, std::move(*text)});
        });
  }

  // --- observe -----------------------------------------------------------------------------------

  /// Waits for the results and turns them into messages, in the order of the calls.
  asio::awaitable<Result<void>> observe() {
    while (waiting() || unheard()) {
      if (stopped_ || time_up_ || journal_.error()) cancel_calls();
      if (!waiting() && !unheard()) break;
      Signal signal = co_await next();
      handle(signal);
    }
    if (journal_.error()) co_return tl::unexpected(*journal_.error());
    if (stopped_ && unsettled_) co_return Result<void>();  // interrupted calls run again later
    std::vector<memory::NewMessage> rows;
    for (const auto& pending : turn_.calls) {
      Message message;
      message.role = SenderRole::tool;
      message.content = result_text(*pending.result);
      message.call_id = pending.call.id;
      memory::NewMessage row;
      row.conversation_id = handle_.conversation_id;
      row.run_id = handle_.run_id;
      row.role = memory::Role::tool;
      row.content = message.content;
      row.call_id = message.call_id;
      rows.push_back(std::move(row));
      input_.messages.push_back(std::move(message));
    }
    auto append = [rows = std::move(rows)](memory::Tx& tx) -> memory::Result<void> {
      for (const auto& row : rows)
        if (auto appended = tx.append_message(row); !appended) return tl::unexpected(appended.error());
      return {};
    };
    journal_.write(std::move(append), {});
    turn_ = Turn();
    co_return Result<void>();
  }

  /// Running ones are answered at the latest when their deadline and the dispatcher's grace are over.
  bool waiting() const {
    const bool broken = journal_.error().has_value();  // what has not started will not
    return std::any_of(turn_.calls.begin(), turn_.calls.end(), [broken](const Pending& pending) {
      return pending.phase == Pending::Phase::running || (pending.is_open() && !broken);
    });
  }

  /// Who listens to this process alone, and not to the journal, hears of every end before the model
  /// does: were the process to stop in between, a call would be over that nobody was told of.
  bool unheard() const { return !work_.record_progress && !journal_.error() && !journal_.idle(); }

  void cancel_calls() {
    for (auto& pending : turn_.calls) {
      if (pending.phase == Pending::Phase::running) work_.dispatcher.cancel(pending.call.id);
      if (pending.phase == Pending::Phase::asking) give_up_asking(pending);
    }
  }

  /// A parked run asks again when it goes on; in one that ends the call never ran.
  void give_up_asking(Pending& pending) {
    pending.phase = Pending::Phase::done;
    if (stopped_ && !stopped_->for_good) {
      unsettled_ = true;
      return;
    }
    pending.result = tools::ToolResult{tools::Status::cancelled, "nobody approved this call while the run went on"};
    const memory::CallRef ref{handle_.run_id, pending.call.id};
    journal_.write([ref](memory::Tx& tx) { return tx.cancel_call(ref); }, {about(Event::Type::call_finished, pending)});
  }

  void handle(Signal& signal) {
    if (auto* done = std::get_if<CallDone>(&signal)) return finished(*done);
    if (auto* report = std::get_if<Committed>(&signal)) return committed(std::move(*report));
    if (auto* answer = std::get_if<Answered>(&signal)) return answered(*answer);
    if (auto* progress = std::get_if<CallProgress>(&signal)) {
      Event event;
      event.type = Event::Type::call_progress;
      event.step = step_;
      event.call.id = progress->call_id;
      event.text = progress->text;
      return journal_.progress(std::move(event));
    }
    if (std::holds_alternative<TimeUp>(signal)) time_up_ = true;
    if (auto* stop = std::get_if<Stop>(&signal); stop && !(stopped_ && stopped_->for_good)) stopped_ = *stop;
  }

  /// Calls that waited for this write go on.
  void committed(Committed report) {
    journal_.committed(std::move(report));
    if (journal_.error()) return;
    for (auto& pending : turn_.calls) {
      if (pending.start_write == 0 || pending.start_write > journal_.settled()) continue;
      pending.start_write = 0;
      if (pending.phase == Pending::Phase::asking) ask(pending);
      else if (pending.phase == Pending::Phase::starting) winding_down() ? never_ran(pending) : dispatch(pending);
    }
  }

  /// Nothing new begins any more.
  bool winding_down() const { return stopped_ || time_up_ || failing_ || journal_.error(); }

  /// Its row says that it started, but its tool was never asked.
  void never_ran(Pending& pending) {
    pending.phase = Pending::Phase::done;
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(pending.call.name);
    const bool once = !spec || spec->effect == tools::Effect::once;
    if (stopped_ && !stopped_->for_good && !once) {
      unsettled_ = true;  // it runs when the run goes on
      return;
    }
    pending.result = tools::ToolResult{tools::Status::cancelled, "the run stopped before this call ran; it was not done"};
    const memory::CallRef ref{handle_.run_id, pending.call.id};
    auto record = [ref, result = *pending.result](memory::Tx& tx) {
      return tx.finish_call(ref, {std::string(tools::to_string(result.status)), result.text, false});
    };
    journal_.write(std::move(record), {about(Event::Type::call_finished, pending)});
  }

  Pending* find(const std::string& call_id) {
    auto it = std::find_if(turn_.calls.begin(), turn_.calls.end(), [&](const Pending& pending) { return pending.call.id == call_id; });
    return it == turn_.calls.end() ? nullptr : &*it;
  }

  void finished(CallDone& done) {
    Pending* pending = find(done.call_id);
    if (!pending || pending->phase != Pending::Phase::running) return;
    pending->phase = Pending::Phase::done;
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(pending->call.name);
    const bool cancelled = done.result.status == tools::Status::cancelled;
    const bool once = !spec || spec->effect == tools::Effect::once;
    if (cancelled && stopped_ && !stopped_->for_good && !once) {
      unsettled_ = true;  // stays `started`: it runs again when the run goes on
      return;
    }
    pending->result = std::move(done.result);
    if (cancelled && once) {
      pending->result->status = tools::Status::unknown;
      pending->result->text = kUnknownText;
    }
    const memory::CallRef ref{handle_.run_id, pending->call.id};
    auto record = [ref, result = *pending->result](memory::Tx& tx) -> memory::Result<void> {
      if (result.status == tools::Status::unknown) return tx.mark_unknown(ref);
      return tx.finish_call(ref, {std::string(tools::to_string(result.status)), result.text, result.truncated});
    };
    journal_.write(std::move(record), {about(Event::Type::call_finished, *pending)});
  }

  // --- start, resume, end ------------------------------------------------------------------------

  asio::awaitable<Result<void>> load() {
    if (work_.store) {
      auto read = [this] { return conversation_messages(*work_.store, handle_.conversation_id, work_.model.fingerprint()); };
      auto messages = co_await aside(read);
      if (!messages) co_return tl::unexpected(messages.error());
      input_.messages = std::move(*messages);
    } else if (handle_.resumed) {
      co_return tl::unexpected(Error{ErrorCode::bad_request, "nothing of this run was kept, so it cannot go on; ask again", "run " + handle_.run_id});
    } else {
      input_.messages = std::move(handle_.said);
    }
    auto choose = [this] { return choose_tools(); };
    auto chosen = co_await aside(choose);
    if (!chosen) co_return tl::unexpected(chosen.error());
    for (const std::string& warning : *chosen)
      if (!handle_.resumed) warn(warning);
    if (!handle_.resumed) co_return Result<void>();
    std::vector<Decision> decisions;
    auto look = [this, &decisions] {
      auto stood = standing(*work_.store, handle_);
      if (!stood || stood->answered) return stood;
      for (const memory::Call& call : stood->calls) decisions.push_back(decide(call, work_.dispatcher.toolbox()));
      return stood;
    };
    auto stood = co_await aside(look);
    if (!stood) co_return tl::unexpected(stood.error());
    take_up(std::move(*stood), decisions);
    co_return Result<void>();
  }

  /// The tools that the model can be offered; returns why others cannot.
  Result<std::vector<std::string>> choose_tools() {
    std::vector<std::string> warnings;
    for (const tools::ToolSpec* spec : work_.dispatcher.toolbox().list()) {
      ToolText tool{spec->name, spec->description, spec->schema};
      const std::string why = work_.model.refuse_tool(tool);
      if (why.empty()) input_.tools.push_back(std::move(tool));
      else if (spec->name == handle_.settings.tool_choice)
        return tl::unexpected(Error{ErrorCode::bad_request, why, "tool choice " + spec->name});
      else warnings.push_back("tool " + spec->name + " is left out: " + why);
    }
    return warnings;
  }

  /// Where the run stood: its last message, its calls, and what becomes of them.
  void take_up(Standing stood, const std::vector<Decision>& decisions) {
    step_ = stood.steps;
    usage_ = stood.usage;
    wall_seconds_before_ = stood.wall_seconds;
    const double left = handle_.settings.budgets.wall_seconds_max - wall_seconds();
    allow(left);
    time_up_ = left <= 0;  // no step more
    for (const memory::Call& call : stood.ended) tell_end_again(call);
    answered_ = stood.answered;
    turn_.content = std::move(stood.answer);
    if (answered_) return;
    replay_ = std::move(stood.replay);
    known_ends_ = std::move(stood.told_ends);
    for (const memory::Call& call : stood.calls) {
      Pending pending;
      pending.call = {call.id, call.tool, call.arguments};
      pending.key = call.idempotency_key;
      turn_.calls.push_back(std::move(pending));
    }
    for (std::size_t i = 0; i < stood.calls.size(); ++i) settle(stood.calls[i], decisions[i], turn_.calls[i]);
  }

  /// So long may the run still take.
  void allow(double seconds) {
    timer_.expires_after(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::max(0.0, seconds))));
    timer_.async_wait([inbox = inbox_](boost::system::error_code error) {
      if (!error) inbox->send(TimeUp());
    });
  }

  /// The process may have stopped between the write of an end and its telling. Who reads the journal
  /// finds it there; who listens to this process hears it again.
  void tell_end_again(const memory::Call& call) {
    if (work_.record_progress || !work_.sink) return;
    Pending pending;
    pending.call = {call.id, call.tool, call.arguments};
    pending.result = result_of(call);
    work_.sink(about(Event::Type::call_finished, pending).event);
  }

  void settle(const memory::Call& call, const Decision& decision, Pending& pending) {
    const memory::CallRef ref{handle_.run_id, call.id};
    const auto known = [&](tools::ToolResult result, memory::Store::Work work) {
      pending.phase = Pending::Phase::done;
      pending.result = std::move(result);
      if (known_ends_.count(call.id) > 0) return tell_end_again(call);
      journal_.write(std::move(work), {about(Event::Type::call_finished, pending)});
    };
    switch (decision.what) {
      case Settle::keep: return known(result_of(call), {});
      case Settle::unknown: return known({tools::Status::unknown, kUnknownText}, [ref](memory::Tx& tx) { return tx.mark_unknown(ref); });
      case Settle::finish:
        return known(decision.result, [ref, result = decision.result](memory::Tx& tx) {
          return tx.finish_call(ref, {std::string(tools::to_string(result.status)), result.text, result.truncated});
        });
      case Settle::start:
      case Settle::restart: break;
    }
    const tools::ToolSpec* spec = work_.dispatcher.toolbox().find(call.tool);
    const std::string denied = refusal(spec, pending.call);
    const bool first = decision.what == Settle::start;
    if (denied.empty() && first && spec->needs_approval) {
      ask_once_written(pending, {}, false);
      return;
    }
    auto begin = [ref, first](memory::Tx& tx) { return first ? tx.start_call(ref) : tx.restart_call(ref); };
    begin_call(pending, std::move(begin), denied);
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

  Ending ended(RunStatus status) const {
    std::string why;
    if (status == RunStatus::length) why = "the answer was cut at the output budget (--max-tokens)";
    if (status == RunStatus::limit) why = late();  // nothing else cancels a step
    return ended(status, why);
  }
  Ending ended(RunStatus status, std::string why) const {
    return {status, memory::RunStatus::finished, std::move(why), ErrorCode::limit};
  }
  Ending failure(const Error& error) const {
    const std::string text = error.where.empty() ? error.what : error.where + ": " + error.what;
    return {RunStatus::failed, memory::RunStatus::failed, text, error.code};
  }
  Ending stopped() const {
    if (stopped_->for_good) return {RunStatus::cancelled, memory::RunStatus::cancelled, "cancelled", ErrorCode::internal};
    return {RunStatus::cancelled, memory::RunStatus::interrupted, "interrupted; --continue goes on", ErrorCode::internal};
  }

  asio::awaitable<RunOutcome> finish(Ending ending) {
    usage_.wall_seconds = wall_seconds();
    bool stored = co_await close(ending);
    if (!stored && ending.status != RunStatus::failed) {
      ending = failure(*journal_.error());
      stored = co_await close(ending);
    }
    const Event event = last_event(ending);
    if (!stored && work_.sink) work_.sink(event);  // it is said even where it cannot be written
    co_return RunOutcome{ending.status, event.text, usage_, ending.why, ending.code};
  }

  /// Of the whole run, with what it took before it was parked or killed.
  double wall_seconds() const {
    return wall_seconds_before_ + std::chrono::duration<double>(Clock::now() - begun_).count();
  }

  void warn(const std::string& text) {
    Event event;
    event.type = Event::Type::warning;
    event.text = text;
    journal_.progress(std::move(event));
  }
  Event last_event(const Ending& ending) const {
    Event event;
    event.type = ending.stored == memory::RunStatus::interrupted ? Event::Type::run_parked : Event::Type::run_finished;
    event.run_id = handle_.run_id;
    event.conversation_id = handle_.conversation_id;
    event.status = ending.status;
    event.text = turn_.calls.empty() ? turn_.content : std::string();
    if (handle_.settings.cite) event.citations = citations_of(event.text, passages_in(input_.messages));
    event.error = ending.why;
    event.usage = usage_;
    return event;
  }

  /// Writes how the run ended. When this returns, everything before it is durable and told, or has
  /// failed; the value says whether this last write was stored.
  asio::awaitable<bool> close(const Ending& ending) {
    Told told;
    told.event = last_event(ending);
    auto usage = nlohmann::ordered_json::parse(to_json(usage_));
    usage["status"] = to_string(ending.status);
    memory::RunOutcome row{ending.stored, told.event.text, dump(usage), ending.why};
    // Of a run that fails or is cancelled calls may be open still, and not told.
    const bool concludes = row.status == memory::RunStatus::failed || row.status == memory::RunStatus::cancelled;
    auto concluded = std::make_shared<std::vector<Event>>();  // the writer's, until the write is durable
    auto end = [run_id = handle_.run_id, row = std::move(row), concludes, concluded](memory::Tx& tx) -> memory::Result<void> {
      if (concludes) {
        auto events = conclude_calls(tx, run_id);
        if (!events) return tl::unexpected(events.error());
        *concluded = std::move(*events);
      }
      return tx.finish_run(run_id, row);
    };
    std::vector<Told> rows;
    rows.push_back(std::move(told));
    // Apart from the others where it concludes: its rows come after theirs, and are told after them.
    const std::uint64_t last = concludes ? journal_.write_end(std::move(end), std::move(rows.front()))
                                         : journal_.write(std::move(end), std::move(rows));
    bool stored = false;
    while (!journal_.idle()) {
      Signal signal = co_await next();
      auto* report = std::get_if<Committed>(&signal);
      if (!report) continue;
      if (report->write == last) {
        stored = !report->error;
        for (const Event& event : *concluded)
          if (stored && work_.sink) work_.sink(event);
      }
      journal_.committed(std::move(*report));
    }
    co_return stored;
  }

  Told about(Event::Type type, const Pending& pending, bool begins = false) const {
    Told told;
    told.event.type = type;
    told.event.step = step_;
    told.event.call = pending.call;
    if (pending.result) told.event.result = *pending.result;
    // Were the process to end before the step does, this is what is left of its message.
    if (begins) told.kept = dump({{"key", pending.key}, {"reasoning", turn_.reasoning}, {"content", turn_.content}});
    return told;
  }

  /// A run that always finds signals waits all the same now and then, for the others on its thread.
  static constexpr std::uint32_t kAtOnceMax = 64;
  /// Events that may wait for the disk before the next step begins.
  static constexpr std::size_t kUntoldMax = 256;
  static constexpr const char* kDenied = "the user did not approve this call";

  Workplace work_;
  RunHandle handle_;
  std::shared_ptr<Inbox> inbox_;
  std::deque<Signal> signals_;      // received, not yet looked at
  std::uint32_t at_once_ = 0;       // times in a row that signals were there without a wait
  asio::steady_timer timer_;        // until the run has taken as long as it may
  Clock::time_point begun_;
  RunJournal journal_;
  StepInput input_;                 // of the next step: the conversation so far, the tools
  Turn turn_;
  Replay replay_;
  std::uint32_t step_ = 0;
  Usage usage_;
  double wall_seconds_before_ = 0;  // of a run that was parked or killed, until then
  std::optional<Stop> stopped_;
  bool time_up_ = false;
  bool failing_ = false;
  std::set<std::string> known_ends_;    // of a resumed run: calls whose ends the journal tells
  bool unsettled_ = false;          // an interrupted call waits to run again
  std::optional<RunStatus> answered_;   // how a resumed run that has its answer already ended
};

}  // namespace

asio::awaitable<RunOutcome> run(Workplace workplace, RunHandle handle, Interrupt interrupt) {
  auto executor = co_await asio::this_coro::executor;
  auto inbox = std::make_shared<Inbox>(executor);
  // However the run ends, an exception of the sink included: what reports late finds a closed door.
  struct Close {
    std::shared_ptr<Inbox> inbox;
    ~Close() { inbox->close(); }
  } close{inbox};
  {
    std::lock_guard lock(interrupt.state()->mutex);
    interrupt.state()->inbox = inbox;
    if (interrupt.state()->requested) inbox->send(*interrupt.state()->requested);
  }
  Loop loop(std::move(workplace), std::move(handle), inbox, executor);
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

}  // namespace praxis::agent
