// Requests against a loaded engine: reuse, roles, limits, cancellation, order, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "tests/engine/requests.h"

namespace praxis::engine {
namespace {

using namespace tests;
using testing::HasSubstr;

TEST(Engine, SaysWhatItLoaded) {
  std::vector<double> progress;
  const auto engine =
      load([&](Options& o) { o.progress = [&](double p) { progress.push_back(p); }; });
  const ModelInfo& info = engine->info();
  EXPECT_EQ(info.family, "deepseek_v3");
  EXPECT_EQ(info.layers, 2u);
  EXPECT_EQ(info.hidden, 48u);
  EXPECT_EQ(info.heads, 2u);
  EXPECT_EQ(info.vocab_size, kVocab);
  EXPECT_EQ(info.experts, 8u);
  EXPECT_EQ(info.experts_per_token, 2u);
  EXPECT_EQ(info.context_tokens_max, 1024u);
  EXPECT_EQ(info.kv_bytes_per_token, kTokenBytes);
  EXPECT_EQ(info.weights_type, "F32");
  EXPECT_EQ(info.weight_bytes, info.parameters * 4);
  EXPECT_EQ(info.fingerprint.size(), 32u);
  EXPECT_EQ(engine->tokenizer().size(), 259u);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.front(), 0);
  EXPECT_EQ(progress.back(), 1);
}

TEST(Engine, TheSameSeedGivesTheSameTokensAndAnotherOthers) {
  const auto engine = load_sharp();
  Request other = request(prompt(40), 60);
  other.sampling.seed = 10;
  const auto first = ids(run(*engine, request(prompt(40), 60)));
  EXPECT_EQ(first.size(), 60u);
  EXPECT_EQ(ids(run(*engine, request(prompt(40), 60))), first);
  EXPECT_EQ(ids(run(*load_sharp(), request(prompt(40), 60))), first);
  EXPECT_NE(ids(run(*engine, other)), first);
}

TEST(Engine, AContinuedRunGivesTheTokensOfAnUnbrokenOne) {
  const Generation whole = run(*load_sharp(), request(prompt(40), 40));
  const auto engine = load_sharp();
  std::vector<Token> prefix = prompt(40);
  std::vector<TokenId> pieces;
  for (int piece = 0; piece < 4; ++piece) {
    const Generation g = run(*engine, request(prefix, 10));
    for (TokenId id : ids(g)) pieces.push_back(id);
    prefix = next_turn(prefix, g);
  }
  EXPECT_EQ(pieces, ids(whole));
}

// Tests of bits compare tokens: rounding alone must show in them.
TEST(Engine, TheSharpModelTurnsRoundingIntoOtherTokens) {
  auto as_prompt = prompt(60), as_decoded = as_prompt;
  for (Token& t : as_decoded) t.role = Role::decoded;
  EXPECT_NE(ids(run(*load_sharp(), request(as_prompt, 20))),
            ids(run(*load_sharp(), request(as_decoded, 20))));
}

TEST(Engine, GreedyTakesTheArgmaxOfTheLogits) {
  const auto engine = load();
  const auto prefix = prompt(50);
  std::vector<TokenId> tokens;
  for (const Token& t : prefix) tokens.push_back(t.id);
  Request r = request(prefix, 1);
  r.sampling = {};
  const auto logits = engine->logits(tokens);
  ASSERT_TRUE(logits);
  ASSERT_EQ(logits->size(), 50u * kVocab);
  const auto last = logits->end() - kVocab;
  EXPECT_EQ(
      ids(run(*engine, r)),
      std::vector<TokenId>{static_cast<TokenId>(std::max_element(last, logits->end()) - last)});
}

TEST(Engine, ThreadsAndChunksDoNotChangeTheTokens) {
  const auto expected = ids(run(*load_sharp(), request(prompt(150), 80)));
  for (const unsigned threads : {1u, 2u}) {
    for (const std::uint32_t chunk : {1u, 7u, 128u}) {
      EXPECT_EQ(ids(run(*load_sharp(chunk, threads), request(prompt(150), 80))), expected)
          << threads << " " << chunk;
    }
  }
}

TEST(Engine, EveryTokenOfATurnIsThereForTheNext) {
  const auto engine = load();
  const auto first = prompt(70);
  EXPECT_EQ(engine->cached_prefix(first), 0u);
  const Generation g = run(*engine, request(first));
  EXPECT_EQ(g.prompt_tokens, 70u);
  EXPECT_EQ(g.cached_tokens, 0u);
  const auto second = next_turn(first, g, prompt(15, 2));
  EXPECT_EQ(engine->cached_prefix(second), 90u);  // the last token reported is computed too
  EXPECT_EQ(run(*engine, request(second)).cached_tokens, 90u);
}

TEST(Engine, ACachedPrefixGivesTheTokensOfAFreshEngine) {
  const auto engine = load_sharp();
  std::vector<Token> prefix = prompt(33);
  for (unsigned turn = 0; turn < 6; ++turn) {
    const Generation here = run(*engine, request(prefix, 30)),
                     fresh = run(*load_sharp(), request(prefix, 30));
    EXPECT_EQ(fresh.cached_tokens, 0u);
    if (turn > 0) {
      EXPECT_GT(here.cached_tokens, 0u);
    }
    ASSERT_EQ(ids(here), ids(fresh)) << turn;
    prefix = next_turn(prefix, here, prompt(11, turn + 2));
  }
}

TEST(Engine, BranchesAnywhereAndGivesTheTokensOfAFreshEngine) {
  const auto engine = load_sharp();
  const auto trunk = prompt(140);
  run(*engine, request(trunk));
  for (const std::uint32_t at : {1u, 63u, 64u, 65u, 100u, 128u, 139u}) {
    std::vector<Token> branch(trunk.begin(), trunk.begin() + at);
    for (const Token& t : prompt(9, at + 50)) branch.push_back(t);
    const std::uint32_t cached = engine->cached_prefix(branch);
    EXPECT_GE(cached, at);
    const Generation g = run(*engine, request(branch, 25));
    EXPECT_EQ(g.cached_tokens, std::min<std::uint32_t>(cached, at + 8));
    EXPECT_EQ(ids(g), ids(run(*load_sharp(), request(branch, 25)))) << at;
    EXPECT_GE(engine->cached_prefix(trunk), 140u);
  }
}

TEST(Engine, AWhollyCachedPrefixRunsItsLastTokenAgain) {
  const auto engine = load_sharp();
  const auto expected = ids(run(*engine, request(prompt(64))));
  const Generation again = run(*engine, request(prompt(64)));
  EXPECT_EQ(again.cached_tokens, 63u);
  EXPECT_EQ(ids(again), expected);
}

TEST(Engine, ATokensRoleDecidesWhetherItIsReused) {
  const auto engine = load();
  const auto first = prompt(30);
  const Generation g = run(*engine, request(first));
  auto as_prompt = next_turn(first, g, prompt(5, 3));
  for (Token& t : as_prompt) t.role = Role::prompt;
  EXPECT_EQ(engine->cached_prefix(as_prompt), 30u);
  EXPECT_EQ(run(*engine, request(as_prompt)).cached_tokens, 30u);
}

TEST(Engine, NoTokensAskedForFillsTheCache) {
  const auto engine = load();
  const Generation g = run(*engine, request(prompt(40), 0));
  EXPECT_EQ(g.finish, Finish::length);
  EXPECT_TRUE(g.tokens.empty());
  EXPECT_EQ(engine->cached_prefix(prompt(40)), 40u);
  EXPECT_EQ(run(*engine, request(prompt(40), 0)).cached_tokens, 40u);
}

TEST(Engine, StopsAtAStopTokenAndReportsIt) {
  const auto engine = load();
  const auto free = ids(run(*engine, request(prompt(20), 50)));
  Request r = request(prompt(20), 50);
  r.stop = {free[12]};
  const Generation g = run(*engine, r);
  const auto first = std::find(free.begin(), free.end(), free[12]);
  EXPECT_EQ(g.finish, Finish::stop);
  EXPECT_EQ(ids(g), std::vector<TokenId>(free.begin(), first + 1));
}

TEST(Engine, EndsWithLengthAtTheContextsEnd) {
  const auto engine = load();
  const Generation g = run(*engine, request(prompt(1020), 50));
  EXPECT_EQ(g.finish, Finish::length);
  EXPECT_EQ(g.tokens.size(), 4u);
  EXPECT_EQ(run(*engine, request(prompt(1024), 50)).tokens.size(), 0u);
}

/// Holds the engine's thread in a callback until released.
class Gate {
 public:
  std::function<void(std::span<const Decoded>)> callback() {
    return [this](std::span<const Decoded>) {
      std::unique_lock lock(mutex_);
      entered_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return open_; });
    };
  }
  void await_entry() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entered_; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool entered_ = false, open_ = false;
};

