// /v1/runs: create, follow, list, cancel, approve, continue. Our own API: run, step, call and event are
// what the command line's --json shows.

#include <charconv>

#include "agent/api/decoding.h"
#include "agent/api/handlers.h"
#include "agent/api/listing.h"
#include "agent/api/runs.h"
#include "agent/recover.h"
#include "agent/rows_json.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kRowsMax = 500;   // of one reading of the journal

ApiError problem(unsigned status, std::string code, std::string message) {
  ApiError error;
  error.status = status;
  error.code = std::move(code);
  error.message = std::move(message);
  return error;
}

/// The run as clients see it.
Json run_json(const memory::Run& row, const Runs::Waiting& waiting) {
  Json out = to_json(row);
  out["object"] = "run";
  const auto calls = waiting.find(row.id);
  if (calls == waiting.end() || row.status != memory::RunStatus::running) return out;
  for (const auto& call : calls->second)
    out["waits_for_approval"].push_back({{"id", call->id}, {"name", call->name}, {"arguments", call->arguments}});
  return out;
}

/// As it was when it began.
Json run_json(const RunHandle& handle) {
  memory::Run row;
  row.id = handle.run_id;
  row.conversation_id = handle.conversation_id;
  row.created_ms = handle.created_ms;
  return run_json(row, {});
}

std::string status_text(const memory::Run& row) { return "run " + row.id + " is " + std::string(memory::to_string(row.status)); }

struct NewRun {
  NewTurn turn;
  bool stream = false;
};

Parsed<NewRun> read_new_run(Service& service, const http::Request& request) {
  auto body = read_json(request.body);
  if (!body) return tl::unexpected(body.error());
  Fields fields(*body, "");
  std::string name;
  fields.text("model", name);
  auto model = service.resolve(name);
  if (!model) return tl::unexpected(model.error());
  NewRun out;
  Settings& settings = out.turn.settings = service.defaults(*model);
  out.turn.model_name = model->id;
  fields.text("input", out.turn.question);
  if (!fields.has("input")) fields.refuse("input", "is missing: the question, as a string");
  fields.text("conversation", out.turn.conversation_id);
  fields.text("instructions", settings.system);
  if (fields.has("instructions") && !out.turn.conversation_id.empty())
    fields.refuse("instructions", "and conversation cannot both be given: a conversation keeps the instructions that it began with");
  fields.boolean("stream", out.stream);
  read_settings(fields, settings);
  read_effort(fields, "reasoning_effort", settings);
  read_tool_choice(fields, settings);
  read_format(fields, "response_format", settings);
  fields.boolean("thinking", settings.thinking);
  fields.integer("think_tokens_max", 0, 1 << 24, settings.budgets.think_tokens_max);
  fields.integer("max_tokens", 1, 1 << 24, settings.budgets.output_tokens_max);
  fields.integer("max_steps", 1, 1000, settings.budgets.steps_max);
  fields.integer("max_seconds", 1, 7 * 24 * 3600, settings.budgets.wall_seconds_max);
  std::string policy;
  fields.text("think_policy", policy);
  if (!policy.empty() && !think_policy_from(policy))
    fields.refuse("think_policy", "must be strip_always, keep_in_loop, keep_if_tools or keep_all");
  settings.policy = think_policy_from(policy).value_or(settings.policy);
  fields.text("approve", settings.approve);
  if (settings.approve != "ask" && settings.approve != "always" && settings.approve != "never")
    fields.refuse("approve", "must be ask, always or never");
  if (fields.failed()) return fields.error();
  return out;
}

/// A run that is durable, and the right to work on it.
struct Begun {
  RunHandle handle;
  std::optional<memory::Claim> claim;
};

