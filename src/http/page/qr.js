// QR codes (ISO/IEC 18004) of texts in ASCII, drawn as SVG. Bytes are the only mode: a signed statement has no other.

import { drawn } from "./dom.js";

// Of each level, by version from 1 on: the codewords of correction in a block, and the blocks.
const LEVELS = [
  {
    bits: 0, // M: 15 % of a code may be lost
    correction: "10 16 26 18 24 16 18 22 22 26 30 22 22 24 24 28 28 26 26 26 26 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28",
    blocks: "1 1 1 2 2 4 4 4 5 5 5 8 9 9 10 10 11 13 14 16 17 17 18 20 21 23 25 26 28 29 31 33 35 37 38 40 43 45 47 49",
    last: 32,
  },
  {
    bits: 1, // L: 7 %
    correction: "7 10 15 20 26 18 20 24 30 18 20 24 26 30 22 24 28 30 28 28 28 28 30 30 26 28 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
    blocks: "1 1 1 1 1 2 2 2 2 4 4 4 4 4 6 6 6 6 7 8 8 9 9 10 12 12 12 13 14 15 16 17 18 19 19 20 21 22 24 25",
    last: 40,
  },
].map((level) => ({ ...level, correction: level.correction.split(" ").map(Number), blocks: level.blocks.split(" ").map(Number) }));

const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

// The modules of light around a code, without which no reader finds it.
const QUIET = 4;

// The side of a module, in pixels of a style sheet: 0.53 mm, which a telephone reads from paper. A whole number is also
// read from a picture with 96 dots per inch.
const MODULE = 2;

// The product of two elements of the field with 256 elements.
function product(a, b) {
  let result = 0;
  for (let bit = 7; bit >= 0; bit--) {
    result = (result << 1) ^ ((result >>> 7) * 0x11d);
    result ^= ((b >>> bit) & 1) * a;
  }
  return result;
}

// The factors by which the codewords of correction are computed.
function divisor(degree) {
  const factors = [...Array(degree - 1).fill(0), 1];
  for (let root = 1, step = 0; step < degree; step++, root = product(root, 2)) {
    factors.forEach((factor, at) => (factors[at] = product(factor, root) ^ (factors[at + 1] ?? 0)));
  }
  return factors;
}

function remainder(data, factors) {
  const rest = factors.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    factors.forEach((it, at) => (rest[at] ^= product(it, factor)));
  }
  return rest;
}

// The places of the alignment patterns in a row.
function alignment(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => version * 4 + 10 - (count - 2 - at) * step)];
}

// The number of codewords of a version.
function codewords(version) {
  const count = version === 1 ? 0 : Math.floor(version / 7) + 2;
  const aligned = count === 0 ? 0 : (25 * count - 10) * count - 55 + (version >= 7 ? 36 : 0);
  return Math.floor(((16 * version + 128) * version + 64 - aligned) / 8);
}

// The smallest version that has room for a number of bytes. Undefined: none has.
function room(bytes) {
  for (const { bits, correction, blocks, last } of LEVELS) {
    for (let version = 1; version <= last; version++) {
      const [inBlock, count] = [correction[version - 1], blocks[version - 1]];
      const data = codewords(version) - inBlock * count;
      if (bytes + (version < 10 ? 2 : 3) <= data) return { version, level: bits, inBlock, count, data };
    }
  }
  return undefined;
}

// The codewords of a text: data and correction, block by block in turns.
function encoded(bytes, { version, inBlock, count, data }) {
  const bits = [];
  const put = (value, length) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, data * 8 - bits.length));
  put(0, -bits.length & 7);
  for (let pad = 0xec; bits.length < data * 8; pad ^= 0xec ^ 0x11) put(pad, 8);
  const words = Array.from({ length: data }, (_, at) => Number.parseInt(bits.slice(at * 8, at * 8 + 8).join(""), 2));
  const factors = divisor(inBlock);
  const short = Math.floor(data / count);
  const blocks = [];
  for (let block = 0, at = 0; block < count; block++) {
    const length = short + (block >= count - (data % count) ? 1 : 0);
    blocks.push(words.slice(at, at + length));
    at += length;
  }
  const corrections = blocks.map((block) => remainder(block, factors));
  const inTurns = (parts) => Array.from({ length: Math.max(...parts.map((part) => part.length)) }, (_, at) => parts.map((part) => part[at]));
  return [...inTurns(blocks), ...inTurns(corrections)].flat().filter((word) => word !== undefined);
}