TEST(Engine, CancellingKeepsWhatWasComputed) {
  const auto engine = load();
  Gate gate;
  Request r = request(prompt(40), 500);
  r.on_tokens = gate.callback();
  Ticket ticket = engine->submit(r);
  gate.await_entry();
  ticket.cancel();
  gate.open();
  const auto g = ticket.wait();
  ASSERT_TRUE(g);
  EXPECT_EQ(g->finish, Finish::cancelled);
  EXPECT_LT(g->tokens.size(), 500u);
  ASSERT_FALSE(g->tokens.empty());
  const auto all = next_turn(prompt(40), *g);
  EXPECT_EQ(engine->cached_prefix(all), all.size() - 1);  // the last one reported was not run
}

TEST(Engine, ADestroyedTicketCancelsAndLeavesNothingBehind) {
  const auto engine = load();
  Gate gate;
  auto alive = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = alive;
  Request r = request(prompt(40), 900);
  r.on_tokens = [alive = std::move(alive), hold = gate.callback()](std::span<const Decoded> t) {
    hold(t);
  };
  {
    Ticket ticket = engine->submit(std::move(r));
    gate.await_entry();
    gate.open();
  }
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(run(*engine, request(prompt(10, 4), 5)).tokens.size(), 5u);
}

TEST(Engine, TellsOfTheEndOnceAfterTheLastToken) {
  const auto engine = load();
  std::vector<std::string> told;
  Request r = request(prompt(20), 3);
  r.on_tokens = [&](std::span<const Decoded>) { told.push_back("token"); };
  r.on_finish = [&](const Result<Generation>& g) {
    told.push_back("end with " + std::to_string(g->tokens.size()));
  };
  const Generation g = run(*engine, r);
  EXPECT_EQ(told, (std::vector<std::string>{"token", "token", "token", "end with 3"}));
  EXPECT_EQ(g.tokens.size(), 3u);  // the ticket gives the same
}

