#pragma once
// The real server over a scripted model and tools that are functions, and a client that asks it.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <thread>

#include "agent/api/handlers.h"
#include "agent/api/runs.h"
#include "agent/recover.h"
#include "tests/agent/scripted_model.h"
#include "tests/memory/fixture.h"

namespace praxis::agent::api {

struct Got {
  unsigned status = 0;
  std::string body;   // a stream's: with its chunk sizes
  Json json() const { return Json::parse(body); }
};

class Server {
 public:
  ScriptedModel model;

  explicit Server(std::vector<Script> scripts, memory::StoreOptions options = {}, tools::Toolbox toolbox = tools::Toolbox(),
                  ServiceOptions service_options = {})
      : Server(std::make_shared<memory::Folder>(), std::move(scripts), std::move(options), std::move(toolbox),
               std::move(service_options)) {}
  /// Over the database of an earlier one.
  Server(std::shared_ptr<memory::Folder> folder, std::vector<Script> scripts, memory::StoreOptions options = {},
         tools::Toolbox toolbox = tools::Toolbox(), ServiceOptions service_options = {})
      : model(std::move(scripts)),
        folder_(std::move(folder)),
        store_(memory::must(memory::Store::open(*folder_ / "db", std::move(options)))) {
    EXPECT_TRUE(settle_left_behind(*store_, toolbox));
    dispatcher_ = std::make_unique<tools::Dispatcher>(std::move(toolbox));
    service_options.names = {{"r1", std::nullopt}};
    service_ = std::make_unique<Service>(context_.get_executor(), model, nullptr, *store_, std::move(service_options));
    runs_ = std::make_unique<Runs>(*service_, *dispatcher_);
    service_->set_runs(runs_.get());
    http::ServerOptions http_options;
    http_options.refuse = [](const http::Refusal& refusal) { return to_reply(to_api(refusal)); };
    server_ = std::move(*http::Server::listen(context_, std::move(http_options), routes(*service_)));
    EXPECT_TRUE(runs_->take_up_left_behind());
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Server() {
    park();
    context_.stop();
    thread_.join();
  }

  /// What runs begins to park.
  void begin_to_park() {
    boost::asio::post(context_, [this] { runs_->park_all(); });
  }
  /// Parks what runs and waits until it is.
  void park() {
    begin_to_park();
    while (on_loop([this] { return runs_->active(); }) > 0) std::this_thread::yield();
  }

  Got send(const std::string& method, const std::string& path, const std::string& body = "", const std::string& fields = "") {
    const int fd = connect();
    const std::string head = method + " " + path + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + fields + "content-length: " +
                             std::to_string(body.size()) + "\r\n\r\n";
    const std::string request = head + body;
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string reply;
    char piece[4096];
    for (ssize_t got = 0; (got = recv(fd, piece, sizeof piece, 0)) > 0;) reply.append(piece, static_cast<std::size_t>(got));
    close(fd);
    const auto end = reply.find("\r\n\r\n");
    if (end == std::string::npos) return {0, reply};
    return {static_cast<unsigned>(std::stoul(reply.substr(9, 3))), reply.substr(end + 4)};
  }
  Got ask(const std::string& body) { return send("POST", "/v1/responses", body); }

  memory::Store& store() { return *store_; }
  std::shared_ptr<memory::Folder> folder() const { return folder_; }

 private:
  template <class Work>
  auto on_loop(Work work) -> decltype(work()) {
    std::promise<decltype(work())> promise;
    boost::asio::post(context_, [&] { promise.set_value(work()); });
    return promise.get_future().get();
  }

  int connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
    return fd;
  }

  // As in `praxis serve`: coroutines that wait go with the context, and may use what stands before it.
  std::shared_ptr<memory::Folder> folder_;
  std::unique_ptr<memory::Store> store_;
  boost::asio::io_context context_{1};
  std::unique_ptr<tools::Dispatcher> dispatcher_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Runs> runs_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace praxis::agent::api
