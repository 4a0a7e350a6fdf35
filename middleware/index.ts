/** Entry point `tsgi/middleware`: every middleware. Each is an entry point of its own as well, `tsgi/middleware/<name>`. */

export type { AppWith, RouteApp, RouteParams } from "../src/routing/params.ts";
export {
  type AccessLog,
  type AccessLogEntry,
  type AccessLogFormat,
  type AccessLogOptions,
  accessLog,
  type LogTarget,
} from "./access-log.ts";
export {
  type Balance,
  type Balancer,
  type BalancerCandidate,
  type BalancerOptions,
  type BalancerState,
  type BalancerStatus,
  type BalancerTarget,
  type BalancerTargetStatus,
  balancer,
  type EjectionOptions,
  type ProbeOptions,
} from "./balancer.ts";
export { cascade } from "./cascade.ts";
export { type CompressOptions, type ContentCoding, compress, isCompressible } from "./compress.ts";
export { type ConditionalOptions, type CurrentVersion, conditional } from "./conditional.ts";
export { cors } from "./cors.ts";
export { type DecompressOptions, decompress } from "./decompress.ts";
export { mountTree } from "./dispatcher/mount-tree.ts";
export { type Dispatcher, type DispatcherOptions, dispatcher, type Mounts } from "./dispatcher.ts";
export { type Hosts, hosts } from "./hosts.ts";
export { lint } from "./lint.ts";
export {
  type Metric,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  type MetricType,
  metrics,
  type Series,
} from "./metrics.ts";
export { type ProxyOptions, proxy } from "./proxy.ts";
export { type ProxyFixOptions, type ProxyHeader, proxyFix } from "./proxy-fix.ts";
export { type RangeOptions, range } from "./range.ts";
export { type RequestIdOptions, requestId } from "./request-id.ts";
export { type RouterOptions, type Routes, router } from "./router.ts";
export { type SendFileOptions, sendFile } from "./send-file.ts";
export { type ExportSource, type Exports, type StaticFilesOptions, staticFiles } from "./static-files.ts";
export { type TraceContextOptions, traceContext } from "./trace-context.ts";
export * from "./transform.ts";
export {
  type WebsocketConnection,
  type WebsocketHandlers,
  type WebsocketOptions,
  websocket,
} from "./websocket.ts";
