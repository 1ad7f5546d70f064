// What of earlier reasoning the model still sees.

#include "agent/dialect/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace praxis::agent {
namespace {

// One letter per message: u user, s system, t tool, a assistant, c assistant that calls. The view
// is written the same way: the letter where its reasoning is visible, a dot elsewhere.
std::string view(std::string_view shape, ThinkPolicy policy) {
  std::vector<Message> messages;
  for (const char letter : shape) {
    Message message;
    message.role = letter == 'u' ? SenderRole::user : letter == 's' ? SenderRole::system : letter == 't' ? SenderRole::tool : SenderRole::assistant;
    if (letter == 'c') message.calls.resize(1);
    messages.push_back(std::move(message));
  }
  const auto visible = reasoning_visible(messages, policy);
  std::string shown;
  for (std::size_t i = 0; i < visible.size(); ++i) shown += visible[i] ? shape[i] : '.';
  return shown;
}

TEST(Views, StripAlwaysHidesAll) {
  EXPECT_EQ(view("suactcta", ThinkPolicy::strip_always), "........");
}

TEST(Views, KeepAllShowsEveryAssistant) {
  EXPECT_EQ(view("suauctcta", ThinkPolicy::keep_all), "..a.c.c.a");
}

TEST(Views, KeepInLoopShowsWhatCameSinceTheLastUserMessage) {
  EXPECT_EQ(view("uctauctct", ThinkPolicy::keep_in_loop), ".....c.c.");
  EXPECT_EQ(view("uctau", ThinkPolicy::keep_in_loop), ".....");
  EXPECT_EQ(view("ua", ThinkPolicy::keep_in_loop), ".a");
}

TEST(Views, KeepIfToolsShowsWholeTurnsThatMadeCallsAndTheCurrentOne) {
  EXPECT_EQ(view("uauctauaua", ThinkPolicy::keep_if_tools), "...c.a...a");
  EXPECT_EQ(view("uctauau", ThinkPolicy::keep_if_tools), ".c.a...");
}

TEST(Views, SystemMessagesDoNotEndATurn) {
  EXPECT_EQ(view("ucst", ThinkPolicy::keep_in_loop), ".c..");
}

TEST(Views, MessagesBeforeTheFirstUserMessageAreATurn) {
  EXPECT_EQ(view("ca", ThinkPolicy::keep_in_loop), "ca");
  EXPECT_EQ(view("caua", ThinkPolicy::keep_in_loop), "...a");
  EXPECT_EQ(view("saua", ThinkPolicy::keep_if_tools), "...a");
  EXPECT_EQ(view("scaua", ThinkPolicy::keep_if_tools), ".ca.a");
}

TEST(Views, NoMessageNoView) {
  for (const auto policy : {ThinkPolicy::strip_always, ThinkPolicy::keep_in_loop, ThinkPolicy::keep_if_tools, ThinkPolicy::keep_all})
    EXPECT_EQ(view("", policy), "");
}

}  // namespace
}  // namespace praxis::agent