TEST(Engine, ADestroyedTicketHasSeenTheEndOfItsCallbacks) {
  const auto engine = load();
  Gate gate, end;
  std::atomic<bool> over{false};
  Request r = request(prompt(20), 900);
  r.on_tokens = gate.callback();
  r.on_finish = [&over, hold = end.callback()](const Result<Generation>& g) {
    hold({});
    over = g && g->finish == Finish::cancelled;
  };
  std::thread opener;
  {
    Ticket ticket = engine->submit(r);
    gate.await_entry();
    ticket.cancel();
    gate.open();
    end.await_entry();
    opener = std::thread([&] { end.open(); });
  }
  EXPECT_TRUE(over);
  opener.join();
}

TEST(Engine, ServesInTheOrderOfSubmission) {
  const auto engine = load();
  Gate gate;
  Request first = request(prompt(10), 1);
  first.on_tokens = gate.callback();
  std::vector<Ticket> tickets;
  std::vector<int> order;
  tickets.push_back(engine->submit(first));
  gate.await_entry();
  for (int i = 0; i < 8; ++i) {
    Request r = request(prompt(10, static_cast<unsigned>(i) + 20), 1);
    r.on_tokens = [&order, i](std::span<const Decoded>) { order.push_back(i); };
    tickets.push_back(engine->submit(r));
  }
  tickets[3].cancel();
  gate.open();
  for (std::size_t i = 0; i < tickets.size(); ++i) {
    const auto g = tickets[i].wait();
    ASSERT_TRUE(g);
    EXPECT_EQ(g->finish, i == 3 ? Finish::cancelled : Finish::length) << i;
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 3, 4, 5, 6, 7}));
  EXPECT_EQ(engine->cached_prefix(prompt(10, 22)),
            0u);  // nothing was computed for the cancelled one
}

TEST(Engine, EndingTheEngineEndsItsRequests) {
  Gate gate;
  Ticket running, queued;
  std::thread opener;
  {
    const auto engine = load();
    Request r = request(prompt(20), 1000);
    r.on_tokens = gate.callback();
    running = engine->submit(r);
    queued = engine->submit(request(prompt(5)));
    gate.await_entry();
    opener = std::thread([&] { gate.open(); });
  }
  opener.join();
  EXPECT_EQ(queued.wait()->finish, Finish::cancelled);
  EXPECT_EQ(running.wait()->finish, Finish::cancelled);
}

