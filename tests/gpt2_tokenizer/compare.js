/* compare.js STRINGS.json IDS: the ids in IDS, a line for each string of the JSON array, against those of the npm
   package gpt-3-encoder. Prints differences, and last "N passed, N failed".

   No string need be left out for faults of the package. It looks a pair of tokens up under both names with a comma
   between, so that ("},", "\"") would pass for the merge ("}", ",\""): but the ranks join the comma to the right
   first, and among 211,110 strings of such signs, all up to length 5, no ids differed. Words like "constructor" do
   no harm: what it asks plain objects for is a token or has a comma, and its cache is a Map. */
'use strict';
const fs = require('fs');
const { encode } = require('gpt-3-encoder');

const strings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const lines = fs.readFileSync(process.argv[3], 'utf8').split('\n');
let passed = 0, failed = 0;

if (lines.length !== strings.length + 1) {
    console.log(`FAIL ${lines.length - 1} lines of ids for ${strings.length} strings`);
    failed++;
}
strings.forEach((string, i) => {
    const expected = encode(string).join(' ');
    if (lines[i] === expected) passed++;
    else if (failed++ < 10) console.log(`FAIL ${JSON.stringify(string)}\n  got      ${lines[i]}\n  expected ${expected}`);
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
