// Where threads report to coroutines: nothing lost, in order, and one wake-up for many.
#include "agent/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <thread>

namespace praxis::agent {
namespace {

namespace asio = boost::asio;

struct Item {
  int sender = 0, number = 0;
};

asio::awaitable<void> receive(Mailbox<Item>& mailbox, std::size_t count, std::map<int, std::vector<int>>& by_sender) {
  while (count > 0) {
    const std::vector<Item> items = co_await mailbox.receive();
    EXPECT_FALSE(items.empty());
    for (const Item& item : items) by_sender[item.sender].push_back(item.number);
    count -= std::min(count, items.size());
  }
}

TEST(Mailbox, WhatManyThreadsSendComesOnceAndInEachOnesOrder) {
  constexpr int kSenders = 4, kItems = 5000;
  asio::io_context loop(1);
  Mailbox<Item> mailbox(loop.get_executor());
  std::map<int, std::vector<int>> got;
  asio::co_spawn(loop, receive(mailbox, kSenders * kItems, got), asio::detached);
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender)
    senders.emplace_back([&mailbox, sender] {
      for (int number = 0; number < kItems; ++number) mailbox.send({sender, number});
    });
  loop.run();
  for (std::thread& sender : senders) sender.join();
  std::vector<int> all(kItems);
  for (int number = 0; number < kItems; ++number) all[static_cast<std::size_t>(number)] = number;
  ASSERT_EQ(got.size(), std::size_t{kSenders});
  for (const auto& [sender, numbers] : got) EXPECT_EQ(numbers, all) << sender;
}

asio::awaitable<void> wait(Mailbox<int>& mailbox, std::function<void()> woken) {
  co_await mailbox.arrival();
  woken();
}

TEST(Mailbox, ReceiversThatAreWokenTogetherGoOnInOrderAndLeaveTheLoopItsTurn) {
  constexpr int kReceivers = 300;
  asio::io_context loop(1);
  std::vector<std::unique_ptr<Mailbox<int>>> mailboxes;
  std::vector<int> order;
  std::map<int, int> woken;   // receivers, by turn of the loop
  int turns = 0;
  for (int i = 0; i < kReceivers; ++i) {
    mailboxes.push_back(std::make_unique<Mailbox<int>>(loop.get_executor()));
    auto on_wake = [&, i] {
      order.push_back(i);
      ++woken[turns];
    };
    asio::co_spawn(loop, wait(*mailboxes.back(), on_wake), asio::detached);
  }
  loop.poll();
  std::vector<int> all;
  for (int i = 0; i < kReceivers; ++i) {
    mailboxes[static_cast<std::size_t>(i)]->send(1);
    all.push_back(i);
  }
  std::function<void()> turn = [&] {
    ++turns;
    if (order.size() < kReceivers) asio::post(loop, turn);
  };
  asio::post(loop, turn);
  loop.restart();
  loop.run();
  EXPECT_EQ(order, all);
  EXPECT_EQ(woken, (std::map<int, int>{{0, 64}, {1, 64}, {2, 64}, {3, 64}, {4, 44}}));
}

TEST(Mailbox, ALoopThatEndsTakesItsWaitersWithIt) {
  auto mailbox_of = [](asio::io_context& loop) { return std::make_shared<Mailbox<int>>(loop.get_executor()); };
  bool went_on = false;
  {
    asio::io_context loop(1);
    auto parked = mailbox_of(loop), woken = mailbox_of(loop);
    for (auto* mailbox : {parked.get(), woken.get()})
      asio::co_spawn(loop, wait(*mailbox, [&went_on] { went_on = true; }), asio::detached);
    loop.poll();
    woken->send(1);
  }
  EXPECT_FALSE(went_on);
}

TEST(Mailbox, AClosedOneDropsWhatComesLate) {
  asio::io_context loop(1);
  Mailbox<int> mailbox(loop.get_executor());
  mailbox.send(1);
  mailbox.close();
  mailbox.send(2);
  EXPECT_EQ(mailbox.take(), std::vector<int>());
}

}  // namespace
}  // namespace praxis::agent