TEST(Engine, AResultIsTakenOnce) {
  const auto engine = load();
  Ticket ticket = engine->submit(request(prompt(5), 1));
  ASSERT_TRUE(ticket.wait());
  EXPECT_FALSE(ticket.wait());
  EXPECT_FALSE(Ticket().wait());
}

TEST(Engine, ManyThreadsMayAskAtOnce) {
  const auto engine = load();
  const auto expected = ids(run(*load(), request(prompt(60), 10)));
  const std::vector<TokenId> some = {1, 2, 3};
  const auto logits = *engine->logits(some);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        if (ids(run(*engine, request(prompt(60), 10))) != expected) ++wrong;
        if (engine->cached_prefix(prompt(60)) < 60) ++wrong;
        if (*engine->logits(some) != logits) ++wrong;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Engine, EvictionMakesRoomAndStaysExact) {
  // Room for 1024 tokens: one long conversation, or a few short ones.
  const auto engine = load([](Options& o) { o.kv_bytes_max = 1024 * kTokenBytes; });
  EXPECT_EQ(engine->info().context_tokens_max, 1024u);
  std::vector<std::vector<TokenId>> expected;
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned seed = 0; seed < 6; ++seed) {
      const auto prefix = prompt(250, seed);
      const std::uint32_t promised = std::min(engine->cached_prefix(prefix), 249u);
      const Generation g = run(*engine, request(prefix, 10));
      EXPECT_EQ(g.cached_tokens, promised);
      if (round == 0) expected.push_back(ids(g));
      EXPECT_EQ(ids(g), expected[seed]);
      EXPECT_EQ(engine->cached_prefix(prefix), 250u);
    }
  }
  EXPECT_LT(engine->cached_prefix(prompt(250, 0)), 250u);
  EXPECT_EQ(run(*engine, request(prompt(1000, 99), 24)).tokens.size(), 24u);
}

TEST(Engine, SmallCacheBoundsTheContext) {
  const auto engine = load([](Options& o) { o.kv_bytes_max = 200 * kTokenBytes; });
  EXPECT_EQ(engine->info().context_tokens_max, 192u);
  EXPECT_EQ(run(*engine, request(prompt(190), 50)).tokens.size(), 2u);
  EXPECT_FALSE(engine->submit(request(prompt(193))).wait());
}

TEST(Engine, BadRequestsFailByName) {
  const auto engine = load();
  struct Case {
    std::function<void(Request&)> change;
    const char* where;
    const char* what;
    ErrorCode code;
  };
  const auto bad = ErrorCode::bad_request;
  const Case cases[] = {
      {[](Request& r) { r.prefix.clear(); }, "prefix", "is empty", bad},
      {[](Request& r) { r.prefix[3].id = kVocab; }, "prefix[3]",
       "is 300, outside the vocabulary of 300", bad},
      {[](Request& r) { r.prefix[0].id = -1; }, "prefix[0]", "is -1, outside", bad},
      {[](Request& r) { r.prefix = prompt(1025); }, "prefix",
       "has 1025 tokens; the context holds 1024", ErrorCode::too_long},
      {[](Request& r) {
         r.stop = {1, 301};
       },
       "stop[1]", "is 301, outside", bad},
      {[](Request& r) { r.sampling.temperature = -1; }, "sampling.temperature", "from 0 up", bad},
      {[](Request& r) { r.sampling.temperature = std::nanf(""); }, "sampling.temperature",
       "from 0 up", bad},
      {[](Request& r) { r.sampling.top_p = -0.1f; }, "sampling.top_p", "from 0 to 1", bad},
      {[](Request& r) { r.sampling.top_p = 1.1f; }, "sampling.top_p", "from 0 to 1", bad},
      {[](Request& r) { r.sampling.min_p = -0.1f; }, "sampling.min_p", "from 0 to 1", bad},
      {[](Request& r) { r.sampling.presence_penalty = std::nanf(""); }, "sampling.presence_penalty",
       "finite", bad},
      {[](Request& r) { r.sampling.frequency_penalty = HUGE_VALF; }, "sampling.frequency_penalty",
       "finite", bad},
      {[](Request& r) {
         r.sampling.bias = {{1, 2}, {kVocab, 1}};
       },
       "sampling.bias[1]", "is 300, outside", bad},
      {[](Request& r) {
         r.sampling.bias = {{1, std::nanf("")}};
       },
       "sampling.bias[0]", "finite", bad},
      {[](Request& r) { r.logprobs = 21; }, "logprobs", "is 21; the limit is 20", bad},
  };
  for (const Case& c : cases) {
    Request r = request(prompt(10));
    c.change(r);
    std::vector<std::string> told;
    r.on_finish = [&](const Result<Generation>& g) { told.push_back(g.error().where); };
    const auto result = engine->submit(std::move(r)).wait();
    ASSERT_FALSE(result) << c.where;
    EXPECT_EQ(told, std::vector<std::string>{c.where});
    EXPECT_EQ(result.error().where, c.where);
    EXPECT_THAT(result.error().what, HasSubstr(c.what));
    EXPECT_EQ(result.error().code, c.code);
  }
  const std::vector<TokenId> outside = {1, 300}, many(1025, 1);
  EXPECT_FALSE(engine->logits({}));
  EXPECT_EQ(engine->logits(outside).error().where, "tokens[1]");
  EXPECT_EQ(engine->logits(many).error().code, ErrorCode::too_long);
}

