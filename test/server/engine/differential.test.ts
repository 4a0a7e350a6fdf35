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
import { shrink } from "../../support/shrink.ts";
import { compare, comparePieces, everyCut, type Verdict } from "../../support/verdict.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 20_000);
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
