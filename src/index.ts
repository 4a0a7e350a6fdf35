export {
  type FrameworkApp,
  type FromNodeOptions,
  fromNode,
  type Next,
  type NodeHandler,
} from "./adapters/from-node.ts";
export { type NodeListener, type ToNodeOptions, toNode } from "./adapters/to-node.ts";
export * from "./fetch.ts";
export { type ServeOptions, type Server, serve } from "./server/serve.ts";
