/** Entry point `tsgi`: the contract, `serve`, ready-made apps, `stack`, and the adapters. */

export { type CgiOptions, cgi } from "./adapters/cgi.ts";
export { type FastcgiAddress, type FastcgiOptions, fastcgi } from "./adapters/fastcgi.ts";
export {
  type FrameworkApp,
  type FromNodeOptions,
  fromNode,
  type Next,
  type NodeHandler,
  type UpgradeEmitter,
  type UpgradeListener,
} from "./adapters/from-node.ts";
export { type NodeListener, type ToNodeOptions, toNode } from "./adapters/to-node.ts";
export { type Duration, defineConfig, type Size, type TsgiConfig } from "./config.ts";
export * from "./fetch.ts";
export type { HeadSent, RequestEnded, RequestFailed, RequestRefused, RequestStarted } from "./server/engine/events.ts";
export {
  type CloseOptions,
  type ListenOptions,
  type ProxyProtocolOptions,
  type ServeOptions,
  type Server,
  serve,
  type TlsCertificate,
  type TlsCertificates,
  type TlsOptions,
  type TlsPolicy,
} from "./server/serve.ts";
export type { Beat } from "./supervisor/messages.ts";
export type { Outcome } from "./supervisor/slot.ts";
export type { Status, SupervisorState, WorkerStatus } from "./supervisor/status.ts";
export {
  type Supervised,
  type SuperviseOptions,
  supervise,
  type WorkerServeOptions,
} from "./supervisor/supervise.ts";
