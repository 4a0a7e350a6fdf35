export {
  type FrameworkApp,
  type FromNodeOptions,
  fromNode,
  type Next,
  type NodeHandler,
} from "./adapters/from-node.ts";
export { type NodeListener, type ToNodeOptions, toNode } from "./adapters/to-node.ts";
export { html, json, notFound, type ResponseOptions, redirect, text } from "./apps.ts";
export { finish, readBody, readText } from "./body.ts";
export { type BodyMap, type ChunkStream, mapBody } from "./body-stream.ts";
export { type Captured, capture } from "./capture.ts";
export { TsgiError, type TsgiErrorDetails } from "./errors.ts";
export type * from "./gateway.ts";
export { addVary, getHeader, hasHeader, removeHeaders, setHeader } from "./headers.ts";
export { escapeHtml } from "./html.ts";
export { type ReadOptions, readBytes, toRequest } from "./input.ts";
export { type ServeOptions, type Server, serve } from "./server/serve.ts";
export { type Stack, stack } from "./stack.ts";
export { pathTo, urlOf } from "./url.ts";
