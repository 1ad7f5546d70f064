// Bytes become requests or refusals, and how the bytes were cut makes no difference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "agent/http/request_reader.h"
#include "tests/http/requests.h"

namespace praxis::agent::http {
namespace {

using State = RequestReader::State;
using testing::HasSubstr;

/// What a connection's bytes came to.
struct Outcome {
  std::vector<std::string> requests;  // all that a handler sees of them
  State state = State::idle;
  Refusal refusal{0, "", ""};
  bool operator==(const Outcome&) const = default;
};

std::string shown(const Request& request) {
  std::string out = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) out += " ?" + name + "=" + value;
  out += request.keep_alive ? " stays" : " closes";
  for (const Field& field : request.fields) out += " " + field.name + "=[" + field.value + "]";
  return out + " body=[" + request.body + "]";
}

const Limits kLimits;
const Access kOpen;

class Reading {
 public:
  void feed(std::string_view bytes) {
    if (outcome_.state == State::refused) return;
    reader_.append(bytes);
    while ((outcome_.state = reader_.advance()) == State::complete) outcome_.requests.push_back(shown(reader_.take()));
    if (outcome_.state == State::refused) outcome_.refusal = reader_.refusal();
  }
  Outcome outcome() const { return outcome_; }

 private:
  RequestReader reader_{kLimits, kOpen};
  Outcome outcome_;
};

Outcome read_whole(const std::string& bytes) {
  Reading reading;
  reading.feed(bytes);
  return reading.outcome();
}
Outcome read_split(const std::string& bytes, std::size_t at) {
  Reading reading;
  reading.feed(std::string_view(bytes).substr(0, at));
  reading.feed(std::string_view(bytes).substr(at));
  return reading.outcome();
}
Outcome read_bytewise(const std::string& bytes) {
  Reading reading;
  for (const char& c : bytes) reading.feed({&c, 1});
  return reading.outcome();
}

/// Long requests are split near their ends and at places that chance finds.
std::vector<std::size_t> splits(std::size_t size) {
  std::vector<std::size_t> places;
  std::mt19937 chance(7);
  for (std::size_t at = 1; at < size; ++at)
    if (size < 1000 || at < 100 || size - at < 100) places.push_back(at);
  for (int i = 0; size >= 1000 && i < 50; ++i) places.push_back(1 + chance() % (size - 1));
  return places;
}

void expect_same_however_cut(const std::string& bytes) {
  const Outcome whole = read_whole(bytes);
  EXPECT_EQ(read_bytewise(bytes), whole) << "byte by byte";
  for (const std::size_t at : splits(bytes.size())) EXPECT_EQ(read_split(bytes, at), whole) << "split at " << at;
}

TEST(RequestReader, TakesWhatHttpAllows) {
  for (const RequestCase& one : good_requests()) {
    SCOPED_TRACE(one.name);
    const Outcome outcome = read_whole(one.bytes);
    EXPECT_EQ(outcome.state, State::idle) << outcome.refusal.message;
    ASSERT_EQ(outcome.requests.size(), 1 + one.others);
    EXPECT_THAT(outcome.requests[0], HasSubstr(" body=[" + one.body + "]"));
    expect_same_however_cut(one.bytes);
  }
}

TEST(RequestReader, RefusesByName) {
  for (const RequestCase& one : bad_requests()) {
    SCOPED_TRACE(one.name);
    const Outcome outcome = read_whole(one.bytes);
    EXPECT_EQ(outcome.state, State::refused);
    EXPECT_EQ(outcome.refusal.status, one.status) << outcome.refusal.message;
    EXPECT_THAT(outcome.refusal.message, HasSubstr(one.words));
    EXPECT_EQ(outcome.requests.size(), one.others);
    expect_same_however_cut(one.bytes);
  }
}

TEST(RequestReader, NothingOfABodyBecomesARequest) {
  for (const RequestCase& one : smuggling_requests()) {
    SCOPED_TRACE(one.name);
    const Outcome outcome = read_whole(one.bytes);
    for (const std::string& request : outcome.requests) EXPECT_THAT(request, testing::StartsWith("POST /p "));
    EXPECT_EQ(outcome.refusal.status, one.status) << outcome.refusal.message;
    EXPECT_THAT(outcome.refusal.message, HasSubstr(one.words));
    if (one.status == 0) {
      ASSERT_EQ(outcome.requests.size(), 1u);
      EXPECT_THAT(outcome.requests[0], HasSubstr(" body=[" + one.body + "]"));
      EXPECT_EQ(outcome.state, State::idle);
    } else {
      EXPECT_EQ(outcome.requests.size(), 0u);
      EXPECT_EQ(outcome.state, State::refused);
    }
    expect_same_however_cut(one.bytes);
  }
}

TEST(RequestReader, AConnectionOnceRefusedReadsNothingMore) {
  Reading reading;
  reading.feed("GET / HTTP/1.1\r\n\r\n");
  const Outcome refused = reading.outcome();
  reading.feed(kSmuggled);
  EXPECT_EQ(reading.outcome(), refused);
}

TEST(RequestReader, PipelinedRequestsStayWhole) {
  const std::string first = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
  const std::string second = "POST /b?x=1&y=%20 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n";
  const std::string third = "GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const std::vector<std::string> expected = {
      "POST /a stays host=[localhost] content-length=[3] body=[abc]",
      "POST /b ?x=1 ?y=  stays host=[localhost] transfer-encoding=[chunked] body=[xyz]",
      "GET /c closes host=[localhost] connection=[close] body=[]"};
  EXPECT_EQ(read_whole(first + second + third).requests, expected);
  expect_same_however_cut(first + second + third);
}

