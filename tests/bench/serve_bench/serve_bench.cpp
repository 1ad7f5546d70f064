// What the server adds to a model: latency and CPU time per delta, memory per stream, the first byte
// beside a bare Beast server's, how soon a lost client's place is free, and slow clients' cost to
// others. The server has one core, this client another; all goes through real sockets.
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/serve_bench/server.h"
#include "tests/http/client.h"

namespace praxis::bench {
namespace {

using agent::http::Client;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Settings {
  unsigned streams = 1000, seconds = 5, slow_clients = 1000, slow_seconds = 60, requests = 2000;
};

double us_since(Clock::time_point then) { return std::chrono::duration<double, std::micro>(Clock::now() - then).count(); }

void pin(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

/// Of 0 to 1; sorts.
double quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

std::string chat(unsigned tokens) {
  const std::string body = R"({"messages":[{"role":"user","content":"What time is it?"}],"stream":true,"max_tokens":)" + std::to_string(tokens) + "}";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string kHealth = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

// --- the server's process, seen from outside ---------------------------------------------------------

double resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// CPU time of each of its threads by name, in us.
std::map<std::string, double> cpu_us(pid_t pid) {
  std::map<std::string, double> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::string name;
    double ns = 0;
    std::getline(std::ifstream(task.path() / "comm"), name);
    std::ifstream(task.path() / "schedstat") >> ns;
    out[name] += ns / 1000;
  }
  return out;
}

// --- streams -----------------------------------------------------------------------------------------

/// The tokens in `text` are the times at which they were sent; what is cut off stays for the next time.
void take_tokens(std::string& text, std::vector<double>& latencies_us) {
  constexpr std::string_view kKey = "\"content\":\"";
  const auto now = static_cast<double>(Clock::now().time_since_epoch().count());
  std::size_t at = 0, done = 0;
  while ((at = text.find(kKey, done)) != std::string::npos) {
    const std::size_t begin = at + kKey.size(), end = text.find('"', begin);
    if (end == std::string::npos) break;
    std::int64_t sent = 0;
    std::from_chars(text.data() + begin, text.data() + end, sent);
    if (sent > 0) latencies_us.push_back((now - static_cast<double>(sent)) / 1000);
    done = end;
  }
  text.erase(0, at == std::string::npos ? std::max(done, text.size() - std::min(text.size(), kKey.size())) : at);
}

/// Many streams that one thread reads.
class Streams {
 public:
  Streams(std::uint16_t port, unsigned count) : poll_(epoll_create1(EPOLL_CLOEXEC)), text_(count) {
    for (unsigned i = 0; i < count; ++i) {
      clients_.emplace_back(port);
      clients_.back().send(chat(1'000'000));
      epoll_event event{EPOLLIN, {.u32 = i}};
      epoll_ctl(poll_, EPOLL_CTL_ADD, clients_.back().socket(), &event);
    }
  }
  ~Streams() { close(poll_); }

  /// `awake`: it never sleeps, so that no send has to wake it: the server's side of a client elsewhere.
  std::vector<double> read_for(std::chrono::duration<double> time, bool awake = false) {
    std::vector<double> latencies_us;
    std::vector<epoll_event> events(clients_.size());
    std::string bytes(64 * 1024, '\0');
    for (const auto until = Clock::now() + time; Clock::now() < until;) {
      const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), awake ? 0 : 10);
      for (int i = 0; i < count; ++i) {
        const std::uint32_t stream = events[static_cast<std::size_t>(i)].data.u32;
        const ssize_t got = recv(clients_[stream].socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got <= 0) continue;
        text_[stream].append(bytes, 0, static_cast<std::size_t>(got));
        take_tokens(text_[stream], latencies_us);
      }
    }
    return latencies_us;
  }

 private:
  int poll_;
  std::vector<Client> clients_;
  std::vector<std::string> text_;
};

/// What the kernel takes for one send of a delta's size to a socket that somebody reads: no server can
/// do with less. In us of CPU time.
double plain_send_us(unsigned seconds) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener, 1);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  Client reader(ntohs(address.sin_port));
  const int writer = accept(listener, nullptr, nullptr);
  std::thread reading([&] { reader.read_to_end(); });
  const int no_delay = 1;
  setsockopt(writer, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  double cpu_us = 0;
  unsigned sends = 0;
  std::thread writing([&] {
    pin(0);
    const std::string delta(300, 'x');
    for (const auto until = Clock::now() + std::chrono::seconds(seconds); Clock::now() < until; ++sends) {
      if (sends % 20 == 19) std::this_thread::sleep_for(milliseconds(1));
      ::send(writer, delta.data(), delta.size(), MSG_NOSIGNAL);
    }
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    cpu_us = static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
  });
  writing.join();
  close(writer);
  reading.join();
  close(listener);
  return cpu_us / sends;
}

