// Folders and options that are refused, and how it is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "engine/engine.h"
#include "tests/engine/tiny_folder.h"

namespace praxis::engine {
namespace {

using testing::HasSubstr;
using tests::TinyFolder;

TEST(Load, BadOptionsAreRefusedByName) {
  const TinyFolder folder;
  struct Case {
    std::function<void(Options&)> change;
    const char* where;
  };
  const Case cases[] = {
      {[](Options& o) { o.threads = 5000; }, "threads"},
      {[](Options& o) { o.prefill_chunk_tokens = 0; }, "prefill_chunk_tokens"},
      {[](Options& o) { o.prefill_chunk_tokens = 100'000; }, "prefill_chunk_tokens"},
      {[](Options& o) { o.kv_bytes_max = 1000; }, "kv_bytes_max"}};
  for (const Case& c : cases) {
    Options options;
    options.model = folder.path();
    c.change(options);
    const auto engine = Engine::load(options);
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().where, c.where);
    EXPECT_EQ(engine.error().code, ErrorCode::bad_request);
  }
}

TEST(Load, AMissingFileIsNamed) {
  for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const TinyFolder mine;
    std::filesystem::remove(mine.path() / file);
    Options options;
    options.model = mine.path();
    const auto engine = Engine::load(options);
    ASSERT_FALSE(engine) << file;
    EXPECT_EQ(engine.error().code, ErrorCode::not_found) << file << ": " << engine.error().what;
    EXPECT_THAT(engine.error().where + engine.error().what,
                HasSubstr(std::string(file).substr(0, std::string(file).find('.'))));
  }
  Options options;
  options.model = "no such folder";
  const auto engine = Engine::load(options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::not_found);
}

TEST(Load, ATokenizerLargerThanTheVocabularyIsRefused) {
  const TinyFolder mine;
  mine.write_tokenizer(45);
  Options options;
  options.model = mine.path();
  const auto engine = Engine::load(options);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().where, HasSubstr("tokenizer.json"));
  EXPECT_THAT(engine.error().what, HasSubstr("ids up to 300"));
}

// A header byte changed or the file cut: loads, or says why not; never anything else.
TEST(Load, DamagedWeightsLoadOrAreRefused) {
  const TinyFolder mine;
  const auto file = mine.path() / "model.safetensors";
  std::string whole;
  {
    std::ifstream in(file, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  Options options;
  options.model = mine.path();
  options.threads = 1;
  options.kv_bytes_max = 1 << 20;
  std::size_t refused = 0, tried = 0;
  const auto attempt = [&](const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    const auto engine = Engine::load(options);
    ++tried;
    if (engine) return;
    ++refused;
    EXPECT_FALSE(engine.error().what.empty());
    EXPECT_FALSE(engine.error().where.empty());
  };
  std::mt19937 random(6);
  for (std::size_t i = 0; i < 8 + header; i += 1 + random() % 41) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << random() % 8));
    attempt(bytes);
  }
  for (std::size_t n = 0; n < whole.size(); n += 1 + random() % (n < 8 + header ? 97 : 4999))
    attempt(whole.substr(0, n));
  EXPECT_GT(refused, tried / 2);
}

}  // namespace
}  // namespace praxis::engine
