#pragma once
// Every byte, and tokens that straddle JSON's punctuation.

#include <memory>
#include <string>
#include <vector>

#include "grammar/vocabulary.h"

namespace praxis::fuzz {

inline std::shared_ptr<const grammar::Vocabulary> vocabulary() {
  static const auto kVocabulary = [] {
    std::vector<std::string> bytes{""};
    for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
    for (const char* text :
         {"{\"",  "\":",      "\":\"",    "\",\"",        "\"}",   "}}",      "}]",
          "],",   "[[",       "[{\"",     ",\"",          "\"a\"", "\"a\":1", "{\"a\":1,\"",
          "true", "false",    "null",     "12",           "0.",    "1e",      "\\u",
          "\\\"", "\xC3\xA9", "\xF0\x9F", "a\":1,\"a\":", "ab",    "xyz"}) {
      bytes.push_back(text);
    }
    bytes.push_back("");
    return std::make_shared<const grammar::Vocabulary>(bytes, [](std::string_view text) {
      std::vector<grammar::TokenId> ids;
      for (const char c : text) ids.push_back(1 + static_cast<std::uint8_t>(c));
      return ids;
    });
  }();
  return kVocabulary;
}

}  // namespace praxis::fuzz
