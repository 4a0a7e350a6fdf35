/** The names of header fields by the keys that environs have them under. */

import { BoundedMap } from "../bounded-map.ts";

/** Clients choose the names of headers. */
const names = new BoundedMap<string, string>(1000);

/** headerName gives the usual name of a field: `User-Agent` for `HTTP_USER_AGENT`, `Content-Type` for `CONTENT_TYPE`. */
export function headerName(key: string): string {
  return names.get(key) ?? learn(key);
}

function learn(key: string): string {
  const words = key
    .replace(/^HTTP_/, "")
    .toLowerCase()
    .split("_");
  const name = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("-");
  names.set(key, name);
  return name;
}
