/**
 * All of tsgi that needs no `node:` module: entry point `tsgi/fetch`, for Workers, Deno, Bun and browsers. What else there is
 * in `tsgi` are servers and handlers of Node.
 */

export { type FetchApp, type FetchHandler, type FromFetchOptions, fromFetch } from "./adapters/from-fetch.ts";
export { type FetchListener, type ToFetchOptions, toFetch } from "./adapters/to-fetch.ts";
export { html, json, notFound, type ResponseOptions, redirect, text } from "./apps.ts";
export { finish, readBody, readText } from "./body.ts";
export { type BodyMap, type ChunkStream, mapBody } from "./body-stream.ts";
export { type Captured, capture } from "./capture.ts";
export { TsgiError, type TsgiErrorDetails } from "./errors.ts";
export type * from "./gateway.ts";
export { addVary, getHeader, hasHeader, removeHeaders, setHeader } from "./headers.ts";
export { escapeHtml } from "./html.ts";
export { type ReadOptions, readBytes, toRequest } from "./input.ts";
export { type Stack, stack } from "./stack.ts";
export { pathTo, urlOf } from "./url.ts";
