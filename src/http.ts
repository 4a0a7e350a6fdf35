/**
 * Entry point `tsgi/http`: the rules of HTTP as functions, without a server and without state. The built-in middlewares use
 * them, and yours can too. Everything here runs on any JavaScript runtime.
 *
 * ```ts
 * const encoding = preferredEncoding(environ.HTTP_ACCEPT_ENCODING, ["br", "gzip", "identity"]);
 * const headers = addVary([["Content-Type", "text/html"]], "Accept-Encoding");
 * ```
 */

export { type Cookies, cookies, type SetCookieOptions, setCookie } from "./http/cookies.ts";
export { checkHeaders, isHopByHop, prepareHeaders } from "./http/field-rules.ts";
export { addVary, getHeader, hasHeader, headerPairs, removeHeaders, setHeader } from "./http/headers.ts";
export { preferredEncoding, preferredType } from "./http/negotiation.ts";
export { type Part, partialContent, wantedRanges } from "./http/partial.ts";
export { canonicalPath, canonicalPrefix, parseTarget, type Target } from "./http/path.ts";
export {
  checkPreconditions,
  isRangeOfThis,
  notModifiedHeaders,
  parseDate,
  type Validators,
  type Verdict,
} from "./http/precondition.ts";
export { query } from "./http/query.ts";
export { type ByteRange, coalesce, contentRange, parseRanges } from "./http/range.ts";
export { isNullBody, parseStatus, reasonOf, type Status } from "./http/status.ts";
export { innerUrlOf, isHostField, pathTo, urlOf } from "./http/url.ts";
