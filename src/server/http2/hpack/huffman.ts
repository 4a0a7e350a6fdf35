/** The Huffman code of HPACK (RFC 7541 §5.2, Appendix B). */

/**
 * How many bits the code of each byte has, and last that of the end of a string, which never occurs in one. The code is
 * canonical: those of one length follow each other in the order of the bytes, and each length goes on where the last one ended.
 */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];

const END = 256;
const LONGEST = 30;

/** The last bits of a string may be the first ones of the code of its end, but not as many as a byte. */
const MOST_PADDING = 7;

/** Four bits are read at a time: no code is shorter, so they complete at most one. */
const NIBBLES = 16;
const NOTHING = -1;
const WRONG = -2;

/** For each state, which is a node of the code's tree, and each four bits: the state after them. */
const next = new Uint8Array(END * NIBBLES);
/** What they complete: a byte, `NOTHING` or `WRONG`. */
const completed = new Int16Array(END * NIBBLES).fill(NOTHING);
/** Whether a string may end in a state. */
const mayEnd = new Uint8Array(END);

type Node = { zero?: Node | number; one?: Node | number; state: number };

/** The tree is gone when the tables are made. */
function makeTables(): void {
  const nodes: Node[] = [{ state: 0 }];
  let code = 0;
  for (let length = 1; length <= LONGEST; length++) {
    code *= 2;
    for (const [symbol, own] of LENGTHS.entries()) if (own === length) addCode(nodes, code++, length, symbol);
  }
  let node: Node | number | undefined = nodes[0];
  for (let bits = 0; bits <= MOST_PADDING && typeof node === "object"; bits++) {
    mayEnd[node.state] = 1;
    node = node.one;
  }
  for (const from of nodes) for (let nibble = 0; nibble < NIBBLES; nibble++) addStep(nodes[0] as Node, from, nibble);
}

function addCode(nodes: Node[], code: number, length: number, symbol: number): void {
  let node = nodes[0] as Node;
  for (let bit = length - 1; bit > 0; bit--) {
    const side = (code >> bit) & 1 ? "one" : "zero";
    let child = node[side];
    if (typeof child !== "object") {
      child = { state: nodes.length };
      nodes.push(child);
      node[side] = child;
    }
    node = child;
  }
  node[code & 1 ? "one" : "zero"] = symbol;
}

function addStep(root: Node, from: Node, nibble: number): void {
  const index = from.state * NIBBLES + nibble;
  let node = from;
  for (let bit = 3; bit >= 0; bit--) {
    const child = (nibble >> bit) & 1 ? node.one : node.zero;
    if (typeof child === "object") node = child;
    else {
      completed[index] = child === undefined || child === END ? WRONG : child;
      node = root;
    }
  }
  next[index] = node.state;
}

makeTables();

/** The shortest code has five bits. */
let decoded = Buffer.allocUnsafe(1024);

/** decodeHuffman gives the text of a part of bytes, each byte a character; undefined where it is not one (RFC 7541 §5.2). */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  if (decoded.length < 2 * (end - start)) decoded = Buffer.allocUnsafe(4 * (end - start));
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const index = state * NIBBLES + ((byte >> shift) & 15);
      const symbol = completed[index] as number;
      if (symbol >= 0) decoded[length++] = symbol;
      else if (symbol === WRONG) return undefined;
      state = next[index] as number;
    }
  }
  return mayEnd[state] === 1 ? decoded.toString("latin1", 0, length) : undefined;
}