Parsed<Begun> begin(Service& service, const NewTurn& turn) {
  Begun out;
  if (!turn.conversation_id.empty()) {
    auto row = service.store().read().conversation(turn.conversation_id);
    if (!row) return tl::unexpected(to_api(from(row.error())));
    auto claim = service.store().claim(turn.conversation_id);
    if (!claim) return tl::unexpected(to_api(from(claim.error())));
    out.claim.emplace(std::move(*claim));
    auto unfinished = service.store().read().unfinished_runs(turn.conversation_id);
    if (!unfinished) return tl::unexpected(to_api(from(unfinished.error())));
    if (!unfinished->empty())
      return tl::unexpected(problem(409, "conflict", "run " + unfinished->back().id + " of this conversation has not ended; continue or cancel it"));
  }
  auto handle = begin_run(service.store(), service.model(), turn, out.claim);
  if (!handle) return tl::unexpected(to_api(handle.error()));
  out.handle = std::move(*handle);
  return out;
}

Parsed<Begun> resume(Service& service, const std::string& run_id) {
  auto claimed = claim_run(service.store(), run_id);
  if (!claimed) return tl::unexpected(to_api(claimed.error()));
  if (!may_go_on(claimed->row)) return tl::unexpected(problem(409, "conflict", status_text(claimed->row) + "; it cannot go on"));
  auto handle = resume_run(service.store(), run_id);
  if (!handle) return tl::unexpected(to_api(handle.error()));
  return Begun{std::move(*handle), std::move(claimed->claim)};
}

/// Ends a run that is not at work here.
Parsed<void> end_idle_run(Service& service, const std::string& run_id) {
  auto claimed = claim_run(service.store(), run_id);
  if (!claimed) return tl::unexpected(to_api(claimed.error()));
  if (!may_go_on(claimed->row)) return tl::unexpected(problem(409, "conflict", status_text(claimed->row) + " already"));
  auto ended = abandon_run(service.store(), run_id, RunStatus::cancelled, "cancelled");
  if (!ended) return tl::unexpected(to_api(ended.error()));
  return {};
}

http::Reply run_reply(Service& service, const std::string& run_id, const Runs::Waiting& waiting) {
  auto row = service.store().read().run(run_id);
  return row ? json_reply(run_json(*row, waiting)) : to_reply(to_api(from(row.error())));
}

/// Until the run is over here, or `enough` says so at one of its events.
asio::awaitable<void> wait_for_run(Service& service, std::string run_id, std::function<bool()> enough) {
  auto wakes = std::make_shared<Mailbox<bool>>(service.executor());
  Runs::Listener listener(*service.runs(), std::move(run_id), [wakes] { wakes->send(true); });
  while (listener.live() && !enough()) {
    co_await wakes->receive();
    listener.listen();
  }
}

/// Follows a run's events from behind `after`, out of memory where they are still there and out of the
/// journal where not, until the run ends or the client leaves.
class Follower {
 public:
  Follower(http::Exchange& exchange, Service& service, std::string run_id, std::int64_t after)
      : exchange_(exchange),
        service_(service),
        run_id_(std::move(run_id)),
        after_(after),
        wakes_(std::make_shared<Mailbox<bool>>(service.executor())),
        listener_(*service.runs(), run_id_, [wakes = wakes_] { wakes->send(false); }) {}

  asio::awaitable<void> run() {
    exchange_.on_gone([wakes = wakes_] { wakes->send(false); });
    exchange_.on_silence([wakes = wakes_] { wakes->send(true); });
    co_await exchange_.begin(event_stream());
    while (!exchange_.gone()) {
      const bool live = listener_.live();  // read before the events: what ends in between is read next time
      auto events = co_await next_events();
      if (!events) co_return co_await fail(events.error());
      std::string out;
      for (const RunEvent& event : *events) append(out, event);
      if (!out.empty()) {
        co_await exchange_.send(std::move(out));
        continue;
      }
      if (!live || over_) break;
      auto woken = co_await wakes_->receive();
      if (woken.back()) co_await exchange_.send(": keep-alive\n\n");
    }
    co_await exchange_.end();
  }

