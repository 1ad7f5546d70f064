#include "agent/model/engines.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/model/routed.h"
#include "tools/json_check.h"

namespace praxis::agent {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> refuse(std::string what, std::string where) {
  return tl::unexpected(Error{ErrorCode::bad_request, std::move(what), "engines file " + where});
}

/// Reads an object's members, each once, and knows which were never asked for. The first mistake stays.
class Members {
 public:
  Members(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail("is not an object", {});
  }
  void text(const char* key, std::string& into) {
    if (const Json* value = take(key)) {
      if (value->is_string()) into = value->get<std::string>();
      else fail("is not a text", key);
    }
  }
  void flag(const char* key, bool& into) {
    if (const Json* value = take(key)) {
      if (value->is_boolean()) into = value->get<bool>();
      else fail("is neither true nor false", key);
    }
  }
  template <class T>
  void number(const char* key, T& into, double max) {
    const Json* value = take(key);
    if (!value) return;
    const double number = value->is_number() ? value->get<double>() : -1;
    if (number < 0 || number > max) return fail("is not a number from 0 to " + Json(max).dump(), key);
    into = static_cast<T>(number);
  }
  const Json* take(const char* key) {
    known_.emplace_back(key);
    const auto it = json_.is_object() ? json_.find(key) : json_.end();
    return it == json_.end() ? nullptr : &*it;
  }
  void fail(std::string what, const std::string& key) {
    if (!error_) error_ = Error{ErrorCode::bad_request, std::move(what), "engines file " + where_ + (key.empty() ? "" : "." + key)};
  }
  Result<void> end() {
    for (auto it = json_.begin(); json_.is_object() && it != json_.end(); ++it)
      if (std::find(known_.begin(), known_.end(), it.key()) == known_.end()) fail("is no setting of this object", it.key());
    if (error_) return tl::unexpected(*error_);
    return {};
  }
  std::string where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

constexpr double kPriceMax = 1e6, kMillisecondsMax = 86'400'000, kRetriesMax = 100;

Result<void> read_inner(const Json* json, const std::string& where, const std::function<void(Members&)>& read) {
  if (!json) return {};
  Members members(*json, where);
  read(members);
  return members.end();
}

Result<EngineSpec> read_engine(const Json& json, const std::string& where) {
  EngineSpec spec;
  RemoteOptions& remote = spec.remote;
  Members members(json, where);
  std::string api, folder;
  members.text("name", spec.name);
  members.text("url", remote.url);
  members.text("folder", folder);
  members.text("model", remote.model);
  members.text("key_env", spec.key_env);
  members.text("api", api);
  members.flag("think_opened", remote.think_opened);
  members.text("reasoning_effort", remote.reasoning_effort);
  members.number("retries_max", remote.backoff.retries_max, kRetriesMax);
  Recommended advice;
  members.number("temperature", advice.temperature, 100);
  members.number("top_p", advice.top_p, 1);
  if (json.is_object() && (json.contains("temperature") || json.contains("top_p"))) remote.recommended = advice;
  const Json* prices = members.take("prices");
  const Json* timeouts = members.take("timeouts");
  if (!api.empty() && api != "auto") {
    remote.api = remote_api_from(api);
    if (!remote.api) members.fail("is none of auto, deepseek, vllm, sglang, llamacpp, ollama, openai", "api");
  }
  if (spec.name.empty()) members.fail("is missing", "name");
  if (folder.empty() == remote.url.empty()) members.fail("needs a url or a folder, and not both", {});
  spec.folder = folder;
  if (auto end = members.end(); !end) return tl::unexpected(end.error());
  auto priced = read_inner(prices, where + ".prices", [&](Members& from) {
    from.number("input", remote.prices.input, kPriceMax);
    remote.prices.input_cached = remote.prices.input;
    from.number("input_cached", remote.prices.input_cached, kPriceMax);
    from.number("output", remote.prices.output, kPriceMax);
  });
  if (!priced) return tl::unexpected(priced.error());
  auto timed = read_inner(timeouts, where + ".timeouts", [&](Members& from) {
    from.number("connect_ms", remote.limits.connect_ms, kMillisecondsMax);
    from.number("idle_ms", remote.limits.idle_ms, kMillisecondsMax);
    from.number("whole_ms", remote.limits.whole_ms, kMillisecondsMax);
  });
  if (!timed) return tl::unexpected(timed.error());
  return spec;
}

Result<EngineRoute> read_route(const Json& json, const std::string& where) {
  EngineRoute route;
  Members members(json, where);
  members.text("match", route.match);
  if (route.match.empty()) members.fail("is missing", "match");
  const Json* engines = members.take("engines");
  if (!engines || !engines->is_array() || engines->empty()) {
    members.fail("is not a list of engines' names", "engines");
  } else {
    for (const Json& one : *engines) {
      if (one.is_string()) route.engines.push_back(one.get<std::string>());
      else members.fail("is not a list of engines' names", "engines");
    }
  }
  if (auto end = members.end(); !end) return tl::unexpected(end.error());
  return route;
}

template <class T>
Result<std::vector<T>> read_list(const Json* json, const std::string& where, std::size_t max, Result<T> (*read)(const Json&, const std::string&)) {
  std::vector<T> out;
  if (!json) return out;
  if (!json->is_array()) return refuse("is not a list", where);
  if (json->size() > max) return refuse("has more than " + std::to_string(max) + " entries", where);
  for (std::size_t i = 0; i < json->size(); ++i) {
    auto one = read((*json)[i], where + "[" + std::to_string(i) + "]");
    if (!one) return tl::unexpected(one.error());
    out.push_back(std::move(*one));
  }
  return out;
}

const EngineSpec* engine_named(const EngineList& list, std::string_view name) {
  const auto it = std::find_if(list.engines.begin(), list.engines.end(), [&](const EngineSpec& spec) { return spec.name == name; });
  return it == list.engines.end() ? nullptr : &*it;
}

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty() || pattern.back() != '*') return pattern == name;
  return name.substr(0, pattern.size() - 1) == pattern.substr(0, pattern.size() - 1);
}

}  // namespace

