// Token ids against Hugging Face's own library, on its real tokenizer files (`make oracles`).
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/tokenizer.h"
#include "tests/engine/texts.h"

namespace praxis::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTexts = test::kLess == 1 ? 5000 : 3200;
constexpr std::uint64_t kSeed = 20261122;

std::string base64(const std::string& bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

bool holds_control(const std::string& text, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (text.find(name) != std::string::npos) return true;
  }
  return false;
}

/// Ids do not depend on the decoder, and their library reads no file whose ByteLevel decoder lacks
/// a member that only encoding uses.
void write_without_decoder(const fs::path& from, const fs::path& to) {
  std::ifstream in(from);
  auto tokenizer = nlohmann::json::parse(in);
  tokenizer["decoder"] = nullptr;
  std::ofstream(to) << tokenizer.dump();
}

class TokenizerOracle : public testing::TestWithParam<test::RealTokenizer> {};

TEST_P(TokenizerOracle, IdsEqualThoseOfHuggingFace) {
  const auto oracles = test::oracles_folder();
  if (!oracles) GTEST_SKIP() << "the oracles are not installed: run `make oracles`";
  if (std::system("node --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "node is not installed";
  const fs::path file = test::file_of(GetParam()).value();
  const auto tokenizer = Tokenizer::load(file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().where << ": " << tokenizer.error().what;

  const auto names = tokenizer->control_names();
  std::vector<std::string> texts;
  nlohmann::json encoded = nlohmann::json::array();
  for (std::string& text : test::varied_texts(kTexts, kSeed, true)) {
    if (holds_control(text, names)) continue;  // Hugging Face would make a control id of it
    encoded.push_back(base64(text));
    texts.push_back(std::move(text));
  }
  ASSERT_GE(texts.size(), 3000u);

  const fs::path folder =
      fs::path(testing::TempDir()) /
      ("praxis_oracle_" + std::string(GetParam().name) + "_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  write_without_decoder(file, folder / "tokenizer.json");
  std::ofstream(folder / "texts.json") << encoded.dump();
  const std::string command = "node '" PRAXIS_SOURCE_DIR "/tests/oracles/tokenize.mjs' '" +
                              oracles->string() + "' '" + (folder / "tokenizer.json").string() +
                              "' '" + (folder / "texts.json").string() + "' '" +
                              (folder / "ids.json").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(folder / "ids.json");
  const auto expected = nlohmann::json::parse(in, nullptr, false);
  ASSERT_TRUE(expected.is_array());
  ASSERT_EQ(expected.size(), texts.size());
  fs::remove_all(folder);

  std::size_t ids = 0, differences = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto ours = tokenizer->encode_text(texts[i]);
    ids += ours.size();
    if (expected[i].get<std::vector<TokenId>>() == ours) continue;
    if (++differences <= 10) {
      ADD_FAILURE() << "text " << i << ": "
                    << nlohmann::json(texts[i]).dump(-1, ' ', true,
                                                     nlohmann::json::error_handler_t::replace)
                    << "\n  theirs " << expected[i].dump() << "\n  ours   "
                    << nlohmann::json(ours).dump();
    }
  }
  EXPECT_EQ(differences, 0u);
  std::cout << GetParam().name << ": " << texts.size() << " texts, " << ids << " ids, "
            << differences << " differences\n";
}

INSTANTIATE_TEST_SUITE_P(Real, TokenizerOracle, testing::ValuesIn(test::kRealTokenizers),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace praxis::engine