 private:
  asio::awaitable<Parsed<std::vector<RunEvent>>> next_events() {
    if (auto events = listener_.after(after_)) co_return std::move(*events);
    auto read = [&]() -> Parsed<std::vector<RunEvent>> {
      auto rows = service_.store().read().journal(run_id_, {.after = after_, .limit = kRowsMax});
      if (!rows) return tl::unexpected(to_api(from(rows.error())));
      std::vector<RunEvent> events;
      for (const auto& row : *rows) events.push_back(to_event(row));
      return events;
    };
    co_return co_await elsewhere(service_.workers(), service_.executor(), read);
  }

  void append(std::string& out, const RunEvent& event) {
    after_ = event.seq;
    over_ = event.type == to_string(Event::Type::run_finished);
    out += "id: " + std::to_string(event.seq) + "\nevent: " + event.type + "\ndata: " + event.json + "\n\n";
  }

  asio::awaitable<void> fail(ApiError error) {
    std::string out = "event: error\ndata: " + error_json(error) + "\n\n";
    co_await exchange_.send(std::move(out));
    co_await exchange_.end();
  }

  http::Exchange& exchange_;
  Service& service_;
  const std::string run_id_;
  std::int64_t after_;
  bool over_ = false;
  std::shared_ptr<Mailbox<bool>> wakes_;   // true: only to break the silence
  Runs::Listener listener_;
};

/// What Last-Event-ID, or ?after= where a client cannot set fields, says.
Parsed<std::int64_t> last_event(const http::Request& request) {
  std::string_view text = request.field("last-event-id");
  if (text.empty()) text = request.parameter("after");
  std::int64_t seq = 0;
  if (text.empty()) return seq;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (error != std::errc() || end != text.data() + text.size() || seq < 0)
    return refuse("last-event-id", "Last-Event-ID must be the id of an event of this run");
  return seq;
}

asio::awaitable<void> follow(http::Exchange& exchange, Service& service, std::string run_id, std::int64_t after) {
  Follower follower(exchange, service, std::move(run_id), after);
  co_await follower.run();
}

/// A run that is durable starts, and its row is the answer, or its events are.
asio::awaitable<void> launch(http::Exchange& exchange, Service& service, Begun begun, Service::Place place, bool stream,
                             unsigned status) {
  const std::string id = begun.handle.run_id;
  const std::int64_t before = begun.handle.seq - 1;
  http::Reply reply = json_reply(run_json(begun.handle));
  reply.status = status;
  service.runs()->start(std::move(begun.handle), std::move(*begun.claim), std::move(place));
  if (stream) co_return co_await follow(exchange, service, id, before);
  co_await exchange.reply(std::move(reply));
}

}  // namespace

asio::awaitable<void> runs_create(http::Exchange& exchange, Service& service) {
  auto place = service.enter_run();
  if (!place) co_return co_await reply_error(exchange, overloaded_by_runs(service));
  bool stream = false;
  auto prepare = [&]() -> Parsed<Begun> {
    auto read = read_new_run(service, exchange.request());
    if (!read) return tl::unexpected(read.error());
    stream = read->stream;
    return begin(service, read->turn);
  };
  auto begun = co_await elsewhere(service.workers(), service.executor(), prepare);
  if (!begun) co_return co_await reply_error(exchange, begun.error());
  co_await launch(exchange, service, std::move(*begun), std::move(*place), stream, 201);
}

asio::awaitable<void> runs_list(http::Exchange& exchange, Service& service) {
  auto limit = limit_of(exchange.request());
  if (!limit) co_return co_await reply_error(exchange, limit.error());
  const std::string conversation(exchange.request().parameter("conversation"));
  auto read = [&] {
    return service.store().read().runs(conversation.empty() ? std::nullopt : std::optional<std::string_view>(conversation), *limit);
  };
  auto show = [waiting = service.runs()->waiting()](const memory::Run& row) { return run_json(row, waiting); };
  co_await reply_list(exchange, service, read, show);
}

