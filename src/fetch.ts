/**
 * Entry point `tsgi/fetch`: all of tsgi that needs no `node:` module, for Workers, Deno, Bun and browsers. Everything else in
 * `tsgi` needs Node.
 */

export { type FetchApp, type FetchHandler, type FromFetchOptions, fromFetch } from "./adapters/from-fetch.ts";
export { type FetchListener, type ToFetchOptions, toFetch } from "./adapters/to-fetch.ts";
export { html, json, notFound, type ResponseOptions, redirect, text } from "./apps.ts";
export { type ReadOptions, readBytes, toRequest } from "./body/input.ts";
export { type FormPart, type MultipartOptions, multipart } from "./body/multipart.ts";
export { readForm, readJson } from "./body/parsed.ts";
export { closeBody, readBody, readText } from "./body/reader.ts";
export { type BodyMap, type ChunkStream, mapBody } from "./body/stream.ts";
export { TsgiError, type TsgiErrorCode, type TsgiErrorDetails } from "./errors.ts";
export { escapeHtml } from "./escape.ts";
export { capture } from "./exchange/capture.ts";
export type * from "./gateway.ts";
export { type Cookies, cookies, type SetCookieOptions, setCookie } from "./http/cookies.ts";
export { addVary, getHeader, hasHeader, removeHeaders, setHeader } from "./http/headers.ts";
export { query } from "./http/query.ts";
export { pathTo, urlOf } from "./http/url.ts";
export { type Stack, stack } from "./stack.ts";
export { type Inner, innerApps, wrapping } from "./wrapping.ts";
