// Any words are looked for in any text without an error; a piece of a text is found in it; what is
// shown of a hit is within its bounds.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "memory/search.h"
#include "memory/store.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace praxis::memory;

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> kSeeds = {
      "eagle\nThe Golden Eagle", std::string("a\"b AND (c*\nx a\"b AND (c* \0 y", 29), "鷲 山\n鷲は高い山に住む", "\nabc"};
  return kSeeds;
}

struct Fixture {
  std::filesystem::path folder;
  std::unique_ptr<Store> store;
  Fixture() {
    std::string name = "/dev/shm/praxis-fuzz-XXXXXX";
    if (!mkdtemp(name.data())) std::abort();
    folder = name;
    auto opened = Store::open(folder / "fuzz.db");
    if (!opened) std::abort();
    store = std::move(*opened);
  }
  ~Fixture() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
};

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned random) {
  return praxis::fuzz::mutate(seeds(), data, size, size_max, random);
}

// The first line is what is looked for, the rest the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fixture fixture;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = std::min(input.find('\n'), input.size());
  const auto query = input.substr(0, line);
  const std::string content(input.substr(std::min(line + 1, input.size())));

  std::string conversation;
  const auto written = fixture.store->write([&](Tx& tx) -> Result<void> {
    conversation = tx.create_conversation({}).value();
    auto message = tx.append_message({.conversation_id = conversation, .content = content});
    if (!message) return tl::unexpected(message.error());
    return {};
  });
  require(written.has_value());

  const auto words = search_words(query);
  const auto hits = fixture.store->read().search(query);
  if (query.size() > kNameBytesMax || words.indexed.size() + words.scanned.size() > kSearchWordsMax) {
    require(!hits && hits.error().code == ErrorCode::too_large);
  } else {
    require(hits.has_value());
    for (const auto& hit : *hits) {
      require(hit.conversation_id == conversation && hit.snippet.size() <= kSnippetBytesMax);
      require(hit.match_begin + hit.match_bytes <= hit.snippet.size());
    }
    // One word that stands in the text as it is must be found; both in ASCII, where case is clear.
    if (is_ascii(query) && is_ascii(content) && words.indexed.size() + words.scanned.size() == 1 &&
        content.find(query) != content.npos && content.size() <= kSearchableBytesMax)
      require(hits->size() == 1);
  }
  require(fixture.store->write([&](Tx& tx) { return tx.delete_conversation(conversation); }).has_value());
  return 0;
}