TEST(RequestReader, ThousandsOfPipelinedRequestsAreTakenInOrder) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const Outcome outcome = read_whole(bytes);
  ASSERT_EQ(outcome.requests.size(), 5000u);
  EXPECT_EQ(outcome.requests[4999], "GET /4999 stays host=[a] body=[]");
}

TEST(RequestReader, RandomBytesAndCutsComeToTheSame) {
  std::mt19937 chance(20'241);
  std::vector<RequestCase> cases = good_requests();
  for (auto more : {bad_requests(), smuggling_requests()}) cases.insert(cases.end(), more.begin(), more.end());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = cases[chance() % cases.size()].bytes + cases[chance() % cases.size()].bytes;
    if (bytes.size() > 4000) continue;
    for (unsigned changes = chance() % 4; changes > 0; --changes) bytes[chance() % bytes.size()] = "\r\n :;0x\0GA"[chance() % 10];
    const Outcome whole = read_whole(bytes);
    Reading reading;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t part = 1 + chance() % 60;
      reading.feed(std::string_view(bytes).substr(at, part));
      at += part;
    }
    EXPECT_EQ(reading.outcome(), whole) << bytes;
  }
}

TEST(RequestReader, KeepAliveFollowsTheVersion) {
  const auto ends = [](const std::string& line, const std::string& connection) {
    RequestReader reader(kLimits, kOpen);
    reader.append("GET / " + line + "\r\nHost: a\r\n" + (connection.empty() ? "" : "Connection: " + connection + "\r\n") + "\r\n");
    EXPECT_EQ(reader.advance(), State::complete);
    return !reader.take().keep_alive;
  };
  EXPECT_FALSE(ends("HTTP/1.1", ""));
  EXPECT_FALSE(ends("HTTP/1.1", "keep-alive"));
  EXPECT_TRUE(ends("HTTP/1.1", "close"));
  EXPECT_TRUE(ends("HTTP/1.1", "Close, TE"));
  EXPECT_TRUE(ends("HTTP/1.0", ""));
  EXPECT_FALSE(ends("HTTP/1.0", "Keep-Alive"));
}

TEST(RequestReader, AContinueIsWantedOnceAndOnlyWhereABodyIsToCome) {
  const auto wants = [](const std::string& bytes) {
    RequestReader reader(kLimits, kOpen);
    reader.append(bytes);
    reader.advance();
    const bool wanted = reader.wants_continue();
    EXPECT_FALSE(reader.wants_continue());
    return wanted;
  };
  EXPECT_TRUE(wants("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
  EXPECT_TRUE(wants("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(wants("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"));
  EXPECT_FALSE(wants("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_FALSE(wants("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
}

TEST(RequestReader, WhoMayNotUseTheServerIsRefusedBeforeTheBody) {
  const Access access{{"localhost"}, {}, {"key"}};
  RequestReader reader(kLimits, access);
  reader.append("POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(reader.advance(), State::refused);
  EXPECT_EQ(reader.refusal().status, 401u);
  EXPECT_EQ(reader.head().path, "/p");
  EXPECT_FALSE(reader.wants_continue());
}

TEST(RequestReader, ABodyIsTakenUpToItsLimitAndNotAByteBeyond) {
  Limits limits;
  limits.body_bytes_max = 8;
  const auto status = [&](const std::string& bytes) {
    RequestReader reader(limits, kOpen);
    reader.append(bytes);
    return reader.advance() == State::refused ? reader.refusal().status : 0;
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(status(head + "Content-Length: 8\r\n\r\n12345678"), 0u);
  EXPECT_EQ(status(head + "Content-Length: 9\r\n\r\n123456789"), 413u);
  EXPECT_EQ(status(head + "Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n"), 0u);
  EXPECT_EQ(status(head + "Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n"), 413u);
  EXPECT_EQ(status(head + "Transfer-Encoding: chunked\r\n\r\n9\r\n"), 413u);
}

TEST(RequestReader, TargetsAreSplitAndUnescaped) {
  RequestReader reader(kLimits, kOpen);
  reader.append("GET http://a/b%20c/%C3%A9?x=1&&=n&y&z=%26%3d&x=2 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(reader.advance(), State::complete) << reader.refusal().message;
  const Request request = reader.take();
  EXPECT_EQ(request.path, "/b c/\xC3\xA9");
  const std::vector<std::pair<std::string, std::string>> query = {{"x", "1"}, {"y", ""}, {"z", "&="}, {"x", "2"}};
  EXPECT_EQ(request.query, query);
  EXPECT_EQ(request.parameter("x"), "1");
  EXPECT_EQ(request.parameter("none"), "");
}

}  // namespace
}  // namespace praxis::agent::http
