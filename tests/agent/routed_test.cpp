// Several engines behind one name, and the file that lists them.

#include "agent/model/routed.h"

#include <cstdlib>

#include "agent/model/engines.h"
#include "tests/agent/bench.h"

namespace praxis::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Error kDown = {ErrorCode::unavailable, "connection refused", "http://one"};

struct Route {
  ScriptedModel* first;
  ScriptedModel* second;
  std::unique_ptr<Model> model;
};

Route route(std::vector<Script> first, std::vector<Script> second) {
  std::vector<std::unique_ptr<Model>> engines;
  Route out;
  auto one = std::make_unique<ScriptedModel>(std::move(first));
  auto two = std::make_unique<ScriptedModel>(std::move(second));
  one->fingerprint_ = "one";
  two->fingerprint_ = "two";
  out.first = one.get();
  out.second = two.get();
  engines.push_back(std::move(one));
  engines.push_back(std::move(two));
  out.model = make_routed("big", std::move(engines));
  return out;
}

TEST(Routed, TheFirstEngineThatAnswersAnswers) {
  Bench bench;
  Route to = route({Script().say("4")}, {});
  EXPECT_EQ(bench.ask(*to.model, "2+2?").answer, "4");
  EXPECT_THAT(to.second->inputs(), IsEmpty());
  EXPECT_EQ(to.model->name(), "big");
  EXPECT_NE(to.model->fingerprint(), to.first->fingerprint());
}

TEST(Routed, TheNextOneTakesOverWhereNothingWasSaid) {
  Bench bench;
  Route to = route({Script().fail(kDown)}, {Script().say("4")});
  const RunOutcome outcome = bench.ask(*to.model, "2+2?");
  EXPECT_EQ(outcome.answer, "4");
  const auto warned = bench.of(Event::Type::warning);
  ASSERT_THAT(warned, SizeIs(1));
  EXPECT_EQ(warned[0].text, "one is not available (connection refused); two answers");
}

TEST(Routed, HalfAnAnswerIsNotContinuedByAnother) {
  Bench bench;
  Route to = route({Script().say("The answer").fail(kDown)}, {Script().say("4")});
  EXPECT_EQ(bench.ask(*to.model, "2+2?").status, RunStatus::failed);
  EXPECT_THAT(to.second->inputs(), IsEmpty());
}

TEST(Routed, OtherErrorsAreNotAnotherEnginesBusiness) {
  Bench bench;
  Route to = route({Script().fail({ErrorCode::bad_request, "no", "x"})}, {Script().say("4")});
  EXPECT_EQ(bench.ask(*to.model, "2+2?").code, ErrorCode::bad_request);
  EXPECT_THAT(to.second->inputs(), IsEmpty());
}

TEST(Routed, TheLastOnesErrorStands) {
  Bench bench;
  Route to = route({Script().fail(kDown)}, {Script().fail({ErrorCode::unavailable, "overloaded", "http://two"})});
  const RunOutcome outcome = bench.ask(*to.model, "2+2?");
  EXPECT_EQ(outcome.error, "http://two: overloaded");
}

TEST(Routed, TokensOfOneEngineAreNeverShownToAnother) {
  Bench bench;
  Route to = route({Script().say("4").ids({1, 2, 3}), Script().fail(kDown)}, {Script().say("8")});
  bench.ask(*to.model, "2+2?");
  EXPECT_THAT(bench.messages()[1].ids, IsEmpty());
  EXPECT_EQ(bench.ask(*to.model, "4+4?").answer, "8");
}

TEST(Routed, IsCancelledWhicheverEngineIsAtWork) {
  for (const bool second : {false, true}) {
    Bench bench;
    Gate at_work;
    Script waits = Script().wait([&] { at_work.open(); }).until_cancelled();
    Route to = second ? route({Script().fail(kDown)}, {waits}) : route({waits}, {});
    std::thread other([&] {
      at_work.wait();
      bench.interrupt.request();
    });
    EXPECT_EQ(bench.ask(*to.model, "2+2?").status, RunStatus::cancelled);
    other.join();
  }
}

// --- the file ----------------------------------------------------------------------------------------

