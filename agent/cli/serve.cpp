// praxis serve: the APIs that R1's users speak, over HTTP, until a signal stops it.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "agent/api/handlers.h"
#include "agent/api/runs.h"
#include "agent/cli/paths.h"
#include "agent/cli/report.h"
#include "agent/cli/session.h"
#include "agent/cli/terminal.h"
#include "agent/recover.h"

namespace praxis::agent::cli {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

/// Stops the server in two steps: no new work and time for what is under way; then runs are parked,
/// and what is left is cut off.
class Shutdown {
 public:
  Shutdown(asio::io_context& context, http::Server& server, api::Runs& runs, std::uint32_t drain_seconds)
      : context_(context), server_(server), runs_(runs), signals_(context, SIGINT, SIGTERM), timer_(context), drain_(drain_seconds) {
    wait_for_signal();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      if (std::exchange(stopping_, true)) until_ = Clock::now();  // the second signal: no more patience
      else until_ = Clock::now() + drain_;
      server_.stop_accepting();
      runs_.take_up_no_more();
      check();
      wait_for_signal();
    });
  }

  void check() {
    if (server_.in_work() == 0 && runs_.active() == 0) return context_.stop();
    if (Clock::now() >= until_) {
      runs_.park_all();
      server_.cut_off();
    }
    timer_.expires_after(milliseconds(20));
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) check();
    });
  }

  asio::io_context& context_;
  http::Server& server_;
  api::Runs& runs_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  std::chrono::seconds drain_;
  Clock::time_point until_;
  bool stopping_ = false;
};

Result<http::ServerOptions> server_options(const Options& options) {
  http::ServerOptions out;
  out.address = options.address;
  out.port = options.port;
  out.limits.connections_max = options.connections_max;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return tl::unexpected(Error{ErrorCode::bad_request, "is no IP address; 127.0.0.1 is this machine alone", "--host"});
  if (options.no_auth && !address.is_loopback())
    return tl::unexpected(Error{ErrorCode::bad_request, "needs a loopback address: anybody who reaches " + options.address + " could use this server",
                                "--no-auth"});
  auto keys = server_keys(options);
  if (!keys) return tl::unexpected(keys.error());
  out.access.keys = std::move(*keys);
  out.access.origins = options.allow_origins;
  // Behind loopback a page could reach this server under a name of its own (DNS rebinding); an open
  // address has names that only its owner knows.
  if (address.is_loopback()) out.access.hosts = {"localhost", "127.0.0.1", "[::1]", options.address};
  if (address.is_loopback() || !options.allow_hosts.empty())
    out.access.hosts.insert(out.access.hosts.end(), options.allow_hosts.begin(), options.allow_hosts.end());
  out.refuse = [](const http::Refusal& refusal) { return api::to_reply(api::to_api(refusal)); };
  return out;
}

/// What clients know the model by: the engine's own name for it, or the model folder's.
std::string model_name_of(const Options& options, const Model& model) {
  if (!dynamic_cast<const LocalModel*>(&model)) return std::string(model.name());
  const auto path = model_path(options);
  return path ? (*path / "").lexically_normal().parent_path().filename().string() : std::string();
}

void print_welcome(const Options& options, std::uint16_t port, const http::Access& access, const std::string& model) {
  const std::string host = options.address.find(':') == std::string::npos ? options.address : "[" + options.address + "]";
  std::printf("praxis serves %s on http://%s:%u/v1\n", model.c_str(), host.c_str(), port);
  if (access.keys.empty()) std::printf("no token is asked for\n");
  else if (options.api_keys.empty()) std::printf("OPENAI_BASE_URL=http://%s:%u/v1 OPENAI_API_KEY=%s\n", host.c_str(), port, access.keys[0].c_str());
  std::fflush(stdout);
}

}  // namespace

int serve(const Options& options) {
  auto server_settings = server_options(options);
  if (!server_settings) return report(server_settings.error());
  std::vector<std::string> warnings;
  auto toolbox = open_tools(options, warnings);
  if (!toolbox) return report(toolbox.error());
  print_warnings(warnings);
  auto wanted = settings(options);
  if (!wanted) return report(wanted.error());
  if (!options.seed) wanted->seed = 0;  // one is drawn for each request
  auto store = open_store(options);
  if (!store) return report(store.error());
  if (auto left = settle_left_behind(**store, *toolbox); !left) return report(left.error());
  auto model = open_engine(options);
  if (!model) return report(model.error());

  asio::io_context context(1);
  api::ServiceOptions service_options;
  service_options.settings = *wanted;
  service_options.requests_max = options.requests_max;
  service_options.runs_max = options.runs_max;
  service_options.log = [](const std::string& line) { std::fprintf(stderr, "%s\n", printable(line).c_str()); };
  for (const std::string& name : options.model_names) service_options.names.push_back({name, std::nullopt});
  if (service_options.names.empty()) service_options.names.push_back({model_name_of(options, **model), std::nullopt});
  service_options.names.push_back({"deepseek-reasoner", true});
  service_options.names.push_back({"deepseek-chat", false});
  const std::string model_name = service_options.names.front().id;
  api::Service service(context.get_executor(), **model, dynamic_cast<const LocalModel*>(model->get()), **store, std::move(service_options));

  tools::Dispatcher dispatcher(std::move(*toolbox));
  api::Runs runs(service, dispatcher);
  service.set_runs(&runs);

  const http::Access access = server_settings->access;
  server_settings->log = [&service, quiet = options.quiet](const http::Served& served) {
    ++service.counters().requests[{served.route, served.status}];
    if (!served.failure.empty()) std::fprintf(stderr, "%s failed: %s\n", printable(served.path).c_str(), printable(served.failure).c_str());
    if (quiet) return;
    std::fprintf(stderr, "%s %s %s %u %llu bytes %.3f s\n", served.client.c_str(), served.method.c_str(),
                 printable(served.path).c_str(), served.status, static_cast<unsigned long long>(served.bytes), served.seconds);
  };
  auto server = http::Server::listen(context, std::move(*server_settings), api::routes(service));
  if (!server) return report(server.error());
  print_welcome(options, (*server)->port(), access, model_name);
  auto left = runs.take_up_left_behind();
  if (!left) return report(left.error());
  if (*left > 0) std::printf("%u runs that were left go on\n", *left);
  Shutdown shutdown(context, **server, runs, options.drain_seconds);
  context.run();
  return kOk;
}

}  // namespace praxis::agent::cli
