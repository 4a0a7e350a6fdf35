/**
 * Mutated requests, read by our parser and by Node's: what both read is the same, in whatever pieces it comes, and where they
 * are meant to differ is listed. `TSGI_FUZZ` is the number of inputs, `TSGI_FUZZ_SEED` the first seed; a run with one of them
 * tells how many inputs differ, and how.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SEEDS } from "../../support/fuzz-seeds.ts";
import { mutatedRequest } from "../../support/mutate.ts";
import { Random } from "../../support/random.ts";
import { readOurs } from "../../support/readings.ts";
import { shrink } from "../../support/shrink.ts";
import { compare, comparePieces, everyCut, type Verdict } from "../../support/verdict.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 10_000);
const SEED = Number(process.env.TSGI_FUZZ_SEED ?? 1);
const isByHand = process.env.TSGI_FUZZ !== undefined || process.env.TSGI_FUZZ_SEED !== undefined;

/** What Node leaves for a later turn is done after so many inputs. */
const BATCH = 500;

function shown(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

/** Fails for a fault, with the shortest input that has it. */
function check(verdict: Verdict, text: string, name: string, again: (text: string) => Verdict): void {
  if (!verdict.isFault) return;
  const isSame = (candidate: string): boolean => {
    const { isFault, what } = again(candidate);
    return isFault && what === verdict.what;
  };
  assert.fail(`${name}: ${verdict.what}\n${shown(shrink(text, isSame))}\nfrom ${shown(text.slice(0, 2000))}`);
}

/** Cuts a text anywhere, or everywhere. */
function randomCuts(text: string, random: Random): number[] {
  if (random.chance(0.25)) return everyCut(text);
  const cuts = Array.from({ length: random.below(4) + 1 }, () => random.below(text.length + 1));
  return cuts.sort((one, other) => one - other);
}

/** Each single cut, and all at once. */
function comparedAnyhow(text: string): Verdict {
  const all = everyCut(text);
  for (const cuts of [all, ...all.map((cut) => [cut])]) {
    const verdict = comparePieces(text, cuts);
    if (verdict.isFault) return verdict;
  }
  return { isFault: false, what: "alike" };
}

test("differential: requests that are not mutated are read alike, cut anywhere", () => {
  for (const [index, text] of SEEDS.entries()) {
    check(compare(text), text, `request ${index}`, compare);
    check(comparedAnyhow(text), text, `request ${index}`, comparedAnyhow);
  }
});

test("differential: heads longer than all that was read before are read alike", () => {
  for (const [length, count] of [
    [30, 300],
    [300, 300],
    [150_000, 1],
  ] as const) {
    const head = `GET / HTTP/1.1\r\nHost: a\r\n${`X: ${"y".repeat(length)}\r\n`.repeat(count)}\r\n`;
    const text = head + SEEDS[0];
    check(compare(text), text, `${count} lines of ${length}`, compare);
    const cuts = [1, 20, 1000, 5000, 5001, 70_000, head.length - 1].filter((cut) => cut < text.length);
    check(comparePieces(text, cuts), text, `${count} lines of ${length} in pieces`, comparedAnyhow);
  }
});

test("differential: extensions of chunks that are too long in all are refused", () => {
  const chunk = `1;${"x".repeat(1000)}\r\ny\r\n`;
  for (const [count, end] of [
    [16, "more"],
    [17, "413 Content Too Large"],
  ] as const) {
    const text = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(count)}0\r\n\r\n`;
    assert.equal(readOurs(text).end, end);
  }
});

test(`differential: ${COUNT} mutated requests are read alike, in any pieces`, async (t) => {
  const counts = new Map<string, number>();
  for (let index = 0; index < COUNT; index++) {
    const seed = SEED + index;
    const random = new Random(seed);
    const text = mutatedRequest(random);
    const verdict = compare(text);
    counts.set(verdict.what, (counts.get(verdict.what) ?? 0) + 1);
    check(verdict, text, `seed ${seed}`, compare);
    const cuts = randomCuts(text, random);
    check(
      comparePieces(text, cuts),
      text,
      `seed ${seed}, cut ${cuts.length > 4 ? "everywhere" : `at ${cuts}`}`,
      comparedAnyhow,
    );
    if (index % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!isByHand) return;
  for (const [what, count] of [...counts].sort()) t.diagnostic(`${String(count).padStart(8)} ${what}`);
});
