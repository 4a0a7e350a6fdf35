/** A session as it is kept, in a cookie or in a store: two times and its content as JSON. */

/** Names with their values, and messages that wait to be read. */
export interface Content {
  readonly values: Map<string, unknown>;
  readonly messages: Map<string, unknown>;
}

export interface Kept {
  /** When it began, in milliseconds since 1970. */
  readonly created: number;
  /** When it was last written. */
  readonly touched: number;
  /** Its content. */
  readonly json: string;
}

export function writeKept({ created, touched, json }: Kept): string {
  return `${created},${touched},${json}`;
}

/** Undefined for what is not one. */
export function readKept(text: string): Kept | undefined {
  const first = text.indexOf(",");
  const second = text.indexOf(",", first + 1);
  const created = Number(text.slice(0, first));
  const touched = Number(text.slice(first + 1, second));
  if (first < 1 || second < 0 || !Number.isSafeInteger(created) || !Number.isSafeInteger(touched)) return undefined;
  return { created, touched, json: text.slice(second + 1) };
}

/** The content as lists of pairs: no name can be taken for a member of an object. */
export function writeContent({ values, messages }: Content): string {
  return JSON.stringify(messages.size === 0 ? [[...values]] : [[...values], [...messages]]);
}

/** Undefined for what is not a content: whoever can write to a store can write anything. */
export function readContent(json: string): Content | undefined {
  try {
    const [values, messages = []] = JSON.parse(json) as [[string, unknown][], [string, unknown][]?];
    return { values: new Map(values), messages: new Map(messages) };
  } catch {
    return undefined;
  }
}

/** What is kept now, with what one request has changed since it was read: what another has changed meanwhile stays. */
export function merged(read: Content, mine: Content, now: Content): Content {
  return {
    values: mergedMap(read.values, mine.values, now.values),
    messages: mergedMap(read.messages, mine.messages, now.messages),
  };
}

function mergedMap(
  read: ReadonlyMap<string, unknown>,
  mine: ReadonlyMap<string, unknown>,
  now: ReadonlyMap<string, unknown>,
): Map<string, unknown> {
  const result = new Map(now);
  for (const name of new Set([...read.keys(), ...mine.keys()])) {
    if (JSON.stringify(read.get(name)) === JSON.stringify(mine.get(name))) continue;
    if (mine.has(name)) result.set(name, mine.get(name));
    else result.delete(name);
  }
  return result;
}
