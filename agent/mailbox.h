#pragma once
// Where other threads report to a coroutine: any thread sends, one coroutine receives all that came
// since it last looked. A busy receiver costs its senders a lock and no wake-up; receivers of one loop
// that get something at the same time cost one.
//
// Its length is bounded by what can be under way at the sender (the tokens of a step, the calls of a
// run), not here.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "agent/wakeups.h"

namespace praxis::agent {

template <class T>
class Mailbox {
 public:
  /// `executor`: of an event loop that one thread runs. What is sent once the loop is gone stays here.
  explicit Mailbox(boost::asio::any_io_executor executor) : executor_(std::move(executor)), bell_(Wakeups::of(executor_)) {}

  /// Dropped once the mailbox is closed: what reports late must find somebody. Whoever sends shares the
  /// mailbox: its receiver may be over before this returns.
  void send(T item) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
      items_.push_back(std::move(item));
      if (!waiter_) return;
    }
    bell_->ring([this] { return wake(); }, executor_);
  }

  /// At least one item, in the order of sending. One receiver at a time.
  boost::asio::awaitable<std::vector<T>> receive() {
    co_await arrival();
    co_return take();
  }

  /// Until there is something to take(): receive() without a coroutine of its own, for whom that counts.
  boost::asio::awaitable<void> arrival() {
    auto wait = [this](auto waiter) { park(std::move(waiter)); };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(wait, boost::asio::use_awaitable);
  }

  /// What is there already, in the order of sending; nothing is waited for.
  std::vector<T> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(items_, {});
  }

  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    items_.clear();
  }

 private:
  using Waiter = Wakeups::Waiter;

  void park(Waiter waiter) {
    {
      const std::scoped_lock lock(mutex_);
      if (items_.empty()) {
        waiter_.emplace(std::move(waiter));
        return;
      }
    }
    bell_->ring([&] { return std::optional<Waiter>(std::move(waiter)); }, executor_);
  }

  /// Whoever waits, unless another sender was faster and what came has been taken meanwhile.
  std::optional<Waiter> wake() {
    const std::scoped_lock lock(mutex_);
    if (items_.empty()) return std::nullopt;
    return std::exchange(waiter_, std::nullopt);
  }

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Wakeups::Bell> bell_;
  std::mutex mutex_;
  std::vector<T> items_;
  std::optional<Waiter> waiter_;
  bool closed_ = false;
};

/// Runs `work` on another executor (a thread pool) and goes on here with what it returned, or threw;
/// `work` may refer to the coroutine that waits.
template <class Work>
auto elsewhere(boost::asio::any_io_executor there, boost::asio::any_io_executor here, Work work)
    -> boost::asio::awaitable<decltype(work())> {
  using Outcome = std::variant<decltype(work()), std::exception_ptr>;
  auto mailbox = std::make_shared<Mailbox<Outcome>>(here);
  boost::asio::post(there, [mailbox, &work] {
    std::optional<Outcome> outcome;
    try {
      outcome.emplace(std::in_place_index<0>, work());
    } catch (...) {
      outcome.emplace(std::in_place_index<1>, std::current_exception());
    }
    mailbox->send(std::move(*outcome));  // outside the catch: what was thrown is the waiter's alone from here
  });
  auto outcomes = co_await mailbox->receive();
  if (auto* thrown = std::get_if<1>(&outcomes.front())) std::rethrow_exception(*thrown);
  co_return std::move(*std::get_if<0>(&outcomes.front()));
}

}  // namespace praxis::agent
