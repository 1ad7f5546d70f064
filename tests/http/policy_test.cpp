// Who may use the server: Host against rebinding, Origin against foreign pages, then the token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/http/http_policy.h"

namespace praxis::agent::http {
namespace {

Request asked(std::vector<Field> fields, std::string method = "POST") {
  Request request;
  request.method = std::move(method);
  request.path = "/v1/models";
  request.fields = std::move(fields);
  return request;
}

const Access kLoopback{{"localhost", "127.0.0.1", "[::1]"}, {"https://app.example"}, {"first key", "second"}};

/// "" where it is served.
std::string refused(std::vector<Field> fields, const Access& access, std::string method = "POST") {
  const auto refusal = check_access(asked(std::move(fields), std::move(method)), access);
  return refusal ? std::to_string(refusal->status) + " " + refusal->code : "";
}

std::string with_host(std::string host) { return refused({{"host", std::move(host)}, {"authorization", "Bearer second"}}, kLoopback); }
std::string with_origin(std::string origin, std::string host = "localhost:8080") {
  return refused({{"host", std::move(host)}, {"origin", std::move(origin)}, {"authorization", "Bearer second"}}, kLoopback);
}
std::string with_token(std::string authorization) {
  return refused({{"host", "localhost"}, {"authorization", std::move(authorization)}}, kLoopback);
}

TEST(Access, KnowsItsOwnNamesUnderAnyPortAndInAnyCase) {
  for (const char* host : {"localhost", "localhost:8080", "LocalHost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:8080"})
    EXPECT_EQ(with_host(host), "") << host;
}

TEST(Access, RefusesNamesThatAPageCouldBindToThisMachine) {
  for (const char* host : {"evil.example", "localhost.evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::2]:80",
                           "::1", "0.0.0.0", "", "localhost.", "localhost:80:80", ":80", "[::1"})
    EXPECT_EQ(with_host(host), "403 forbidden_host") << host;
  EXPECT_EQ(refused({{"authorization", "Bearer second"}}, kLoopback), "403 forbidden_host") << "HTTP/1.0 without Host";
}

TEST(Access, ServesItsOwnPagesAndThoseItWasToldOf) {
  for (const char* origin : {"http://localhost:8080", "https://app.example", "HTTPS://APP.example"})
    EXPECT_EQ(with_origin(origin), "") << origin;
  EXPECT_EQ(with_origin("http://[::1]:8080", "[::1]:8080"), "");
}

TEST(Access, RefusesForeignPages) {
  for (const char* origin : {"http://localhost:3000", "http://evil.example", "null", "file://", "https://app.example:444", "app.example",
                             "http://localhost:8080.evil.example", "chrome-extension://localhost:8080", "http://"})
    EXPECT_EQ(with_origin(origin), "403 forbidden_origin") << origin;
  const Access any_host{{}, {}, {}};
  EXPECT_EQ(refused({{"host", ""}, {"origin", "null"}}, any_host), "403 forbidden_origin");
  EXPECT_EQ(refused({{"origin", "http://"}}, any_host), "403 forbidden_origin");
}

TEST(Access, AStarAdmitsEveryPage) {
  const Access access{{"localhost"}, {"*"}, {}};
  EXPECT_EQ(refused({{"host", "localhost"}, {"origin", "null"}}, access), "");
}

TEST(Access, AsksForOneOfItsKeys) {
  for (const char* authorization : {"Bearer first key", "bearer second", "BEARER second"}) EXPECT_EQ(with_token(authorization), "") << authorization;
  for (const char* authorization : {"", "Bearer", "Bearer ", "Bearer secon", "Bearer second ", "Bearer secondsecond", "Bearer Second",
                                    "Basic second", "second", "Bearer  second", "Bearersecond"})
    EXPECT_EQ(with_token(authorization), "401 invalid_api_key") << authorization;
  EXPECT_EQ(refused({{"host", "localhost"}}, kLoopback), "401 invalid_api_key");
}

TEST(Access, AnEmptyKeyOpensNothing) {
  const Access access{{}, {}, {""}};
  for (const char* authorization : {"Bearer ", "Bearer x", ""}) EXPECT_NE(refused({{"authorization", authorization}}, access), "");
}

TEST(Access, APreflightNeedsNoTokenButAnAllowedPage) {
  EXPECT_EQ(refused({{"host", "localhost"}, {"origin", "https://app.example"}}, kLoopback, "OPTIONS"), "");
  EXPECT_EQ(refused({{"host", "localhost"}, {"origin", "https://evil.example"}}, kLoopback, "OPTIONS"), "403 forbidden_origin");
  EXPECT_EQ(refused({{"host", "evil"}, {"origin", "https://app.example"}}, kLoopback, "OPTIONS"), "403 forbidden_host");
  EXPECT_EQ(refused({{"host", "localhost"}}, kLoopback, "OPTIONS"), "401 invalid_api_key");
}

TEST(Access, TellsABrowserWhatAPageMayDo) {
  EXPECT_TRUE(cross_origin_fields(asked({})).empty());
  const auto of = [](const std::vector<Field>& fields, std::string_view name) -> std::string {
    for (const Field& field : fields)
      if (field.name == name) return field.value;
    return "";
  };
  const auto plain = cross_origin_fields(asked({{"origin", "https://app.example"}}));
  EXPECT_EQ(of(plain, "access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(of(plain, "vary"), "Origin");
  const auto preflight = cross_origin_fields(
      asked({{"origin", "https://app.example"}, {"access-control-request-headers", "authorization, x-more"}}, "OPTIONS"));
  EXPECT_EQ(of(preflight, "access-control-allow-headers"), "authorization, x-more");
  EXPECT_EQ(of(preflight, "access-control-allow-credentials"), "");
}

TEST(Access, SecretsAreComparedAsAWhole) {
  EXPECT_TRUE(equal_constant_time("secret", "secret"));
  EXPECT_TRUE(equal_constant_time("", ""));
  for (const char* given : {"", "s", "secre", "secret!", "secretsecret", "Secret"}) EXPECT_FALSE(equal_constant_time("secret", given)) << given;
  EXPECT_FALSE(equal_constant_time("", "x"));
}

}  // namespace
}  // namespace praxis::agent::http
