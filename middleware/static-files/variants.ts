/** What `tsgi precompress` shares with `staticFiles`: which files are served, which variants they have, and their versions. */

export { mayName } from "./file-name.ts";
export { mediaTypes } from "./media-type.ts";
export { type Encoding, isCurrent, isEncoding, VARIANTS, variantPath } from "./variant.ts";
export { isJustWritten, TICK, versionOf } from "./version.ts";