asio::awaitable<void> runs_get(http::Exchange& exchange, Service& service) {
  auto show = [&service, id = segment(exchange.request().path, 0), waiting = service.runs()->waiting()] {
    return run_reply(service, id, waiting);
  };
  co_await reply_from(exchange, service, std::move(show));
}

asio::awaitable<void> runs_events(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 1);
  auto after = last_event(exchange.request());
  if (!after) co_return co_await reply_error(exchange, after.error());
  auto read = [&] { return service.store().read().run(id); };
  auto row = co_await elsewhere(service.workers(), service.executor(), read);
  if (!row) co_return co_await reply_error(exchange, to_api(from(row.error())));
  co_await follow(exchange, service, id, *after);
}

/// Answered once the run has ended; one that was parked meanwhile, or that nobody works on, is ended here.
asio::awaitable<void> runs_cancel(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 1);
  const bool told = service.runs()->cancel(id);
  std::function<bool()> never = [] { return false; };
  co_await wait_for_run(service, id, std::move(never));
  auto end = [&service, &id, told]() -> http::Reply {
    auto row = service.store().read().run(id);
    const bool over = row && told && row->status == memory::RunStatus::cancelled;
    if (!over)
      if (auto ended = end_idle_run(service, id); !ended) return to_reply(ended.error());
    return run_reply(service, id, {});
  };
  co_await reply_from(exchange, service, std::move(end));
}

asio::awaitable<void> runs_continue(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 1);
  if (service.runs()->is_active(id))
    co_return co_await reply_error(exchange, problem(409, "conflict", "run " + id + " is under way"));
  auto place = service.enter_run();
  if (!place) co_return co_await reply_error(exchange, overloaded_by_runs(service));
  auto prepare = [&] { return resume(service, id); };
  auto begun = co_await elsewhere(service.workers(), service.executor(), prepare);
  if (!begun) co_return co_await reply_error(exchange, begun.error());
  const bool stream = exchange.request().parameter("stream") == "true";
  co_await launch(exchange, service, std::move(*begun), std::move(*place), stream, 202);
}

namespace {

/// What became of an answer: the run, if the call's row tells of it.
http::Reply answered_reply(Service& service, const memory::CallRef& ref, const Runs::Waiting& waiting) {
  auto call = service.store().read().call(ref);
  if (!call) return to_reply(to_api(from(call.error())));
  const bool lost = call->status == memory::CallStatus::planned || call->status == memory::CallStatus::cancelled;
  if (!lost) return run_reply(service, ref.run_id, waiting);
  const bool waits = call->status == memory::CallStatus::planned;
  return to_reply(problem(409, "conflict", "run " + ref.run_id + " stopped before the answer was recorded; call " + ref.call_id +
                                               (waits ? " waits for one again when the run goes on" : " was cancelled")));
}

/// Answered once the call's row tells what was said.
asio::awaitable<void> answer_call(http::Exchange& exchange, Service& service, bool allowed) {
  const std::string call = segment(exchange.request().path, 1), id = segment(exchange.request().path, 3);
  Runs& runs = *service.runs();
  if (!runs.answer(id, call, allowed)) {
    auto refuse = [&] {
      auto row = service.store().read().run(id);
      if (!row) return to_reply(to_api(from(row.error())));
      return to_reply(problem(409, "conflict", "no call " + call + " of run " + id + " waits for approval"));
    };
    co_return co_await reply_from(exchange, service, refuse);
  }
  std::function<bool()> is_told = [&runs, id, call] { return !runs.is_asked(id, call); };
  co_await wait_for_run(service, id, std::move(is_told));
  auto show = [&service, ref = memory::CallRef{id, call}, waiting = runs.waiting()] { return answered_reply(service, ref, waiting); };
  co_await reply_from(exchange, service, std::move(show));
}

}  // namespace

asio::awaitable<void> runs_approve(http::Exchange& exchange, Service& service) { return answer_call(exchange, service, true); }
asio::awaitable<void> runs_deny(http::Exchange& exchange, Service& service) { return answer_call(exchange, service, false); }

}  // namespace praxis::agent::api