TEST(Engine, ABiasOfAHundredDecidesAndPenaltiesEndRepetition) {
  const auto engine = load();
  Request r = request(prompt(20), 12);
  r.sampling.bias = {{42, 100}};
  EXPECT_EQ(ids(run(*engine, r)), std::vector<TokenId>(12, 42));

  r.sampling.bias.push_back({43, 99});
  r.sampling.frequency_penalty = 2;  // 100 against 99: the lead is gone once the first was written
  r.sampling.temperature = 0;
  const auto shared = ids(run(*engine, r));
  EXPECT_EQ(
      std::count(shared.begin(), shared.end(), 42) + std::count(shared.begin(), shared.end(), 43),
      12);
  EXPECT_GE(std::count(shared.begin(), shared.end(), 43), 4);

  Request plain = request(prompt(20), 60);
  plain.sampling.temperature = 0;
  const auto distinct = [](std::vector<TokenId> all) {
    return std::set<TokenId>(all.begin(), all.end()).size();
  };
  Request varied = plain;
  varied.sampling.presence_penalty = 1e6f;
  EXPECT_EQ(distinct(ids(run(*engine, varied))), 60u);
  EXPECT_LT(distinct(ids(run(*engine, plain))), 60u);
}

TEST(Engine, LogprobsAreOfTheRawLogitsAndChangeNoToken) {
  const auto engine = load();
  Request plain = request(prompt(20), 12);
  plain.sampling.bias = {{7, 3}};
  plain.sampling.presence_penalty = 0.5f;
  Request asked = plain;
  asked.logprobs = 5;
  const auto without = run(*engine, plain), with = run(*engine, asked);
  EXPECT_EQ(ids(with), ids(without));
  std::vector<TokenId> all;
  for (const Token& t : prompt(20)) all.push_back(t.id);
  for (const TokenId id : ids(with)) all.push_back(id);
  const auto logits = *engine->logits(all);  // by the other path: the same within rounding
  for (std::size_t i = 0; i < with.tokens.size(); ++i) {
    ASSERT_EQ(without.tokens[i].logprobs, nullptr);
    ASSERT_NE(with.tokens[i].logprobs, nullptr);
    const std::span<const float> row(logits.data() + (19 + i) * kVocab, kVocab);
    const Logprobs expected = logprobs(row, with.tokens[i].id, 5);
    EXPECT_NEAR(with.tokens[i].logprobs->chosen, expected.chosen, 1e-3);
    ASSERT_EQ(with.tokens[i].logprobs->top.size(), 5u);
    for (std::size_t k = 0; k < 5; ++k)
      EXPECT_NEAR(with.tokens[i].logprobs->top[k].logprob, expected.top[k].logprob, 1e-3);
  }
}

TEST(Engine, LogitsTouchNoCache) {
  const auto engine = load();
  const std::vector<TokenId> tokens = {1, 2, 3, 4};
  ASSERT_TRUE(engine->logits(tokens));
  std::vector<Token> prefix;
  for (TokenId id : tokens) prefix.push_back({id, Role::prompt});
  EXPECT_EQ(engine->cached_prefix(prefix), 0u);
}

}  // namespace
}  // namespace praxis::engine
