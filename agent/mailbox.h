#pragma once
// Where other threads report to a coroutine: any thread sends, one coroutine receives all that came
// since it last looked. A busy receiver costs its senders a lock and no wake-up.
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
#include <utility>
#include <variant>
#include <vector>

namespace praxis::agent {

template <class T>
class Mailbox {
 public:
  explicit Mailbox(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Dropped once the mailbox is closed: what reports late must find somebody.
  void send(T item) {
    std::unique_ptr<Waiter> waiter;
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
      items_.push_back(std::move(item));
      waiter = std::move(waiter_);
    }
    if (waiter) Waiter::resume(std::move(waiter), executor_);
  }

  /// At least one item, in the order of sending. One receiver at a time.
  boost::asio::awaitable<std::vector<T>> receive() {
    auto wait = [this](auto handler) { park(std::move(handler)); };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(wait, boost::asio::use_awaitable);
    const std::scoped_lock lock(mutex_);
    co_return std::exchange(items_, {});
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
  /// A suspended coroutine, whatever its type.
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void operator()() = 0;
    static void resume(std::unique_ptr<Waiter> waiter, const boost::asio::any_io_executor& executor) {
      boost::asio::post(executor, [waiter = std::move(waiter)] { (*waiter)(); });
    }
  };
  template <class Handler>
  struct WaiterOf final : Waiter {
    explicit WaiterOf(Handler given) : handler(std::move(given)) {}
    void operator()() override { std::move(handler)(); }
    Handler handler;
  };

  template <class Handler>
  void park(Handler handler) {
    std::unique_ptr<Waiter> waiter = std::make_unique<WaiterOf<Handler>>(std::move(handler));
    {
      const std::scoped_lock lock(mutex_);
      if (items_.empty()) {
        waiter_ = std::move(waiter);
        return;
      }
    }
    Waiter::resume(std::move(waiter), executor_);
  }

  boost::asio::any_io_executor executor_;
  std::mutex mutex_;
  std::vector<T> items_;
  std::unique_ptr<Waiter> waiter_;
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
    try {
      mailbox->send(Outcome(std::in_place_index<0>, work()));
    } catch (...) {
      mailbox->send(Outcome(std::in_place_index<1>, std::current_exception()));
    }
  });
  auto outcomes = co_await mailbox->receive();
  if (auto* thrown = std::get_if<1>(&outcomes.front())) std::rethrow_exception(*thrown);
  co_return std::move(*std::get_if<0>(&outcomes.front()));
}

}  // namespace praxis::agent
