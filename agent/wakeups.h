#pragma once
// Coroutines of one event loop that somebody wakes from another thread. Whoever wakes many of them at
// once, as a model that gives a whole batch its next tokens does, wakes the loop once for all.

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace praxis::agent {

class Wakeups final : public boost::asio::execution_context::service {
 public:
  /// A suspended coroutine.
  using Waiter = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;
  using key_type = Wakeups;
  inline static boost::asio::execution_context::id id;

  /// What wakes the coroutines of one event loop. Others may hold it longer than the loop is there.
  class Bell {
   public:
    /// From any thread. What `take` returns, an optional Waiter, goes on on `executor`, after those that
    /// were woken before it. Once the loop is gone nothing is taken and nothing happens.
    template <class Take>
    void ring(Take take, const boost::asio::any_io_executor& executor) {
      const std::scoped_lock lock(mutex_);
      if (gone_) return;
      auto waiter = take();
      if (!waiter) return;
      woken_.push_back(std::move(*waiter));
      if (!std::exchange(posted_, true)) post(executor);
    }

   private:
    friend class Wakeups;
    /// So many go on before the loop looks at its sockets again.
    static constexpr std::size_t kAtOnceMax = 64;

    void post(const boost::asio::any_io_executor& executor) {
      boost::asio::post(executor, [this, executor] { run(executor); });
    }

    void run(const boost::asio::any_io_executor& executor) {
      std::size_t end = 0;
      {
        const std::scoped_lock lock(mutex_);
        if (next_ == now_.size()) {
          now_.clear();
          next_ = 0;
          now_.swap(woken_);
        }
        end = std::min(now_.size(), next_ + kAtOnceMax);
        posted_ = end < now_.size() || !woken_.empty();
        if (posted_) post(executor);
      }
      while (next_ < end) std::move(now_[next_++])();
    }

    void close() {
      std::vector<Waiter> left;
      {
        const std::scoped_lock lock(mutex_);
        gone_ = true;
        left.swap(woken_);
      }
      now_.clear();
    }

    std::mutex mutex_;
    std::vector<Waiter> woken_;   // bounded by the coroutines there are
    bool posted_ = false, gone_ = false;
    // Of the loop alone: those whose turn it is, and which of them is the next.
    std::vector<Waiter> now_;
    std::size_t next_ = 0;
  };

  explicit Wakeups(boost::asio::execution_context& context) : service(context), bell_(std::make_shared<Bell>()) {}
  /// Of the event loop that `executor` stands for.
  static std::shared_ptr<Bell> of(const boost::asio::any_io_executor& executor) {
    return boost::asio::use_service<Wakeups>(boost::asio::query(executor, boost::asio::execution::context)).bell_;
  }

 private:
  void shutdown() override { bell_->close(); }

  std::shared_ptr<Bell> bell_;
};

}  // namespace praxis::agent
