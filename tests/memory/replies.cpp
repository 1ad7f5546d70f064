#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

struct Replies : StoreTest {
  Reply reply(std::string id, std::string previous = "") {
    Reply out;
    out.id = std::move(id);
    out.previous_id = std::move(previous);
    out.input = R"([{"role":"user","content":"2+2?"}])";
    out.body = R"({"id":"x"})";
    out.content = std::string("four\0!", 6);
    out.reasoning = "two and two";
    out.calls = R"([{"id":"call_1"}])";
    out.ids = {1, -2, 128799};
    out.ids_fingerprint = "weights";
    out.created_ms = 1'000;
    return out;
  }
  Result<void> keep(const Reply& reply, std::vector<std::string> call_ids) {
    return write([&](Tx& tx) { return tx.keep_reply(reply, call_ids); });
  }
};

TEST_F(Replies, AreFoundByTheirIdAndByTheIdsOfTheirCalls) {
  const Reply first = reply("resp_1"), second = reply("resp_2", "resp_1");
  must(keep(first, {"call_1", "call_2"}));
  must(keep(second, {}));
  EXPECT_EQ(must(store->read().reply("resp_1")), first);
  EXPECT_EQ(must(store->read().reply("resp_2")), second);
  EXPECT_EQ(must(store->read().reply_of_call("call_2")), first);
  EXPECT_THAT(store->read().reply_of_call("call_3"), FailsWith(ErrorCode::not_found, "no such reply"));
}

TEST_F(Replies, OneCallBelongsToOneReply) {
  must(keep(reply("resp_1"), {"call_1"}));
  EXPECT_FALSE(keep(reply("resp_2"), {"call_1"}));
  EXPECT_THAT(store->read().reply("resp_2"), FailsWith(ErrorCode::not_found, ""));
}

TEST_F(Replies, AreForgottenWithTheirCalls) {
  must(keep(reply("old"), {"call_1"}));
  now_ms = 5'000;
  must(keep(reply("new"), {"call_2"}));
  EXPECT_EQ(must(write([](Tx& tx) { return tx.forget_replies(5'000, 10); })), 1);
  EXPECT_THAT(store->read().reply_of_call("call_1"), FailsWith(ErrorCode::not_found, ""));
  EXPECT_EQ(must(store->read().reply("new")).created_ms, 5'000);
  must(write([](Tx& tx) { return tx.delete_reply("new"); }));
  EXPECT_THAT(write([](Tx& tx) { return tx.delete_reply("new"); }), FailsWith(ErrorCode::not_found, "no such reply"));
}

}  // namespace
}  // namespace praxis::memory