// A code without its data: what every code of the version has. `fixed` says which modules are taken.
function empty(version) {
  const size = version * 4 + 17;
  const grid = () => Array.from({ length: size }, () => new Uint8Array(size));
  const code = { size, dark: grid(), fixed: grid() };
  const set = (x, y, isDark) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    code.dark[y][x] = isDark ? 1 : 0;
    code.fixed[y][x] = 1;
  };
  const square = (x, y, radius, isDark) => {
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) set(x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
    }
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, (far) => far !== 2 && far !== 4);
  const places = alignment(version);
  const last = places.length - 1;
  places.forEach((x, i) => {
    places.forEach((y, j) => {
      const isFinder = (i === 0 && (j === 0 || j === last)) || (i === last && j === 0);
      if (!isFinder) square(x, y, 2, (far) => far !== 1);
    });
  });
  if (version >= 7) {
    let rest = version;
    for (let step = 0; step < 12; step++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    for (let bit = 0; bit < 18; bit++) {
      const isDark = (((version << 12) | rest) >>> bit) & 1;
      const [far, near] = [size - 11 + (bit % 3), Math.floor(bit / 3)];
      set(far, near, isDark);
      set(near, far, isDark);
    }
  }
  return { ...code, set };
}

// Writes level and mask beside the finder patterns.
function writeFormat({ size, set }, level, mask) {
  const data = (level << 3) | mask;
  let rest = data;
  for (let step = 0; step < 10; step++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const bit = (at) => (bits >>> at) & 1;
  for (let at = 0; at <= 5; at++) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at++) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at++) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at++) set(8, size - 15 + at, bit(at));
  set(8, size - 8, 1);
}

// Writes the codewords in columns of two, up and down in turns, from the right.
function writeData({ size, dark, fixed }, words) {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const isUp = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = isUp ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y][x] || at >= words.length * 8) continue;
        dark[y][x] = (words[at >>> 3] >>> (7 - (at & 7))) & 1;
        at++;
      }
    }
  }
}

function masked({ size, dark, fixed }, mask) {
  return dark.map((row, y) => row.map((it, x) => (fixed[y][x] ? it : it ^ (MASKS[mask](x, y) === 0 ? 1 : 0))));
}

// How hard a code is to read: long runs, blocks, what looks like a finder pattern, and too much of dark or light.
function penalty(rows) {
  const size = rows.length;
  const text = (row) => row.join("");
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  let sum = 0;
  for (const line of [...rows.map((row) => text([...row])), ...columns.map(text)]) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
    sum += 40 * [...line.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  let darks = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const it = rows[y][x];
      darks += it;
      if (x && y && it === rows[y - 1][x] && it === rows[y][x - 1] && it === rows[y - 1][x - 1]) sum += 3;
    }
  }
  return sum + 10 * Math.floor(Math.abs((darks * 20) / (size * size) - 10));
}

// The rows of the code of a text, dark modules as 1. Undefined: the text is too long for any code.
export function code(text) {
  const bytes = new TextEncoder().encode(text);
  const place = room(bytes.length);
  if (!place) return undefined;
  const made = empty(place.version);
  writeFormat(made, place.level, 0);
  writeData(made, encoded(bytes, place));
  const tried = MASKS.map((_, mask) => {
    writeFormat(made, place.level, mask);
    const rows = masked(made, mask);
    return { rows, penalty: penalty(rows) };
  });
  return tried.reduce((best, next) => (next.penalty < best.penalty ? next : best)).rows;
}

// The picture of a text, in the size in which it can be read from paper. Undefined: the text is too long.
export function picture(text, name) {
  const rows = code(text);
  if (!rows) return undefined;
  const size = rows.length + 2 * QUIET;
  const runs = rows.flatMap((row, y) =>
    [...row.join("").matchAll(/1+/g)].map(({ index, 0: run }) => `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`),
  );
  const width = size * MODULE;
  const attributes = { class: "qr", viewBox: `0 0 ${size} ${size}`, width, height: width, role: "img", "aria-label": name };
  return drawn("svg", attributes, drawn("rect", { width: size, height: size, fill: "#fff" }), drawn("path", { d: runs.join(""), fill: "#000" }));
}
