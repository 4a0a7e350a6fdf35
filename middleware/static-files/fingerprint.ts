/**
 * Names that bundlers make from a hash of the content. A name that is not recognised costs requests that ask whether the file
 * has changed; one that only looks so is kept by browsers for a year. So a word, a date or an identifier is not a fingerprint.
 */

/** Whether a path has a fingerprint as Vite, Rollup, esbuild, webpack, Parcel and asset pipelines give them. */
export function isFingerprinted(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (PAGE.test(name)) return false;
  const isInAssets = ASSETS.test(path);
  const isBuilt = isInAssets || BUILT.test(name);
  return hasHexHash(name, isBuilt) || (isBuilt && hasMixedHash(name, isInAssets));
}

/** Pages keep their names. */
const PAGE = /\.html?$/i;

/** Extensions that only a build makes; images and documents may be uploaded under any name. */
const BUILT = /\.(?:[cm]?js|css|wasm|woff2?|ttf|otf|eot)(?:\.map)?$/i;

/** Folders that bundlers put nothing but such files into. */
const ASSETS = /\/(?:assets|_astro|_nuxt|_app\/immutable|_next\/static|static\/(?:css|js|media))\//;

/** Up to three extensions after the hash: `.min.js.map`. */
const HEX = /(^|[.\-_])((?=[\da-f]*\d)(?=[\da-f]*[a-f])[\da-f]{8,64})(?:\.[a-z][a-z\d]{0,9}){1,3}$/i;
const MIXED = /(^|[.-])([\w-]{8})(?:\.[a-z][a-z\d]{0,9}){1,3}$/i;

/** Lengths of hexadecimal hashes: cut ones of 8 to 20 digits, whole ones of 32, 40 and 64. Identifiers of objects have 24. */
const HEX_LENGTHS: ReadonlySet<number> = new Set([8, 10, 12, 16, 20, 32, 40, 64]);

const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\./i;

/** As a whole name, a long hash counts for what a build makes only: other files may be called by an identifier. */
function hasHexHash(name: string, isBuilt: boolean): boolean {
  const [, separator, hash = ""] = HEX.exec(name) ?? [];
  if (!HEX_LENGTHS.has(hash.length) || UUID.test(name)) return false;
  return separator !== "" || hash.length === WEBPACK_LENGTH || (isBuilt && hash.length > 12);
}

/** No identifier that is in use has it. */
const WEBPACK_LENGTH = 20;

/** Letters, digits, `-` and `_` as Vite and Rollup have them, or the capitals and digits of esbuild. */
function hasMixedHash(name: string, isInAssets: boolean): boolean {
  const [, separator, hash = ""] = MIXED.exec(name) ?? [];
  if (hash === "" || (separator === "" && !isInAssets)) return false;
  const pieces = hash.match(PIECE) ?? [];
  if (pieces.length >= 5) return true;
  const isSure = isInAssets && BUILT.test(name);
  const strange = strangePairs(hash);
  if (isSure && strange >= 2) return true;
  if (/^[A-Z2-7]+$/.test(hash)) return pieces.length >= 3 || strange >= 3 - pieces.length;
  if (!/[A-Z]/.test(hash)) return pieces.length >= 4 || (isSure && pieces.length > 1 && strange > 0);
  if (!/[a-z]/.test(hash)) return strange >= 3;
  if (strange >= 4 || (pieces.length >= 4 && strange > 0) || (isSure && pieces.length >= 3)) return true;
  // Capitals may be an abbreviation, which has any pairs.
  const inWords = pieces.reduce((sum, piece) => sum + (/[a-z]{2}/.test(piece) ? strangePairs(piece) : 0), 0);
  return inWords > (pieces.length === 1 ? 1 : 0);
}

/** What a name made of words and numbers consists of: `Dev`, `Tools`, `2`. */
const PIECE = /[A-Z]?[a-z]+|[A-Z]+|\d+|[-_]/g;

/** Pairs of letters that hardly any English word has; counted over the documentation of some hundred packages. */
const STRANGE =
  /(?=a[eoq]|b[fghkpqvwxz]|c[bfgjnqvwxz]|d[kpqtxz]|ez|f[bcdghjkmnpqvwxz]|g[bcdfjkqvwxz]|h[bcdfghjkpqvwxz]|i[hijqwy]|j[^aeiosu]|k[^aeinorstu]|l[ghjqrwxz]|m[fghjknqtvwxz]|n[qwx]|oq|p[bfjknqvwxz]|q[^u]|r[jqxz]|s[gjxz]|t[jkqvxz]|u[hjquvwxy]|v[^aeios]|w[^aehilnors]|x[^aceipt]|y[dfghjkqrvwxyz]|z[^aeiz])[a-z](?=[a-z])/gi;

function strangePairs(text: string): number {
  return text.match(STRANGE)?.length ?? 0;
}
