// Writes patterns.json, what an ECMA-262 engine (node) says about patterns and texts:
//   node tests/corpus/grammar/patterns.mjs > tests/corpus/grammar/patterns.json
// One entry per pattern: [pattern, [texts in which it matches], [texts in which it does not]].
const written = ['^a|b$', '(^a)|(b$)', 'a^', 'a$b', '(?:^|,)x(?:$|,)', '\\bfoo\\b', '\\Bo', '\\b', '\\B',
  '^(?=.*[A-Z])(?=.*\\d).{3,6}$', '^(?!.*aa)[ab]*$', '(?<=a)b', '(?<!a)b', '^((?!mode)(?!Mode).)*$',
  '^(a(?=b)|b(?=a|$))*$', '^(?:a|(?=b)b?)*$', '^(\\bfoo\\b ?)+$', '\\w+\\b,', '(a?b?)*c', '[^]', '[]',
  '^(a|(?!b).){2,3}$', 'x{2,3}$', '^\\p{L}+$', '^\\p{Lu}\\p{Ll}*$', '\\u{1F600}', '[\\u{1F600}-\\u{1F64F}]',
  '\\ud83d\\ude00', '^[\\s\\S]{2}$', '^.$', '^\\S$', '^\\W$', '(?:)', '', 'a||b', '^$', '^^a$$', '(?=a)', '(?!a)',
  '^(?!a)', '$', 'a(?!b)', 'a(?=b)b', '^(?:(?=a)a|(?!a)b)+$', '(?<n>a)b', '^\\x41\\t\\cA\\0$', '[\\b]', '[a\\-z]',
  '[\\w-]', '^[^a-c]$', '(?<=^|x)a', '(?<![a-z])b', '\\b$', '^\\b', '^\\B$', '(a\\b|b)*c', '(^|-)a', '(^a|b)+$',
  '(?:\\b|x)y', '(?:a(?!b))+$', '(?:(?!ab)[abc]){2,3}$', '(?:(?!ab)[abc])+?$', '(?=(?!b)a)', '(?!(?=b))',
  '((?=a)|b)*a$', '^(?:a?(?=b)|b)*$', '(?:^a|b){2}', '^(?:\\ba|-){2,}$', '(?:a|\\B){3}b', '\\p{Script=Greek}',
  '\\P{L}', '[\\p{Lu}\\d]', '\\p{Letter}', '\\p{gc=Nd}', '\\p{Alphabetic}', '\\p{Sc}', '\\p{Emoji}', '[\\d.+\\-]$',
  '^[^\\s@]+@[^\\s@]+$', '^(?!\\s)(?!.*\\s$).+$', '^\\/(?:[^\\/]+\\/)*$', '^[\\w.]{2,}(?:-[a-z]+)?$', '\\.json$',
  '^(?:0|[1-9]\\d{0,2})(?:\\.\\d+)?$', '^x-', '^(?:a{2}){2,3}$', '^a{0}b$', '^\\{\\}\\[\\]\\(\\)\\^\\$\\.\\|$', '\\/'];
const alphabet = ['a', 'b', 'c', 'x', 'y', 'f', 'o', 'A', 'Z', '0', '7', '-', '_', ' ', ',', '.', '/', '@',
  '\n', '\t', '\b', '\0', '\u0001', '\u00e9', '\u03b1', '\u20ac', '\u2028', '\u{1F600}', '\u6f22', '{', '['];

let seed = 20;
const below = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; return (seed >> 8) % n; };
const pick = (list) => list[below(list.length)];

function part(depth) {
  const kind = below(depth === 0 ? 4 : 12);
  if (kind < 2) return pick(['a', 'b', '-', '\\u00e9']);
  if (kind === 2) return pick(['[ab]', '[^a]', '.', '\\w', '\\W', '[b-]', '[^\\w]']);
  if (kind === 3) return pick(['^', '$', '\\b', '\\B', 'a', 'b', '(?<=a)', '(?<![a-])', '(?<=^|b)']);
  if (kind < 7) return `(?:${part(depth - 1)}|${part(depth - 1)})`;
  if (kind < 9) return part(depth - 1) + part(depth - 1);
  if (kind === 9) return `(?${pick(['=', '!'])}${part(depth - 1)})`;
  return `(?:${part(depth - 1)})${pick(['*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?'])}`;
}

const random = Array.from({length: 700}, (_, i) => {
  const body = part(2 + i % 3) + part(1);
  return pick(['', '^']) + body + pick(['', '$']);
});

function entry(pattern) {
  const expression = new RegExp(pattern, 'u');
  const inside = new Set(), outside = new Set();
  for (let i = 0; i < 400 && (inside.size < 8 || outside.size < 8); i++) {
    const letters = below(2) ? ['a', 'b', '-', '\u00e9'] : alphabet;
    let text = pick(['', '', pattern.replaceAll('\\u00e9', '\u00e9').replace(/[\\^$?:=!()*+|<{}]/g, '').slice(0, 6)]);
    for (let n = below(6); n > 0; n--) text += pick(letters);
    const set = expression.test(text) ? inside : outside;
    if (set.size < 8) set.add(text);
  }
  return JSON.stringify([pattern, [...inside], [...outside]]);
}

const lines = [...new Set([...written, ...random])].map(entry);
process.stdout.write(`[\n${lines.join(',\n')}\n]\n`);
