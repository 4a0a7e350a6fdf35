/** What `tsgi precompress` has done. */

import type { Encoding } from "../../../middleware/static-files/variants.ts";

interface Counts {
  made: number;
  /** Bytes of the originals of what was made, and of what was made of them. */
  before: number;
  after: number;
  upToDate: number;
  notSmaller: number;
  failed: number;
}

/** Counts variants by coding, and files that have none. */
export class Tally {
  small = 0;
  otherTypes = 0;
  readonly #codings: ReadonlyMap<Encoding, Counts>;

  constructor(encodings: readonly Encoding[]) {
    this.#codings = new Map(
      encodings.map((encoding) => [encoding, { made: 0, before: 0, after: 0, upToDate: 0, notSmaller: 0, failed: 0 }]),
    );
  }

  of(encoding: Encoding): Counts {
    return this.#codings.get(encoding) as Counts;
  }

  /** A line for each coding, and one for the files that have no variants. `minimum` is in bytes. */
  summary(minimum: number): string {
    const lines = [...this.#codings].map(([encoding, counts]) => `${encoding}: ${summaryOf(counts)}`);
    const skipped = joined([
      [this.small, `${files(this.small)} below ${format(minimum)} bytes`],
      [this.otherTypes, `${files(this.otherTypes)} of other types`],
    ]);
    if (skipped !== "") lines.push(`skipped: ${skipped}`);
    return `${lines.join("\n")}\n`;
  }
}

function summaryOf({ made, before, after, upToDate, notSmaller, failed }: Counts): string {
  const percent = Math.round((100 * after) / before);
  return (
    joined([
      [made, `${files(made)}, ${format(before)} -> ${format(after)} bytes (${percent} %)`],
      [upToDate, `${format(upToDate)} up to date`],
      [notSmaller, `${format(notSmaller)} not smaller`],
      [failed, `${format(failed)} failed`],
    ]) || "nothing to compress"
  );
}

/** The parts that count something. */
function joined(parts: readonly (readonly [count: number, text: string])[]): string {
  return parts.flatMap(([count, text]) => (count === 0 ? [] : [text])).join("; ");
}

function files(count: number): string {
  return `${format(count)} ${count === 1 ? "file" : "files"}`;
}

const { format } = new Intl.NumberFormat("en");