void measure_streams(const ServerProcess& server, const Settings& settings) {
  { Streams warm(server.chat_port, 50); warm.read_for(milliseconds(500)); }
  std::this_thread::sleep_for(milliseconds(500));
  const double before = resident_bytes(server.pid);
  std::optional<Streams> streams(std::in_place, server.chat_port, settings.streams);
  streams->read_for(milliseconds(2000));
  auto cpu = cpu_us(server.pid);
  std::vector<double> latencies = streams->read_for(std::chrono::seconds(settings.seconds));
  auto after = cpu_us(server.pid);
  const double held = resident_bytes(server.pid) - before, deltas = static_cast<double>(latencies.size());
  const double unwoken = static_cast<double>(streams->read_for(std::chrono::seconds(settings.seconds), true).size());
  const double each_unwoken = (cpu_us(server.pid)["loop"] - after["loop"]) / unwoken;
  streams.reset();
  std::printf("streams            %u, %.0f deltas/s\n", settings.streams, deltas / settings.seconds);
  std::printf("delta latency      p50 %.3f ms, p99 %.3f ms, max %.3f ms (p99 target 5)\n", quantile(latencies, 0.5) / 1000,
              quantile(latencies, 0.99) / 1000, quantile(latencies, 1) / 1000);
  const double each = (after["loop"] - cpu["loop"]) / deltas, least = plain_send_us(1);
  std::printf("CPU per delta      %.2f us (floor 10, target 8); a plain send %.2f us: %.2f of it; the source's thread %.2f us\n", each, least,
              each / least, (after["clock"] - cpu["clock"]) / deltas);
  std::printf("   client awake    %.2f us: no send has to wake its reader on this machine\n", each_unwoken);
  std::printf("memory per stream  %.1f KiB (floor 64)\n", held / 1024 / settings.streams);
}

// --- first byte --------------------------------------------------------------------------------------

/// One request after the other on one connection; to the first byte of each answer.
std::vector<double> first_bytes(std::uint16_t port, unsigned count, bool chunked) {
  std::vector<double> out;
  Client client(port);
  const std::string request = chat(1);
  for (unsigned i = 0; i < count; ++i) {
    const auto asked = Clock::now();
    client.send(request);
    std::string reply = client.read_bytes(1);
    out.push_back(us_since(asked));
    if (chunked) client.read_until("\r\n0\r\n\r\n");
    else client.read_until("data: {}\n\n");
  }
  return out;
}

void measure_first_byte(const ServerProcess& server, const Settings& settings) {
  first_bytes(server.bare_port, 200, false);
  std::vector<double> bare, ours;
  for (int round = 0; round < 4; ++round) {
    const auto one = first_bytes(server.bare_port, settings.requests / 4, false), two = first_bytes(server.chat_port, settings.requests / 40, true);
    bare.insert(bare.end(), one.begin(), one.end());
    ours.insert(ours.end(), two.begin(), two.end());
  }
  const double difference = quantile(ours, 0.5) - quantile(bare, 0.5);
  std::printf("first byte         p50 %.1f us, bare Beast %.1f us: %+.1f us (floor 50)\n", quantile(ours, 0.5), quantile(bare, 0.5), difference);
}

// --- clients that go, and clients that are slow ------------------------------------------------------

void measure_lost_client(const ServerProcess& server) {
  std::vector<double> times;
  Client other(server.chat_port);
  for (int i = 0; i < 20; ++i) {
    Client client(server.chat_port);
    client.send(chat(1'000'000));
    client.read_until("\"content\":\"");
    const auto lost = Clock::now();
    client.close();
    do other.send(kHealth);
    while (other.read_reply().find("\"requests\":0") == std::string::npos);
    times.push_back(us_since(lost));
  }
  std::printf("lost client        its place is free after p50 %.2f ms, max %.2f ms (floor 100; the source looks every 5 ms)\n",
              quantile(times, 0.5) / 1000, quantile(times, 1) / 1000);
}

std::vector<double> health_latencies(std::uint16_t port, std::chrono::duration<double> time) {
  std::vector<double> out;
  Client client(port);
  for (const auto until = Clock::now() + time; Clock::now() < until;) {
    const auto asked = Clock::now();
    client.send(kHealth);
    client.read_reply();
    out.push_back(us_since(asked));
    std::this_thread::sleep_for(milliseconds(1));
  }
  return out;
}

/// Each sends its head a byte a second at a moment of its own, and comes again when it is refused. They
/// are a process of their own, so that they neither wait for the client that is measured nor it for them.
class SlowClients {
 public:
  struct Counts {
    std::atomic<std::uint64_t> bytes = 0, refused = 0;
  };

