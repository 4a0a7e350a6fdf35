export { html, json, notFound, type ResponseOptions, redirect, text } from "./apps.ts";
export { finish, mapBody, readBody, readText } from "./body.ts";
export { TsgiError, type TsgiErrorDetails } from "./errors.ts";
export type * from "./gateway.ts";
export { addVary, getHeader, hasHeader, removeHeaders, setHeader } from "./headers.ts";
export { type ReadOptions, readBytes, toRequest } from "./input.ts";
export { type ServeOptions, type Server, serve } from "./server/serve.ts";
export { pathTo, urlOf } from "./url.ts";
