#include "memory/search.h"

#include <sqlite3.h>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct Search : StoreTest {
  std::string conversation = new_conversation("Birds");
  /// The positions of the messages found.
  std::vector<int> find(std::string_view text) {
    std::vector<int> positions;
    const auto messages = must(store->read().messages(conversation));
    for (const auto& hit : must(store->read().search(text)))
      for (const auto& message : messages)
        if (message.id == hit.message_id) positions.push_back(static_cast<int>(message.position));
    return positions;
  }
};

TEST_F(Search, FindsEveryWordAnywhereInUpperAndLowerCase) {
  say(conversation, "The Golden Eagle nests on cliffs.");
  say(conversation, "White-tailed eagles nest near water.");
  EXPECT_THAT(find("eagle"), UnorderedElementsAre(0, 1));
  EXPECT_THAT(find("EAGLE cliff"), ElementsAre(0));
  EXPECT_THAT(find("nest water"), ElementsAre(1));
  EXPECT_THAT(find("eagle desert"), IsEmpty());
}

TEST_F(Search, NothingThatIsTypedIsAnOperator) {
  say(conversation, R"(AND OR NOT NEAR(a b, 5) "quoted" it's content:x -minus ^caret star* (paren) {brace} a+b; DROP TABLE)");
  for (const char* text : {"\"quoted\"", "\"", "it's", "NOT", "AND OR", "NEAR(a", "content:x", "-minus", "^caret", "star*",
                           "(paren)", "(", "{brace}", "a+b;", "DROP TABLE", "\"\"", "\"quoted", "b, 5)"}) {
    // A lone "" is not in the text; every other is.
    const auto expected = std::string_view(text) == "\"\"" ? std::vector<int>{} : std::vector<int>{0};
    EXPECT_EQ(find(text), expected) << text;
  }
  EXPECT_THAT(find("eagle OR quoted"), IsEmpty());
  EXPECT_THAT(find("content: zzz*"), IsEmpty());
}

TEST_F(Search, WorksInEveryScriptAndForShortWords) {
  say(conversation, "鷲は高い山に住む 🦅🏔️");
  say(conversation, "Ärger mit Öl, Äpfel");
  say(conversation, "go to C++");
  EXPECT_THAT(find("高い山"), ElementsAre(0));
  EXPECT_THAT(find("鷲"), ElementsAre(0));
  EXPECT_THAT(find("鷲　山"), ElementsAre(0));  // an ideographic space between
  EXPECT_THAT(find("🦅"), ElementsAre(0));
  EXPECT_THAT(find("äpfel"), ElementsAre(1));
  EXPECT_THAT(find("c++ GO"), ElementsAre(2));
  EXPECT_THAT(find("GO"), ElementsAre(2));
  EXPECT_THAT(find("Öl"), ElementsAre(1));
}

TEST_F(Search, FindsWhatFollowsANul) {
  say(conversation, std::string("before\0behind it", 16));
  say(conversation, std::string("\0\0\0", 3));
  EXPECT_THAT(find("behind"), ElementsAre(0));
  EXPECT_THAT(find("before"), ElementsAre(0));
  EXPECT_THAT(find("it"), ElementsAre(0));
  EXPECT_THAT(find(std::string_view("before\0behind", 13)), ElementsAre(0));
  EXPECT_THAT(find(std::string_view("\0\"", 2)), IsEmpty());
  must(write([&](Tx& tx) { return tx.delete_conversation(conversation); }));
  EXPECT_THAT(must(store->read().search("behind")), IsEmpty());
}

TEST_F(Search, AnswersNothingToNothing) {
  say(conversation, "something");
  for (const char* text : {"", " ", "\t\r\n"}) EXPECT_THAT(find(text), IsEmpty());
}

