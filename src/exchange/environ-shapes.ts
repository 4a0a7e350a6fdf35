/**
 * What is known of a set of header names before the values are: which environ key each has, and an object with these keys.
 *
 * An object that is given more than about a dozen computed keys falls into V8's dictionary mode, and every copy of it then
 * costs 1 to 15 µs. So a set of header names gets a template, made by `JSON.parse`, which stays in fast mode; a request
 * clones it and assigns the values. Making one costs ten times that, and clients may send new sets with each request, so
 * it is made when a set has come a few times.
 */

/** The environ key of a header. */
export type HeaderKey = `HTTP_${string}` | "CONTENT_TYPE" | "CONTENT_LENGTH";

/** How the header lines of a request become keys of its environ. */
export interface HeaderOutline {
  /** For each line the environ key that its value is assigned to; undefined for one that is dropped or joined to another. */
  readonly keys: readonly (HeaderKey | undefined)[];
  /** The keys of list fields that occur more than once. */
  readonly repeats: readonly Repeat[];
  /** Whether a field that must not occur twice does: a 400. */
  readonly malformed: boolean;
}

interface Repeat {
  readonly key: HeaderKey;
  /** Which of the lines have it. */
  readonly at: number[];
  readonly separator: string;
}

/** The outline of a set of header names in the order in which a client sends them, with a template. */
export interface HeaderShape extends HeaderOutline {
  readonly names: readonly string[];
  /** An object with all keys of the environ, and null for the values that differ. */
  readonly template: Readonly<Record<string, unknown>>;
  /** How many requests had it, minus how many shapes came since; at most `MOST_USES`. */
  uses: number;
}

/** How many shapes are kept for each number of header lines, and up to which number. */
const SHAPES_PER_COUNT = 16;
const LONGEST_SHAPE = 50;
/** A shape that is not in use any more outlasts at most as many new ones. */
const MOST_USES = 1000;
/** How many sets of names are counted that have no shape yet, as a power of two. */
const COUNTED_BITS = 10;
/** How often a set comes without a shape. */
const WITHOUT_SHAPE = 7;

/** The shapes that clients send again and again: at most 800, however many they send. */
export class HeaderShapes {
  readonly #constants: Readonly<Record<string, unknown>>;
  readonly #byCount: HeaderShape[][] = Array.from({ length: LONGEST_SHAPE + 1 }, () => []);
  readonly #counted = new Uint32Array(2 ** COUNTED_BITS);
  readonly #counts = new Uint8Array(2 ** COUNTED_BITS);

  /** `constants` is what every environ has. */
  constructor(constants: Readonly<Record<string, unknown>>) {
    this.#constants = constants;
  }

  /** How many shapes are kept. */
  get size(): number {
    return this.#byCount.reduce((size, shapes) => size + shapes.length, 0);
  }

  /** The shape of header lines, name and value in turn; undefined the first times, and for more lines than are kept. */
  find(lines: readonly string[]): HeaderShape | undefined {
    const shapes = this.#byCount[lines.length / 2];
    if (shapes === undefined) return undefined;
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index] as HeaderShape;
      if (!fits(shape.names, lines)) continue;
      if (shape.uses < MOST_USES) shape.uses++;
      return shape;
    }
    return this.#isUsual(lines) ? this.#learn(shapes, lines) : undefined;
  }

  /** Whether a set of names came a few times before, for all that is remembered of it; counts it. */
  #isUsual(lines: readonly string[]): boolean {
    const hash = hashOfNames(lines);
    // The upper bits are the ones that every character reaches.
    const slot = hash >>> (32 - COUNTED_BITS);
    if (this.#counted[slot] !== hash) {
      this.#counted[slot] = hash;
      this.#counts[slot] = 0;
    }
    return (this.#counts[slot] as number)++ >= WITHOUT_SHAPE;
  }

  /** A new shape takes the place of the one used least, so that shapes in use are not driven out. */
  #learn(shapes: HeaderShape[], lines: readonly string[]): HeaderShape {
    const outline = outlineOf(lines);
    const fields = [...Object.keys(this.#constants), ...outline.keys.filter((key) => key !== undefined)];
    const template = JSON.parse(`{${fields.map((field) => `${JSON.stringify(field)}:null`).join()}}`);
    const names = lines.filter((_, index) => index % 2 === 0);
    const shape = { ...outline, names, template: Object.assign(template, this.#constants), uses: 1 };
    if (shapes.length < SHAPES_PER_COUNT) shapes.push(shape);
    else replaceLeastUsed(shapes, shape);
    return shape;
  }
}

/** The uses of the others go down, so that what is not in use any more is replaced in time. */
function replaceLeastUsed(shapes: HeaderShape[], shape: HeaderShape): void {
  const least = shapes.reduce((one, other) => (other.uses < one.uses ? other : one));
  for (const each of shapes) each.uses--;
  shapes[shapes.indexOf(least)] = shape;
}

function fits(names: readonly string[], lines: readonly string[]): boolean {
  for (let index = 0; index < names.length; index++) {
    if (names[index] !== lines[2 * index]) return false;
  }
  return true;
}

/** FNV-1a. Two sets with the same hash only get a template too early. */
function hashOfNames(lines: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (let line = 0; line < lines.length; line += 2) {
    const name = lines[line] as string;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    hash = Math.imul(hash ^ 0x3a, 0x01000193);
  }
  return hash >>> 0;
}

/** Fields that decide who gets in or how the body is read. Two of them are two opinions (RFC 9110 §5.3): a 400. */
const NEVER_TWICE: ReadonlySet<string> = new Set([
  "CONTENT_LENGTH",
  "CONTENT_TYPE",
  "HTTP_AUTHORIZATION",
  "HTTP_HOST",
  "HTTP_ORIGIN",
  "HTTP_PROXY_AUTHORIZATION",
]);

/** The other fields of requests that have one value, of which joined ones would be none: the first counts, as in Node. */
const FIRST_COUNTS: ReadonlySet<string> = new Set([
  "HTTP_FROM",
  "HTTP_IF_MODIFIED_SINCE",
  "HTTP_IF_UNMODIFIED_SINCE",
  "HTTP_MAX_FORWARDS",
  "HTTP_REFERER",
  "HTTP_USER_AGENT",
]);

/** Outlines header lines, name and value in turn. */
export function outlineOf(lines: readonly string[]): HeaderOutline {
  const keys: (HeaderKey | undefined)[] = [];
  const firsts = new Map<string, number>();
  const repeats = new Map<HeaderKey, Repeat>();
  let malformed = false;
  for (let index = 0; index < lines.length / 2; index++) {
    const key = environKey(lines[2 * index] as string);
    const first = key === undefined ? undefined : firsts.get(key);
    if (key === undefined || first === undefined) {
      keys.push(key);
      if (key !== undefined) firsts.set(key, index);
      continue;
    }
    keys.push(undefined);
    if (NEVER_TWICE.has(key)) malformed = true;
    else if (!FIRST_COUNTS.has(key)) {
      const repeat = repeats.get(key) ?? { key, at: [first], separator: key === "HTTP_COOKIE" ? "; " : ", " };
      repeat.at.push(index);
      repeats.set(key, repeat);
    }
  }
  return { keys, repeats: [...repeats.values()], malformed };
}

/** The environ key of a header name; undefined for a name with an underscore, which could pass for another header. */
function environKey(name: string): HeaderKey | undefined {
  if (name.includes("_")) return undefined;
  const key = name.toUpperCase().replaceAll("-", "_");
  return key === "CONTENT_TYPE" || key === "CONTENT_LENGTH" ? key : `HTTP_${key}`;
}
