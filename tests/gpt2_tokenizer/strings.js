/* strings.js N SEED: prints a JSON array of strings for a tokenizer: some that hold every character of Unicode 15.0
   (private use aside), some that hold every token of GPT-2 that is text, and N seeded ones of all kinds.

   Where JavaScript's classes are not those of Unicode 15.0 no string goes. It takes U+FEFF for white space, and
   U+0085 for none. And a code point that 15.0 does not assign, but the Unicode of this node does, may be a letter
   there: `left_out` asks the data of 15.0 for the one and node's own \p{Cn} for the other. Code points that neither
   assigns stay in, as do noncharacters and private use. Strings are well-formed: no lone surrogates.
   <|endoftext|>, one token for us and text for the package, cannot come about: there is no "|>". */
'use strict';
const fs = require('fs');
const path = require('path');

const data = path.dirname(require.resolve('@unicode/unicode-15.0.0/package.json'));
const ranges = (property, value) => require(path.join(data, property, value, 'ranges.js'));
const sequences = (name) => require(path.join(data, 'Sequence_Property', name, 'index.js'));

/* Numbers below n from xorshift32. */
let state = (Number(process.argv[3]) >>> 0) || 1;
function below(n) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
}
const pick = (list) => list[below(list.length)];
const times = (n, make) => Array.from({ length: n }, make).join('');

const unassigned = new Set();
for (const { begin, end } of ranges('General_Category', 'Unassigned'))
    for (let c = begin; c < end; c++) unassigned.add(c);
const left_out = (c) =>
    c === 0xFEFF || c === 0x85 || (c >= 0xD800 && c < 0xE000) ||
    (unassigned.has(c) && !/\p{Cn}/u.test(String.fromCodePoint(c)));

/* One random character from ranges, whatever their sizes. */
function character(list) {
    for (;;) {
        const { begin, end } = pick(list);
        const c = begin + below(end - begin);
        if (!left_out(c)) return String.fromCodePoint(c);
    }
}

const values = (property) =>
    fs.readdirSync(path.join(data, property)).filter((value) =>
        value !== 'Surrogate' && fs.existsSync(path.join(data, property, value, 'ranges.js')));
const scripts = values('Script').map((value) => ranges('Script', value));
const categories = values('General_Category').map((value) => ranges('General_Category', value));
const digits = ranges('General_Category', 'Decimal_Number');
const letters = ranges('General_Category', 'Letter');
const marks = ranges('General_Category', 'Mark');
const control = ranges('General_Category', 'Control');
const format = ranges('General_Category', 'Format');
const private_use = ranges('General_Category', 'Private_Use');
const noncharacters = ranges('Binary_Property', 'Noncharacter_Code_Point');
const white_space = ranges('Binary_Property', 'White_Space');
const ideographs = [{ begin: 0x4E00, end: 0xA000 }, { begin: 0x3040, end: 0x3100 }, { begin: 0xAC00, end: 0xD7A4 }];
const anything = [{ begin: 0, end: 0x110000 }];
const emoji = [].concat(...['Basic_Emoji', 'Emoji_Keycap_Sequence', 'RGI_Emoji_Flag_Sequence',
    'RGI_Emoji_Modifier_Sequence', 'RGI_Emoji_Tag_Sequence', 'RGI_Emoji_ZWJ_Sequence'].map(sequences));
const contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'LL", "'lL", "'D",
    "\u2019s", "\u2019LL", "'", "''", "'l", "'r", "' s", "n't", "'\u017F", "'\u212A"];
const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const words = ('the of and constructor toString __proto__ hasOwnProperty valueOf Rome collapses I\'m they\'re HELLO ' +
    'antidisestablishmentarianism http://www.example.org/a?b=c&d=%20 x86_64 3.14159 1,000,000 foo_bar() <br/> ' +
    '-----BEGIN caf\u00e9 na\u00efve \u00c5ngstr\u00f6m Stra\u00dfe \ufb01ne \u0130stanbul').split(' ');
/* GPT-2's own tokens, in its alphabet for bytes; those that decode to whole characters. */
const { decode } = require('gpt-3-encoder');
const tokens = Array.from({ length: 50256 }, (_, id) => decode([id]))
    .filter((s) => !/[\uFEFF\uFFFD\u0085]|\|>/.test(s));

const fragments = [
    () => { const script = pick(scripts); return times(1 + below(12), () => character(script)); },
    () => { const category = pick(categories); return times(1 + below(6), () => character(category)); },
    () => times(1 + below(8), () => pick(tokens)),
    () => times(1 + below(4), () => pick(tokens)),
    () => pick(words),
    () => pick(contractions),
    () => pick(words) + pick(contractions),
    () => times(1 + below(6), () => character(digits)),
    () => String(below(10 ** (1 + below(9)))),
    () => times(1 + below(4), () => character(letters) + times(below(4), () => character(marks))),
    () => times(1 + below(4), () => pick(emoji)),
    () => pick(emoji) + pick(['\u{1F3FB}', '\u{1F3FF}', '\u200D', '\uFE0F', '\uFE0E']) + pick(emoji),
    () => times(1 + below(10), () => character(ideographs)),
    () => times(1 + below(4), () => character(control)),
    () => times(1 + below(3), () => character(format)),
    () => times(1 + below(3), () => character(private_use)),
    () => times(1 + below(3), () => character(noncharacters)),
    () => times(1 + below(3), () => character(anything)),
    () => times(1 + below(8), () => pick(ascii)),
    () => pick(ascii).repeat(1 + below(30)),
    () => ' '.repeat(1 + below(4)),
    () => times(1 + below(10), () => character(white_space)),
    () => pick([' ', '\n', '\t', '\r\n', '\u00A0', '\u2028', '\u3000']).repeat(1 + below(pick([3, 60]))),
];

function string() {
    const n = 1 + below(pick([3, 6, 12, 12, 40]));
    return times(n, () => (below(2) ? ' ' : '') + pick(fragments)()).replace(/[\uFEFF\u0085]|\|>/g, '');
}

/* What class a character has shows in the ids of what is beside it: "c's" has the contraction only behind a letter
   or number, " c" a piece of its own only before white space. (Letters and numbers are split alike but from one
   another, where hardly any merge reaches; tests/test_bpe.c counts both.) */
const strings = [];
let run = '';
for (let c = 0; c < 0x110000; c++) {
    if (left_out(c) || unassigned.has(c) || /\p{Co}/u.test(String.fromCodePoint(c))) continue;
    const s = String.fromCodePoint(c);
    run += `${s}'s ${s}`;
    if (run.length < 400) continue;
    strings.push(run);
    run = '';
}
strings.push(run);
for (let i = 0; i < tokens.length; i += 20) strings.push(tokens.slice(i, i + 20).join('\n'));
for (let n = Number(process.argv[2]); n > 0; n--) strings.push(string());
process.stdout.write('[' + strings.map((s) => JSON.stringify(s)).join(',\n') + ']\n');
