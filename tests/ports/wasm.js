// wasm.js: node wasm.js BOARD.wasm: board.c's platform under Node.js.
"use strict";

let memory;
const env = {
  board_put(at) {
    const bytes = new Uint8Array(memory.buffer);
    process.stdout.write(Buffer.from(bytes.slice(at, bytes.indexOf(0, at))));
  },
  board_stack: () => 0,
  board_exit(status) {
    process.exitCode = status;
  },
};

const file = require("fs").readFileSync(process.argv[2]);
WebAssembly.instantiate(file, { env }).then(({ instance }) => {
  memory = instance.exports.memory;
  process.exitCode = 1;
  instance.exports.board_main();
});
