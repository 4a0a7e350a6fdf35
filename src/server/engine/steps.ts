/** What the parser finds, and how much it lets a client send. */

/** What a read finds: nothing before more bytes come, a head, a piece of a body, its end, or what is not HTTP. */
export const MORE = 0;
export const HEAD = 1;
export const BODY = 2;
export const END = 3;
export const REFUSED = 4;
export type Step = typeof MORE | typeof HEAD | typeof BODY | typeof END | typeof REFUSED;

/** How much a client may send before its body. `Infinity` means "no limit". */
export interface ParserLimits {
  /** The longest request target, in bytes; 414 beyond it. */
  readonly targetLength: number;
  /** The largest head, and the largest trailer section, in bytes; 431 beyond it. */
  readonly headSize: number;
  /** How many field lines a head, or a trailer section, may have; 431 beyond it. */
  readonly lines: number;
}
