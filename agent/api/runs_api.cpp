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
Json run_json(Service& service, const memory::Run& row) {
  Json out = to_json(row);
  out["object"] = "run";
  Json waiting = Json::array();
  for (const Runs::Asked* asked : service.runs()->asked(row.id))
    waiting.push_back({{"id", asked->call.id}, {"name", asked->call.name}, {"arguments", asked->call.arguments}});
  if (!waiting.empty()) out["waits_for_approval"] = std::move(waiting);
  return out;
}

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

struct Begun {
  RunHandle handle;
  std::optional<memory::Claim> claim;
  memory::Run row;
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
  auto row = service.store().read().run(out.handle.run_id);
  if (!row) return tl::unexpected(to_api(from(row.error())));
  out.row = std::move(*row);
  return out;
}

Parsed<Begun> resume(Service& service, const std::string& run_id) {
  auto row = service.store().read().run(run_id);
  if (!row) return tl::unexpected(to_api(from(row.error())));
  if (row->status != memory::RunStatus::interrupted)
    return tl::unexpected(problem(409, "conflict", "run " + run_id + " is " + std::string(memory::to_string(row->status)) +
                                                       "; only an interrupted one can go on"));
  Begun out;
  auto claim = service.store().claim(row->conversation_id);
  if (!claim) return tl::unexpected(to_api(from(claim.error())));
  out.claim.emplace(std::move(*claim));
  auto handle = resume_run(service.store(), run_id);
  if (!handle) return tl::unexpected(to_api(handle.error()));
  out.handle = std::move(*handle);
  out.row = std::move(*row);
  out.row.status = memory::RunStatus::running;
  return out;
}

/// A run's row, or the refusal that was sent in its place.
asio::awaitable<std::optional<memory::Run>> find_run(http::Exchange& exchange, Service& service, std::string id) {
  auto read = [&] { return service.store().read().run(id); };
  auto row = co_await elsewhere(service.workers(), service.executor(), read);
  if (row) co_return std::move(*row);
  co_await reply_error(exchange, to_api(from(row.error())));
  co_return std::nullopt;
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
    auto read = [&] { return service_.store().read().journal(run_id_, after_, kRowsMax); };
    auto rows = co_await elsewhere(service_.workers(), service_.executor(), read);
    if (!rows) co_return tl::unexpected(to_api(from(rows.error())));
    std::vector<RunEvent> events;
    for (const auto& row : *rows) events.push_back(to_event(row));
    co_return events;
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
  service.runs()->start(std::move(begun.handle), std::move(*begun.claim), std::move(place));
  if (stream) co_return co_await follow(exchange, service, id, before);
  http::Reply reply = json_reply(run_json(service, begun.row));
  reply.status = status;
  co_await exchange.reply(std::move(reply));
}

}  // namespace

asio::awaitable<void> runs_create(http::Exchange& exchange, Service& service) {
  auto place = service.enter();
  if (!place) {
    http::Reply full = overloaded(service);
    co_return co_await exchange.reply(std::move(full));
  }
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
  auto show = [&service](const memory::Run& row) { return run_json(service, row); };
  co_await reply_list(exchange, service, read, show);
}

asio::awaitable<void> runs_get(http::Exchange& exchange, Service& service) {
  std::string id = segment(exchange.request().path, 0);
  auto row = co_await find_run(exchange, service, id);
  if (!row) co_return;
  http::Reply reply = json_reply(run_json(service, *row));
  co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> runs_events(http::Exchange& exchange, Service& service) {
  std::string id = segment(exchange.request().path, 1);
  auto after = last_event(exchange.request());
  if (!after) co_return co_await reply_error(exchange, after.error());
  auto row = co_await find_run(exchange, service, id);
  if (row) co_await follow(exchange, service, id, *after);
}

asio::awaitable<void> runs_cancel(http::Exchange& exchange, Service& service) {
  std::string id = segment(exchange.request().path, 1);
  auto row = co_await find_run(exchange, service, id);
  if (!row) co_return;
  if (!service.runs()->cancel(id)) {
    if (row->status != memory::RunStatus::interrupted)
      co_return co_await reply_error(exchange, problem(409, "conflict", "run " + id + " is " + std::string(memory::to_string(row->status)) + " already"));
    auto end = [&]() -> Result<void> {
      auto claim = service.store().claim(row->conversation_id);
      if (!claim) return tl::unexpected(from(claim.error()));
      return abandon_run(service.store(), id);
    };
    auto ended = co_await elsewhere(service.workers(), service.executor(), end);
    if (!ended) co_return co_await reply_error(exchange, to_api(ended.error()));
    row->status = memory::RunStatus::cancelled;
  }
  http::Reply reply = json_reply(run_json(service, *row));
  reply.status = 202;
  co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> runs_continue(http::Exchange& exchange, Service& service) {
  std::string id = segment(exchange.request().path, 1);
  if (service.runs()->is_active(id))
    co_return co_await reply_error(exchange, problem(409, "conflict", "run " + id + " is under way"));
  auto place = service.enter();
  if (!place) {
    http::Reply full = overloaded(service);
    co_return co_await exchange.reply(std::move(full));
  }
  auto prepare = [&] { return resume(service, id); };
  auto begun = co_await elsewhere(service.workers(), service.executor(), prepare);
  if (!begun) co_return co_await reply_error(exchange, begun.error());
  const bool stream = exchange.request().parameter("stream") == "true";
  co_await launch(exchange, service, std::move(*begun), std::move(*place), stream, 202);
}

namespace {

asio::awaitable<void> answer_call(http::Exchange& exchange, Service& service, bool allowed) {
  const std::string call = segment(exchange.request().path, 1), id = segment(exchange.request().path, 3);
  auto row = co_await find_run(exchange, service, id);
  if (!row) co_return;
  if (!service.runs()->answer(id, call, allowed))
    co_return co_await reply_error(exchange, problem(409, "conflict", "no call " + call + " of run " + id + " waits for approval"));
  http::Reply reply = json_reply(run_json(service, *row));
  reply.status = 202;
  co_await exchange.reply(std::move(reply));
}

}  // namespace

asio::awaitable<void> runs_approve(http::Exchange& exchange, Service& service) { return answer_call(exchange, service, true); }
asio::awaitable<void> runs_deny(http::Exchange& exchange, Service& service) { return answer_call(exchange, service, false); }

}  // namespace praxis::agent::api