Result<EngineList> read_engines(std::string_view text) {
  if (auto checked = tools::check_json(text, tools::JsonShape::object); !checked) return refuse(checked.error().what, checked.error().where);
  const Json json = Json::parse(text, nullptr, false);
  Members members(json, "$");
  EngineList list;
  members.text("default", list.preferred);
  const Json* engines = members.take("engines");
  const Json* routes = members.take("routes");
  if (auto end = members.end(); !end) return tl::unexpected(end.error());
  auto specs = read_list<EngineSpec>(engines, "$.engines", EngineList::kEnginesMax, read_engine);
  if (!specs) return tl::unexpected(specs.error());
  list.engines = std::move(*specs);
  auto ways = read_list<EngineRoute>(routes, "$.routes", EngineList::kRoutesMax, read_route);
  if (!ways) return tl::unexpected(ways.error());
  list.routes = std::move(*ways);
  if (list.engines.empty()) return refuse("lists no engine", "$.engines");
  for (const EngineSpec& spec : list.engines)
    if (engine_named(list, spec.name) != &spec) return refuse("has two engines named " + spec.name, "$.engines");
  for (const EngineRoute& route : list.routes)
    for (const std::string& name : route.engines)
      if (!engine_named(list, name)) return refuse("the route " + route.match + " leads to " + name + ", which is no engine", "$.routes");
  if (list.preferred.empty()) list.preferred = list.engines.front().name;
  if (auto found = list.find({}); !found) return refuse(found.error().what, "$.default");
  return list;
}

Result<std::vector<const EngineSpec*>> EngineList::find(std::string_view name) const {
  if (name.empty()) name = preferred;
  std::vector<const EngineSpec*> out;
  for (const EngineRoute& route : routes) {
    if (!matches(route.match, name)) continue;
    for (const std::string& engine : route.engines) out.push_back(engine_named(*this, engine));
    return out;
  }
  if (const EngineSpec* spec = engine_named(*this, name)) return std::vector<const EngineSpec*>{spec};
  std::string names;
  for (const EngineRoute& route : routes) names += (names.empty() ? "" : ", ") + route.match;
  for (const EngineSpec& spec : engines) names += (names.empty() ? "" : ", ") + spec.name;
  return tl::unexpected(Error{ErrorCode::not_found, "no engine answers to " + std::string(name) + "; there are " + names, "engine"});
}

Result<void> take_key(const std::string& key_env, RemoteOptions& options) {
  if (key_env.empty()) return {};
  const char* key = std::getenv(key_env.c_str());
  if (!key || !*key)
    return tl::unexpected(Error{ErrorCode::bad_request, "the environment variable " + key_env + " is empty; put the key into it", "engine key"});
  options.key = key;
  return {};
}

Result<std::unique_ptr<Model>> open_engine(const EngineSpec& spec, const LocalOptions& local) {
  if (!spec.folder.empty()) {
    LocalOptions options = local;
    options.model = spec.folder;
    return LocalModel::load(options);
  }
  RemoteOptions options = spec.remote;
  if (auto taken = take_key(spec.key_env, options); !taken) return tl::unexpected(taken.error());
  return RemoteModel::open(options);
}

Result<std::unique_ptr<Model>> open_engines(const EngineList& list, const std::string& name, const LocalOptions& local) {
  auto specs = list.find(name);
  if (!specs) return tl::unexpected(specs.error());
  std::vector<std::unique_ptr<Model>> models;
  for (const EngineSpec* spec : *specs) {
    auto model = open_engine(*spec, local);
    if (!model) return tl::unexpected(model.error());
    models.push_back(std::move(*model));
  }
  if (models.size() == 1) return std::move(models.front());
  return make_routed(name.empty() ? list.preferred : name, std::move(models));
}

}  // namespace praxis::agent
