#include "agent/api/service.h"

#include <sys/random.h>

#include <algorithm>
#include <ctime>

namespace praxis::agent::api {

void Counters::add(const Usage& usage) {
  prompt_tokens += usage.prompt_tokens;
  cached_tokens += usage.cached_tokens;
  output_tokens += usage.output_tokens;
  reasoning_tokens += usage.reasoning_tokens;
  prefill_seconds += usage.prefill_seconds;
  decode_seconds += usage.decode_seconds;
}

void Counters::first_token(std::chrono::steady_clock::time_point asked) {
  ++first_tokens;
  first_token_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
}

Service::Service(boost::asio::any_io_executor executor, Model& model, const LocalModel* local, memory::Store& store,
                 ServiceOptions options)
    : executor_(std::move(executor)),
      workers_(options.workers),
      model_(model),
      local_(local),
      started_(std::time(nullptr)),
      store_(store),
      options_(std::move(options)) {}

std::optional<Service::Place> Service::enter() {
  if (*requests_ >= options_.requests_max) return std::nullopt;
  return Place(requests_);
}

std::optional<Service::Place> Service::enter_run() {
  if (*runs_under_way_ >= options_.runs_max) return std::nullopt;
  return Place(runs_under_way_);
}

Parsed<ModelName> Service::resolve(const std::string& name) const {
  if (name.empty()) return options_.names.front();
  const auto it = std::find_if(options_.names.begin(), options_.names.end(), [&](const ModelName& one) { return one.id == name; });
  if (it != options_.names.end()) return *it;
  ApiError error;
  error.status = 404;
  error.code = "model_not_found";
  error.param = "model";
  error.message = "there is no model named " + name + "; there are";
  for (const ModelName& one : options_.names) error.message += " " + one.id;
  return tl::unexpected(error);
}

Settings Service::defaults(const ModelName& name) const {
  Settings settings = options_.settings;
  settings.thinking = name.thinking.value_or(settings.thinking);
  if (settings.seed == 0) {
    (void)!getrandom(&settings.seed, sizeof settings.seed, 0);
    settings.seed >>= 11;  // 53 bits: a JSON number in any reader
  }
  return settings;
}

namespace {

ApiError refuse_load(Service& service, std::string message) {
  ++service.counters().refused_overload;
  ApiError error;
  error.status = 429;
  error.type = "rate_limit_error";
  error.code = "rate_limit_exceeded";
  error.message = std::move(message);
  return error;
}

}  // namespace

ApiError overloaded(Service& service) {
  return refuse_load(service, std::to_string(service.under_way()) +
                                  " requests are under way; the limit is reached (api.requests_max). Try again later");
}

ApiError overloaded_by_runs(Service& service) {
  return refuse_load(service, std::to_string(service.runs_under_way()) +
                                  " runs are under way, with those that wait for somebody's word; the limit is reached "
                                  "(api.runs_max). Answer or cancel some, or try again later");
}

}  // namespace praxis::agent::api
