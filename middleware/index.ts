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
export { asyncContext, currentEnviron } from "./async-context.ts";
export {
  type Balance,
  type Balancer,
  type BalancerCandidate,
  type BalancerEvent,
  type BalancerOptions,
  type BalancerPercentiles,
  type BalancerSource,
  type BalancerState,
  type BalancerStatus,
  type BalancerTarget,
  type BalancerTargetStatus,
  type BalancerTargets,
  balancer,
  type DnsAddress,
  type DnsResolver,
  type DnsService,
  type DnsTargetsOptions,
  type DrainOptions,
  dnsTargets,
  type EjectionOptions,
  type ProbeOptions,
  type ProbeRecord,
  type StickyOptions,
} from "./balancer.ts";
export { type BasicAuthOptions, basicAuth } from "./basic-auth.ts";
export { type BearerClaims, type BearerKeys, type BearerOptions, bearer, claimsOf } from "./bearer.ts";
export { type BodyLimitOptions, bodyLimit } from "./body-limit.ts";
export {
  type CacheEntry,
  type CacheOptions,
  type CacheStore,
  cache,
  type MemoryCacheStoreOptions,
  memoryCacheStore,
  type RedisCacheClient,
  type RedisCacheStoreOptions,
  redisCacheStore,
} from "./cache.ts";
export { cascade } from "./cascade.ts";
export { type CompressOptions, type ContentCoding, compress, isCompressible } from "./compress.ts";
export { type ConcurrencyLimitOptions, concurrencyLimit } from "./concurrency-limit.ts";
export { type ConditionalOptions, type CurrentVersion, conditional } from "./conditional.ts";
export { type ContentLengthOptions, contentLength } from "./content-length.ts";
export { type CorsOptions, cors } from "./cors.ts";
export { type CsrfOptions, csrf } from "./csrf.ts";
export { type DecompressOptions, decompress } from "./decompress.ts";
export { mountTree } from "./dispatcher/mount-tree.ts";
export { type Dispatcher, type DispatcherOptions, dispatcher, type Mounts } from "./dispatcher.ts";
export { type ErrorPagesOptions, errorPages, type Pages } from "./error-pages.ts";
export { except } from "./except.ts";
export { type FailoverOptions, failover } from "./failover.ts";
export { type FaviconOptions, favicon } from "./favicon.ts";
export { head } from "./head.ts";
export { type Hosts, hosts } from "./hosts.ts";
export { type HttpsRedirectOptions, httpsRedirect } from "./https-redirect.ts";
export { type InjectOptions, inject, type Markup } from "./inject.ts";
export { type IpFilterOptions, ipFilter } from "./ip-filter.ts";
export { lint } from "./lint.ts";
export { type MaintenanceOptions, maintenance } from "./maintenance.ts";
export { type MethodOverrideOptions, methodOverride } from "./method-override.ts";
export {
  type Metric,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  type MetricType,
  metrics,
  type Series,
} from "./metrics.ts";
export { type MirrorOptions, mirror } from "./mirror.ts";
export { type Problem, type ProblemDetailsOptions, problemDetails } from "./problem-details.ts";
export { type ProxyApp, type ProxyOptions, proxy } from "./proxy.ts";
export { type ProxyFixOptions, type ProxyHeader, proxyFix } from "./proxy-fix.ts";
export { type RangeOptions, range } from "./range.ts";
export { type RateLimiter, type RateLimiterResult, type RateLimitOptions, rateLimit } from "./rate-limit.ts";
export { type RequestIdOptions, requestId } from "./request-id.ts";
export { type ContentOptions, type HtmlElement, type HtmlHandler, rewriteHtml } from "./rewrite-html.ts";
export { type RewriteLinksOptions, rewriteLinks } from "./rewrite-links.ts";
export { type RouterOptions, type Routes, router } from "./router.ts";
export { type CspValues, type SecureHeadersOptions, secureHeaders } from "./secure-headers.ts";
export { type SendFileOptions, sendFile } from "./send-file.ts";
export { type ServerTimingOptions, serverTiming, type Timings, timings } from "./server-timing.ts";
export {
  type MemorySessionStoreOptions,
  memorySessionStore,
  type RedisSessionClient,
  type RedisSessionStoreOptions,
  redisSessionStore,
  type Session,
  type SessionOptions,
  type SessionStore,
  session,
  sessionOf,
} from "./session.ts";
export { type HeaderSetting, setHeaders } from "./set-headers.ts";
export { type ShedOptions, shed } from "./shed.ts";
export { type SseEvent, type SseEvents, type SseOptions, type SseSource, sse } from "./sse.ts";
export { type ExportSource, type Exports, type StaticFilesOptions, staticFiles } from "./static-files.ts";
export { type TimeoutOptions, timeout } from "./timeout.ts";
export { type TraceContextOptions, traceContext } from "./trace-context.ts";
export { type TrailingSlashOptions, trailingSlash } from "./trailing-slash.ts";
export * from "./transform.ts";
export { type TrustedHostsOptions, trustedHosts } from "./trusted-hosts.ts";
export {
  type WebsocketConnection,
  type WebsocketHandlers,
  type WebsocketOptions,
  websocket,
} from "./websocket.ts";
export { type Predicate, when } from "./when.ts";