constexpr std::string_view kFile = R"({
  "engines": [
    {"name": "deepseek", "url": "https://api.deepseek.com", "model": "deepseek-reasoner", "key_env": "DEEPSEEK_API_KEY", "api": "deepseek",
     "prices": {"input": 0.5, "input_cached": 0.05, "output": 2}, "timeouts": {"connect_ms": 3000, "idle_ms": 60000}, "retries_max": 1},
    {"name": "rack", "url": "http://10.0.0.5:8000/v1", "think_opened": true, "temperature": 0.5},
    {"name": "home", "folder": "/models/tiny"}],
  "default": "big",
  "routes": [{"match": "big", "engines": ["rack", "deepseek"]}, {"match": "small-*", "engines": ["home"]}]})";

TEST(Engines, AFileIsRead) {
  const EngineList list = must(read_engines(kFile));
  ASSERT_THAT(list.engines, SizeIs(3));
  const RemoteOptions& deepseek = list.engines[0].remote;
  EXPECT_EQ(deepseek.url, "https://api.deepseek.com");
  EXPECT_EQ(deepseek.api, RemoteApi::deepseek);
  EXPECT_EQ(deepseek.prices.input_cached, 0.05);
  EXPECT_EQ(deepseek.limits.connect_ms, 3000u);
  EXPECT_EQ(deepseek.limits.whole_ms, RemoteOptions().limits.whole_ms);
  EXPECT_EQ(deepseek.backoff.retries_max, 1u);
  EXPECT_EQ(list.engines[0].key_env, "DEEPSEEK_API_KEY");
  EXPECT_EQ(deepseek.key, "");
  EXPECT_TRUE(list.engines[1].remote.think_opened);
  EXPECT_EQ(list.engines[1].remote.recommended->temperature, 0.5f);
  EXPECT_EQ(list.engines[1].remote.api, std::nullopt);
  EXPECT_EQ(list.engines[2].folder, "/models/tiny");
}

TEST(Engines, NamesFindTheirEnginesInOrder) {
  const EngineList list = must(read_engines(kFile));
  const auto names = [&](std::string_view name) {
    std::vector<std::string> out;
    for (const EngineSpec* spec : must(list.find(name))) out.push_back(spec->name);
    return out;
  };
  EXPECT_THAT(names(""), ElementsAre("rack", "deepseek"));
  EXPECT_THAT(names("deepseek"), ElementsAre("deepseek"));
  EXPECT_THAT(names("small-1b"), ElementsAre("home"));
  const auto none = list.find("gpt");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().what, "no engine answers to gpt; there are big, small-*, deepseek, rack, home");
}

TEST(Engines, MistakesAreNamedWithTheirPlace) {
  const auto error = [](std::string_view text) {
    const auto list = read_engines(text);
    return list ? std::string("read") : list.error().where + ": " + list.error().what;
  };
  EXPECT_THAT(error("[]"), HasSubstr("engines file"));
  EXPECT_THAT(error(R"({"engines":[]})"), HasSubstr("lists no engine"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a"}]})"), HasSubstr("$.engines[0]: needs a url or a folder"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u","folder":"f"}]})"), HasSubstr("not both"));
  EXPECT_THAT(error(R"({"engines":[{"url":"u"}]})"), HasSubstr("$.engines[0].name: is missing"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u","apikey":"sk"}]})"), HasSubstr("$.engines[0].apikey: is no setting"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u","api":"gpt"}]})"), HasSubstr("$.engines[0].api: is none of"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u","prices":{"input":-1}}]})"), HasSubstr("$.engines[0].prices.input: is not a number from 0"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u"},{"name":"a","url":"v"}]})"), HasSubstr("two engines named a"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u"}],"default":"b"})"), HasSubstr("$.default: no engine answers to b"));
  EXPECT_THAT(error(R"({"engines":[{"name":"a","url":"u"}],"routes":[{"match":"x","engines":["b"]}]})"), HasSubstr("leads to b"));
}

TEST(Engines, AKeyThatIsNotThereIsNamed) {
  RemoteOptions options;
  unsetenv("PRAXIS_TEST_KEY");
  const auto missing = take_key("PRAXIS_TEST_KEY", options);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what, HasSubstr("PRAXIS_TEST_KEY"));
  setenv("PRAXIS_TEST_KEY", "sk-1", 1);
  EXPECT_TRUE(take_key("PRAXIS_TEST_KEY", options));
  EXPECT_EQ(options.key, "sk-1");
  EXPECT_TRUE(take_key("", options));
}

}  // namespace
}  // namespace praxis::agent
