#pragma once
// What a run needs, for tests: a store in a folder of its own, tools that are functions, a scripted
// model, and every event kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/arguments.h"
#include "agent/loop.h"
#include "agent/recover.h"
#include "tests/agent/scripted_model.h"
#include "tests/memory/fixture.h"

namespace praxis::agent {

inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.where << ": " << error.what;
}
inline std::ostream& operator<<(std::ostream& out, RunStatus status) { return out << to_string(status); }
inline std::ostream& operator<<(std::ostream& out, Event::Type type) { return out << to_string(type); }

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error();
    if constexpr (!std::is_void_v<T>) return T();
  } else if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}
using memory::must;

/// Opened once, from then on everybody passes. Waiting is bounded, so that a broken promise fails
/// its test instead of hanging it.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    bool passed = changed_.wait_for(lock, std::chrono::seconds(60), [this] { return open_; });
    EXPECT_TRUE(passed) << "what this waits for never happened";
    return passed;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// A tool that is a function. Counts its calls, by name and by key.
class FunctionBackend final : public tools::Backend {
 public:
  using Body = std::function<tools::ToolResult(const tools::Call&, const tools::CallContext&)>;
  using Ask = std::function<std::optional<Settled>(std::string_view key)>;
  explicit FunctionBackend(Body body, Ask ask = {}) : body_(std::move(body)), ask_(std::move(ask)) {}

  tools::ToolResult call(const tools::Call& call, const tools::CallContext& context) override {
    {
      std::lock_guard lock(mutex_);
      keys_.push_back(call.idempotency_key);
    }
    return body_(call, context);
  }
  std::optional<Settled> status(std::string_view, std::string_view key) override {
    return ask_ ? ask_(key) : std::nullopt;
  }
  /// The key of every call, in the order they came.
  std::vector<std::string> keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  const Body body_;
  const Ask ask_;
  mutable std::mutex mutex_;
  std::vector<std::string> keys_;
};

inline tools::ToolResult ok(std::string text) {
  tools::ToolResult result;
  result.text = std::move(text);
  return result;
}

/// Runs until it is told to stop, and says that it did.
inline tools::ToolResult until_stopped(const tools::CallContext& context) {
  while (!context.stop()) std::this_thread::yield();
  tools::ToolResult result;
  result.status = tools::Status::cancelled;
  result.text = "stopped";
  return result;
}

class Bench {
 public:
  explicit Bench(memory::StoreOptions options = {}) : options_(std::move(options)) { open_store(); }

  std::shared_ptr<FunctionBackend> tool(std::string name, tools::Effect effect, FunctionBackend::Body body,
                                        std::function<void(tools::ToolSpec&)> change = {}) {
    return tool(std::move(name), effect, std::make_shared<FunctionBackend>(std::move(body)), std::move(change));
  }
  std::shared_ptr<FunctionBackend> tool(std::string name, tools::Effect effect, std::shared_ptr<FunctionBackend> backend,
                                        std::function<void(tools::ToolSpec&)> change = {}) {
    tools::ToolSpec spec;
    spec.name = std::move(name);
    spec.description = "a tool of the tests";
    spec.schema = R"({"type":"object"})";
    spec.effect = effect;
    if (change) change(spec);
    auto added = toolbox.add(spec, backend);
    EXPECT_TRUE(added) << added.error().what;
    return backend;
  }

  /// A new question, in the conversation of the last one.
  Result<RunHandle> begin(Model& model, const std::string& question, const Settings& settings = {}) {
    auto handle = begin_run(*store, model, {conversation, question, settings, "tiny"}, claim);
    if (handle) {
      conversation = handle->conversation_id;
      run_id = handle->run_id;
    }
    return handle;
  }
  RunOutcome run(Model& model, const RunHandle& handle) {
    tools::Dispatcher dispatcher(toolbox);
    Workplace work{model, dispatcher, store.get(), approve, [this](const Event& event) {
                     events.push_back(event);
                     if (on_event) on_event(event);
                   }};
    return run_blocking(std::move(work), handle, interrupt);
  }
  RunOutcome ask(Model& model, const std::string& question, const Settings& settings = {}) {
    auto handle = begin(model, question, settings);
    EXPECT_TRUE(handle) << handle.error();
    return handle ? run(model, *handle) : RunOutcome();
  }
  /// Goes on with the last run, as another process would: new events, a new interrupt.
  RunOutcome resume(Model& model) {
    events.clear();
    interrupt = Interrupt();
    auto handle = resume_run(*store, run_id);
    EXPECT_TRUE(handle) << handle.error();
    return handle ? run(model, *handle) : RunOutcome();
  }
  void reopen() {
    claim.reset();
    store.reset();
    open_store();
    if (!conversation.empty()) claim.emplace(must(store->claim(conversation)));
  }

  memory::Run row() { return must(store->read().run(run_id)); }
  std::vector<memory::Call> calls() { return must(store->read().calls(run_id)); }
  std::vector<memory::Message> messages() { return must(store->read().messages(conversation)); }
  /// "role: content" of each stored message.
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const auto& message : messages()) lines.push_back(std::string(to_string(message.role)) + ": " + message.content);
    return lines;
  }
  std::vector<Event::Type> types() const {
    std::vector<Event::Type> types;
    for (const auto& event : events) types.push_back(event.type);
    return types;
  }
  std::vector<Event> of(Event::Type type) const {
    std::vector<Event> some;
    for (const auto& event : events)
      if (event.type == type) some.push_back(event);
    return some;
  }

  memory::Folder folder{memory::Folder::fast};
  std::filesystem::path file = folder / "runs.db";
  std::unique_ptr<memory::Store> store;
  std::optional<memory::Claim> claim;
  tools::Toolbox toolbox{check_by_schema};
  Approve approve;
  Interrupt interrupt;
  std::function<void(const Event&)> on_event;
  std::vector<Event> events;
  std::string conversation, run_id;

 private:
  void open_store() {
    auto opened = memory::Store::open(file, options_);
    ASSERT_TRUE(opened) << opened.error();
    store = std::move(*opened);
  }
  memory::StoreOptions options_;
};

}  // namespace praxis::agent
