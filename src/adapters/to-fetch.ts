/** Apps as Fetch handlers. */

import { checkApp } from "../apps.ts";
import type { Peer } from "../exchange/environ.ts";
import { environBuilders } from "../exchange/environ-builders.ts";
import { Responder } from "../exchange/responder.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { StreamInput } from "./to-fetch/input.ts";
import { FetchSink } from "./to-fetch/sink.ts";

export interface ToFetchOptions {
  /**
   * The peer's address, from what the runtime passes beside the request. Default: what Bun and Deno pass; empty elsewhere.
   * Behind a proxy of your own, read its header here.
   */
  remoteAddress?: (request: Request, ...platform: unknown[]) => string | undefined;
  /** Where error text goes, the environ's `tsgi.errors`. Default `console.error`. */
  errors?: ErrorStream;
  /** Told each error that is reported, beside `errors`. */
  onError?: (error: unknown, environ: Environ) => void;
}

/** A handler of `Bun.serve`, `Deno.serve`, Workers and routes of Fetch frameworks. */
export type FetchListener = (request: Request, ...platform: unknown[]) => Promise<Response>;

/**
 * An app as a Fetch handler.
 *
 * ```ts
 * Deno.serve(toFetch(app));
 * Bun.serve({ fetch: toFetch(app) });
 * export default { fetch: toFetch(app) };
 * ```
 *
 * What the runtime passes beside the request, as the bindings of a Worker, is `environ["tsgi.platform"]`, a list. There is no
 * `inform` and no `trailers`. Rejects with an `AbortError` where the client went away before there was a response.
 */
export function toFetch(
  app: App,
  { remoteAddress = peerAddress, errors = CONSOLE, onError }: ToFetchOptions = {},
): FetchListener {
  checkApp(app, "toFetch");
  const builderOf = environBuilders(errors);
  const edge = { onError };

  return function listener(request, ...platform) {
    const url = new URL(request.url);
    const lines: [name: string, value: string][] = [...request.headers];
    if (!request.headers.has("Host")) lines.unshift(["host", url.host]);
    const sink = new FetchSink(lines);
    const responder = new Responder(sink, edge);
    const peer: Peer = { address: remoteAddress(request, ...platform) ?? "", port: "" };
    const build = builderOf(url.protocol === "https:" ? "https" : "http", url.hostname, url.port);
    const environ = build(request.method, targetOf(request.url), "HTTP/1.1", lines.flat(), peer, responder);
    if (environ === undefined) return Promise.resolve(new Response("400 Bad Request\n", { status: 400 }));
    if (request.body !== null) environ["tsgi.input"] = new StreamInput(request);
    if (platform.length > 0) environ["tsgi.platform"] = platform;
    const { signal } = request;
    if (signal.aborted) sink.leave();
    else signal.addEventListener("abort", () => sink.leave());
    responder.run(app, environ);
    return sink.response;
  };
}

const CONSOLE: ErrorStream = { write: (text) => console.error(text.replace(/\n$/, "")) };

/** Path and query of a URL that is absolute. */
function targetOf(url: string): string {
  const target = url.slice(url.indexOf("/", url.indexOf("//") + 2));
  const fragment = target.indexOf("#");
  return fragment < 0 ? target : target.slice(0, fragment);
}

/** What Deno passes, and what Bun passes. */
interface Platform {
  readonly remoteAddr?: { readonly hostname?: string };
  requestIP?(request: Request): { readonly address: string } | null;
}

function peerAddress(request: Request, platform?: unknown): string | undefined {
  const { remoteAddr, requestIP } = (typeof platform === "object" && platform !== null ? platform : {}) as Platform;
  return remoteAddr?.hostname ?? requestIP?.call(platform, request)?.address;
}
