// What leaves a run together, and what no longer leaves it.

#include "agent/run_journal.h"

#include "tests/agent/bench.h"

namespace praxis::agent {
namespace {

TEST(RunJournal, NothingIsStoredBehindAWriteThatThrew) {
  Bench bench;
  ScriptedModel model(std::vector<Script>{});
  const RunHandle handle = must(bench.begin(model, "go"));
  const auto before = must(bench.store->read().journal(handle.run_id));

  // Both parcels wait for the store, so that they share a transaction.
  Gate queued;
  auto held = bench.store->write_async([&](memory::Tx&) -> memory::Result<void> { return queued.wait(), memory::Result<void>(); });
  RunJournal journal(bench.store.get(), handle.run_id, true, {}, [](Committed) {});
  journal.await(journal.write([](memory::Tx&) -> memory::Result<void> { throw std::runtime_error("no memory"); }, {}));
  journal.send();
  Told told;
  told.event.type = Event::Type::step_finished;
  journal.await(journal.write({}, {told}));
  journal.send();
  queued.open();
  must(held.get());
  must(bench.store->write([](memory::Tx&) { return memory::Result<void>(); }));
  EXPECT_EQ(must(bench.store->read().journal(handle.run_id)), before);
}

}  // namespace
}  // namespace praxis::agent