TEST_F(Search, HasLimitsWithNames) {
  EXPECT_THAT(store->read().search(std::string(4097, 'x')), FailsWith(ErrorCode::too_large, "memory.name_bytes_max"));
  std::string words;
  for (int i = 0; i < 65; ++i) words.append(" word").append(std::to_string(i));
  EXPECT_THAT(store->read().search(words), FailsWith(ErrorCode::too_large, "65 words; the limit is 64"));
  for (int i = 0; i < 5; ++i) say(conversation, "the same");
  EXPECT_EQ(must(store->read().search("same", 3)).size(), 3u);
}

TEST_F(Search, LooksAtTheFirst64KilobytesOnly) {
  std::string content = "alpha ";
  content.append(kSearchableBytesMax, '.').append(" omega xy");
  say(conversation, content);
  content[0] = '\0';
  say(conversation, content);
  EXPECT_THAT(find("alpha"), ElementsAre(0));
  EXPECT_THAT(find("omega"), IsEmpty());
  EXPECT_THAT(find("xy"), IsEmpty());
}

TEST_F(Search, ShowsWhereTheWordStands) {
  say(conversation, "The Golden Eagle", Role::assistant);
  const auto hits = must(store->read().search("eagle"));
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].conversation_id, conversation);
  EXPECT_EQ(hits[0].conversation_title, "Birds");
  EXPECT_EQ(hits[0].role, Role::assistant);
  EXPECT_EQ(hits[0].created_ms, 1'000);
  EXPECT_EQ(hits[0].snippet, "The Golden Eagle");
  EXPECT_EQ(hits[0].snippet.substr(hits[0].match_begin, hits[0].match_bytes), "Eagle");
}

TEST_F(Search, TheIndexAgreesWithTheMessages) {
  for (int i = 0; i < 50; ++i) {
    const auto other = new_conversation();
    auto content = "message number " + std::to_string(i);
    content.append(static_cast<std::size_t>(i % 3), '\0').append(" of many");
    say(other, content);
    if (i % 2) must(write([&](Tx& tx) { return tx.delete_conversation(other); }));
  }
  store.reset();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(other, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)", nullptr,
                         nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(other);
  sqlite3_close(other);
}

TEST(Snippets, AreCutBetweenCharacters) {
  std::string content;
  for (int i = 0; i < 200; ++i) content += "é";
  content += "needle";
  for (int i = 0; i < 200; ++i) content += "鷲";
  const auto snippet = snippet_of(content, search_words("needle"));
  EXPECT_LE(snippet.text.size(), kSnippetBytesMax);
  EXPECT_GT(snippet.text.size(), kSnippetBytesMax - 4);
  EXPECT_EQ(snippet.text.substr(snippet.match_begin, snippet.match_bytes), "needle");
  EXPECT_EQ(snippet.text.substr(0, 2), "é");
  EXPECT_EQ(snippet.text.substr(snippet.text.size() - 3), "鷲");
}

TEST(Snippets, WithoutAMatchAreTheBeginning) {
  EXPECT_EQ(snippet_of("ÄPFEL", search_words("äpfel")), (Snippet{.text = "ÄPFEL"}));
  EXPECT_EQ(snippet_of("", search_words("x")), Snippet{});
}

TEST(Snippets, CutAWordLongerThanThemselves) {
  const std::string word(1'000, 'w');
  EXPECT_EQ(snippet_of(word, search_words(word)),
            (Snippet{.text = std::string(kSnippetBytesMax, 'w'), .match_begin = 0, .match_bytes = kSnippetBytesMax}));
}

TEST(SearchWords, AreSplitAtSpacesAndKeptOnce) {
  EXPECT_EQ(search_words("  Eagle\u3000eagle\u00a0of ab\x01" "cd 鷲鷲 鷲鷲鷲 "),
            (SearchWords{.indexed = {"eagle", "鷲鷲鷲"}, .scanned = {"of", "ab", "cd", "鷲鷲"}}));
  EXPECT_EQ(match_expression({"a\"b", "OR"}), "\"a\"\"b\" \"OR\"");
}

}  // namespace
}  // namespace praxis::memory
