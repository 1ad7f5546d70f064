#include "tests/bench/serve_bench/server.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "agent/api/error.h"
#include "agent/api/handlers.h"

namespace praxis::bench {

namespace asio = boost::asio;
using namespace agent;
using Clock = std::chrono::steady_clock;

namespace {

/// A model whose one thread gives every stream a token each kTokenMs: the time at which it was given,
/// in ns. Streams begin at different moments, so they are spread over the milliseconds.
class ClockModel final : public Model {
 public:
  ClockModel() : clock_([this] { run(); }) {}
  ~ClockModel() override {
    stop_ = true;
    clock_.join();
  }
  std::string_view fingerprint() const override { return "the clock of the bench"; }
  Recommended recommended() const override { return {}; }
  std::string refuse_tool(const ToolText&) override { return ""; }

  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    auto stream = std::make_shared<Stream>();
    stream->left = input.settings.budgets.output_tokens_max;
    stream->delta = std::move(delta);
    stream->done = std::move(done);
    const std::scoped_lock lock(mutex_);
    wheel_[next_++ % kTokenMs].push_back(stream);
    return std::make_unique<ClockStep>(std::move(stream));
  }

 private:
  struct Stream {
    std::mutex mutex;
    bool over = false;
    std::atomic<bool> cancelled = false;
    std::uint32_t left = 0;
    OnDelta delta;
    OnDone done;
  };
  struct ClockStep final : Step {
    explicit ClockStep(std::shared_ptr<Stream> given) : stream(std::move(given)) {}
    ~ClockStep() override {
      const std::scoped_lock lock(stream->mutex);
      stream->over = true;
    }
    void cancel() override { stream->cancelled = true; }
    std::shared_ptr<Stream> stream;
  };

  /// False once it is over.
  static bool tick(Stream& stream, bool due) {
    const std::scoped_lock lock(stream.mutex);
    if (stream.over) return false;
    if (!stream.cancelled && !due) return true;
    if (!stream.cancelled && stream.left > 0) {
      --stream.left;
      ParsedDelta delta;
      delta.text = std::to_string(Clock::now().time_since_epoch().count());
      stream.delta(std::move(delta));
    }
    if (!stream.cancelled && stream.left > 0) return true;
    stream.over = true;
    StepOutput output;
    if (stream.cancelled) output.finish = engine::Finish::cancelled;
    stream.done(std::move(output));
    return false;
  }

  void run() {
    pthread_setname_np(pthread_self(), "clock");
    auto next = Clock::now();
    for (std::size_t ms = 0; !stop_; ++ms) {
      for (std::size_t slot = 0; slot < kTokenMs; ++slot) {
        const bool due = slot == ms % kTokenMs;
        if (!due && ms % 5 != 0) continue;  // cancelled streams are looked for now and then
        std::unique_lock lock(mutex_);
        auto streams = std::exchange(wheel_[slot], {});
        lock.unlock();
        std::erase_if(streams, [&](const std::shared_ptr<Stream>& stream) { return !tick(*stream, due); });
        lock.lock();
        wheel_[slot].insert(wheel_[slot].end(), streams.begin(), streams.end());
      }
      std::this_thread::sleep_until(next += std::chrono::milliseconds(1));
    }
  }

  std::mutex mutex_;
  std::array<std::vector<std::shared_ptr<Stream>>, kTokenMs> wheel_;
  std::size_t next_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread clock_;
};

/// The least that answers: Beast reads a request and writes a reply of one line.
asio::awaitable<void> bare_session(asio::ip::tcp::socket socket) {
  namespace http = boost::beast::http;
  boost::beast::flat_buffer buffer;
  socket.set_option(asio::ip::tcp::no_delay(true));
  try {
    while (true) {
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request, asio::use_awaitable);
      http::response<http::string_body> response(http::status::ok, request.version());
      response.set(http::field::content_type, "text/event-stream");
      response.body() = "data: {}\n\n";
      response.prepare_payload();
      co_await http::async_write(socket, response, asio::use_awaitable);
    }
  } catch (const std::exception&) {
  }
}

asio::awaitable<void> bare_accept(asio::ip::tcp::acceptor& acceptor) {
  while (true) {
    asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), bare_session(std::move(socket)), asio::detached);
  }
}

[[noreturn]] void serve(std::atomic<std::uint32_t>* ports) {
  asio::io_context bare(1), loop(1);
  asio::ip::tcp::acceptor acceptor(bare, {asio::ip::make_address("127.0.0.1"), 0});
  asio::co_spawn(bare, bare_accept(acceptor), asio::detached);
  std::thread bare_thread([&] {
    pthread_setname_np(pthread_self(), "bare");
    bare.run();
  });

  const std::string file = (std::filesystem::temp_directory_path() / ("serve_bench-" + std::to_string(getpid()) + ".db")).string();
  auto store = memory::Store::open(file);
  if (!store) std::_Exit(1);
  ClockModel model;
  api::ServiceOptions options;
  options.names.push_back({"clock", false});
  options.requests_max = 4096;
  api::Service service(loop.get_executor(), model, nullptr, **store, std::move(options));
  http::ServerOptions server_options;
  server_options.refuse = [](const http::Refusal& refusal) { return api::to_reply(api::to_api(refusal)); };
  auto server = http::Server::listen(loop, std::move(server_options), api::routes(service));
  if (!server) std::_Exit(1);
  for (const char* end : {"", "-wal", "-shm"}) ::unlink((file + end).c_str());
  pthread_setname_np(pthread_self(), "loop");
  *ports = static_cast<std::uint32_t>(acceptor.local_endpoint().port()) << 16 | (*server)->port();
  loop.run();
  std::_Exit(0);
}

}  // namespace

ServerProcess start_server(int core) {
  void* shared = mmap(nullptr, sizeof(std::atomic<std::uint32_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* ports = new (shared) std::atomic<std::uint32_t>(0);
  ServerProcess out;
  out.pid = fork();
  if (out.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<unsigned>(core), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    std::signal(SIGPIPE, SIG_IGN);
    serve(ports);
  }
  while (*ports == 0) std::this_thread::yield();
  out.chat_port = static_cast<std::uint16_t>(*ports & 0xffff);
  out.bare_port = static_cast<std::uint16_t>(*ports >> 16);
  return out;
}

}  // namespace praxis::bench