  SlowClients(std::uint16_t port, unsigned count)
      : counts_(new (mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Counts), pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    const sched_param ordinary{};  // where the bench was given more, they are not
    sched_setscheduler(0, SCHED_OTHER, &ordinary);
    attack(port, count, *counts_);
  }
  ~SlowClients() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(counts_, sizeof(Counts));
  }
  const Counts& counts() const { return *counts_; }

 private:
  [[noreturn]] static void attack(std::uint16_t port, unsigned count, Counts& counts) {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::int64_t> moment(0, std::nano::den - 1);
    std::vector<std::int64_t> moments(count);  // of each second
    for (auto& at : moments) at = moment(random);
    std::sort(moments.begin(), moments.end());
    std::vector<std::unique_ptr<Client>> clients(count);
    for (auto second = Clock::now();; second += std::chrono::seconds(1)) {
      for (unsigned i = 0; i < count; ++i) {
        std::this_thread::sleep_until(second + std::chrono::nanoseconds(moments[i]));
        if (!clients[i]) clients[i] = std::make_unique<Client>(port);
        if (::send(clients[i]->socket(), "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
          ++counts.bytes;
        } else {
          clients[i] = nullptr;
          ++counts.refused;
        }
      }
    }
  }

  Counts* counts_;
  pid_t pid_;
};

/// By turns alone and beside the slow clients; how far those alone differ from each other is the noise.
void measure_slow_clients(const ServerProcess& server, const Settings& settings) {
  constexpr int kTurns = 2;
  std::vector<double> alone, beside, alone_p99;
  double held = 0, sent = 0, refused = 0;
  for (int turn = 0; turn <= kTurns; ++turn) {
    std::this_thread::sleep_for(milliseconds(500));
    auto quiet = health_latencies(server.chat_port, std::chrono::duration<double>(settings.slow_seconds / 4.0));
    alone_p99.push_back(quantile(quiet, 0.99));
    alone.insert(alone.end(), quiet.begin(), quiet.end());
    if (turn == kTurns) break;
    const double before = resident_bytes(server.pid);
    const SlowClients slow(server.chat_port, settings.slow_clients);
    const auto loud = health_latencies(server.chat_port, std::chrono::duration<double>(settings.slow_seconds / double(kTurns)));
    beside.insert(beside.end(), loud.begin(), loud.end());
    held = std::max(held, resident_bytes(server.pid) - before);
    sent += static_cast<double>(slow.counts().bytes);
    refused += static_cast<double>(slow.counts().refused);
  }
  const double p99 = quantile(alone, 0.99);
  std::printf("slow clients       %u, %.0f bytes/s for %u s, %.0f refused\n", settings.slow_clients, sent / settings.slow_seconds, settings.slow_seconds, refused);
  std::printf("beside them        others' p50 %.1f -> %.1f us, p99 %.1f -> %.1f us: %+.1f %% (floor 10); alone p99 %.1f to %.1f us\n",
              quantile(alone, 0.5), quantile(beside, 0.5), p99, quantile(beside, 0.99), 100 * (quantile(beside, 0.99) / p99 - 1),
              quantile(alone_p99, 0), quantile(alone_p99, 1));
  std::printf("memory per slow    %.1f KiB a connection (floor 16)\n", held / 1024 / settings.slow_clients);
}

// --- where this runs ---------------------------------------------------------------------------------

std::string first_line(const char* command) {
  std::string out;
  if (FILE* pipe = popen(command, "r")) {
    for (int c; (c = std::fgetc(pipe)) != EOF && c != '\n';) out += static_cast<char>(c);
    pclose(pipe);
  }
  return out.empty() ? "unknown" : out;
}

void print_place() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  std::printf("machine            %s, %ld cores, load %.1f\n", first_line("sed -n 's/^model name.*: //p' /proc/cpuinfo").c_str(),
              sysconf(_SC_NPROCESSORS_ONLN), load);
  std::printf("commit             %s\n", first_line("git -C '" PRAXIS_SOURCE_DIR "' rev-parse --short HEAD 2>/dev/null").c_str());
}

}  // namespace
}  // namespace praxis::bench

int main(int argc, char** argv) {
  using namespace praxis::bench;
  Settings settings;
  std::vector<std::string> only;
  bool smoke = false;
  CLI::App app("What praxis serve costs");
  app.add_option("--streams", settings.streams)->capture_default_str();
  app.add_option("--seconds", settings.seconds, "of streaming that is measured")->capture_default_str();
  app.add_option("--slow-clients", settings.slow_clients)->capture_default_str();
  app.add_option("--slow-seconds", settings.slow_seconds)->capture_default_str();
  app.add_option("--only", only, "streams, first, lost, slow (repeatable)")->allow_extra_args(false);
  app.add_flag("--smoke", smoke, "a few seconds in all, to see that it works");
  CLI11_PARSE(app, argc, argv);
  if (smoke) settings = {50, 1, 50, 2, 200};

  const rlimit files{16'384, 16'384};
  setrlimit(RLIMIT_NOFILE, &files);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) pin(1);
  print_place();
  // Each with a server of its own: what the one before left in its heap would hide what the next one takes.
  const auto measure = [&](const char* name, auto what) {
    if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) return;
    const ServerProcess server = start_server(0);
    what(server);
    kill(server.pid, SIGKILL);
    waitpid(server.pid, nullptr, 0);
  };
  measure("first", [&](const ServerProcess& server) { measure_first_byte(server, settings); });
  measure("streams", [&](const ServerProcess& server) { measure_streams(server, settings); });
  measure("lost", measure_lost_client);
  measure("slow", [&](const ServerProcess& server) { measure_slow_clients(server, settings); });
}

