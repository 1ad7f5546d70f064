#include "grammar/unicode_properties.h"

#include <array>
#include <cstdint>
#include <utility>

namespace praxis::grammar {
namespace {

struct NamedSet {
  std::string_view name;
  bool script;
  std::uint32_t first, count;  // in kLengths
};

#include "grammar/unicode_tables.inc"

/// Long names of general categories (PropertyValueAliases.txt); groups by their letter.
constexpr std::array<std::pair<std::string_view, std::string_view>, 46> kLongNames = {{
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
    {"L", "L"},
    {"M", "M"},
    {"N", "N"},
    {"P", "P"},
}};

/// Other spellings of what the tables know by one name (PropertyAliases.txt, Scripts).
constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kShortNames = {{
    {"Arab", "Arabic"},
    {"Armn", "Armenian"},
    {"Beng", "Bengali"},
    {"Zyyy", "Common"},
    {"Cyrl", "Cyrillic"},
    {"Deva", "Devanagari"},
    {"Geor", "Georgian"},
    {"Grek", "Greek"},
    {"Hani", "Han"},
    {"Hang", "Hangul"},
    {"Hebr", "Hebrew"},
    {"Hira", "Hiragana"},
    {"Zinh", "Inherited"},
    {"Kana", "Katakana"},
    {"Latn", "Latin"},
    {"Taml", "Tamil"},
    {"Alpha", "Alphabetic"},
    {"Lower", "Lowercase"},
    {"Upper", "Uppercase"},
    {"space", "White_Space"},
    {"IDS", "ID_Start"},
    {"IDC", "ID_Continue"},
    {"ExtPict", "Extended_Pictographic"},
    {"Qaai", "Inherited"},
}};

/// All categories of which `name` is the name or, as one letter, the group.
std::optional<CodePointSet> category(std::string_view name) {
  for (const auto& [long_name, short_name] : kLongNames)
    if (name == long_name) name = short_name;
  std::array<bool, kCategories.size()> chosen{};
  bool known = false;
  for (std::size_t i = 0; i < kCategories.size(); ++i) {
    const bool cased = name == "LC" &&
                       (kCategories[i] == "Lu" || kCategories[i] == "Ll" || kCategories[i] == "Lt");
    chosen[i] =
        cased || kCategories[i] == name || (name.size() == 1 && kCategories[i][0] == name[0]);
    known |= chosen[i];
  }
  if (!known) return std::nullopt;
  CodePointSet out;
  char32_t at = 0;
  for (const std::uint32_t run : kCategoryRuns) {
    const char32_t next = at + run / 32;
    if (chosen[run % 32]) out.push_back(CodePoints{at, next - 1});
    at = next;
  }
  return united(std::move(out));
}

std::optional<CodePointSet> named(std::string_view name, bool script) {
  for (const auto& [short_name, long_name] : kShortNames)
    if (name == short_name) name = long_name;
  for (const NamedSet& set : kSets) {
    if (set.name != name || set.script != script) continue;
    CodePointSet out;
    char32_t at = 0;
    for (std::uint32_t i = 0; i < set.count; ++i) {
      const std::uint32_t length = kLengths[set.first + i];
      if (i % 2 == 1) out.push_back(CodePoints{at, at + length - 1});
      at += length;
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CodePointSet> unicode_property(std::string_view name) {
  const std::size_t equals = name.find('=');
  if (equals != std::string_view::npos) {
    const std::string_view kind = name.substr(0, equals), value = name.substr(equals + 1);
    if (kind == "gc" || kind == "General_Category") return category(value);
    if (kind == "sc" || kind == "Script") return named(value, true);
    return std::nullopt;
  }
  if (name == "Any") return CodePointSet{CodePoints{0, kLastCodePoint}};
  if (name == "ASCII") return CodePointSet{CodePoints{0, 0x7F}};
  if (name == "Assigned") return outside(*category("Cn"), CodePoints{0, kLastCodePoint});
  if (auto set = category(name)) return set;
  return named(name, false);
}

}  // namespace praxis::grammar
