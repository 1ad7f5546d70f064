// Answers that are no JSON: a pattern, or one text of a list, as a language of raw bytes.

#include <algorithm>

#include "grammar/grammar.h"
#include "grammar/pattern.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

constexpr char32_t kControlsEnd = 0x20;

/// All texts of characters that the vocabulary can spell: every other byte is sure to be a token.
LanguageId spellable(Languages& languages, const Vocabulary& vocabulary) {
  std::vector<CodePoints> characters{CodePoints{kControlsEnd, 0x10FFFF}};
  for (char32_t control = 0; control < kControlsEnd; ++control) {
    if (vocabulary.tries().single[control]) characters.push_back(CodePoints{control, control});
  }
  if (characters.size() > kControlsEnd) return kAnyText;
  return languages.repeat(languages.set(characters), 0, ~0u);
}

}  // namespace

Result<LanguageId> RawText::language(Languages& languages, const Vocabulary& vocabulary,
                                     Fuel& fuel) const {
  const LanguageId all = spellable(languages, vocabulary);
  LanguageId language = kNothing;
  if (texts.empty()) {
    auto made = grammar::pattern(languages, pattern, "regex", fuel, Match::whole);
    if (!made) return made;
    language = languages.all_of(std::array{*made, all});
    if (languages.empty(language) && !languages.exhausted())
      return refuse(ErrorCode::unsatisfiable, "no text matches the pattern; loosen it", "regex");
  } else {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string where = "choice[" + std::to_string(i) + "]";
      if (!fuel.burn(1 + texts[i].size())) return fuel.error(where);
      if (!languages.matches(all, texts[i]))
        return refuse(ErrorCode::unsupported,
                      "is no valid UTF-8, or has a control character that the vocabulary lacks",
                      where);
    }
    language = languages.texts(texts);
  }
  if (languages.exhausted())
    return refuse(ErrorCode::limit, "needs more states than are allowed; make it simpler",
                  texts.empty() ? "regex" : "choice");
  return language;
}

}  // namespace praxis::grammar
