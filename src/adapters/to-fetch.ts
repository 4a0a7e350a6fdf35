/** Apps as Fetch handlers. */

import { checkApp } from "../apps.ts";
import type { Peer } from "../exchange/environ.ts";
import { environBuilders } from "../exchange/environ-builders.ts";
import { Responder } from "../exchange/responder.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { isCanonicalTarget } from "../http/path.ts";
import { BOOLEAN, checkOptions, FUNCTION, OBJECT } from "../options.ts";
import { streamInput } from "./to-fetch/input.ts";
import { FetchSink } from "./to-fetch/sink.ts";

/** Options of `toFetch`. */
export interface ToFetchOptions {
  /**
   * The peer's address, from what the runtime passes after the request. Default: what Bun and Deno pass, or the environ that
   * `fromFetch` passes; empty elsewhere. Behind a proxy of your own, read its header here. What it throws is a 500.
   */
  remoteAddress?: (request: Request, ...platform: unknown[]) => string | undefined;
  /**
   * Whether a URL whose path is not spelled canonically is answered with 400. A host routes and guards by the URL as it is, an
   * app by its canonical path: `//admin` and `/%61dmin` pass a guard of the host for `/admin`, and reach what the app has
   * there. Set it where the host guards paths of the app. Default `false`, since links with such spellings exist.
   */
  canonicalOnly?: boolean;
  /** Where error text goes: the environ's `tsgi.errors`. Default `console.error`. */
  errors?: ErrorStream;
  /** Called with each error that is reported, in addition to `errors`. Default: nothing. */
  onError?: (error: unknown, environ: Environ) => void;
}

/** A handler of `Bun.serve`, `Deno.serve`, Workers and routes of Fetch frameworks. */
export type FetchListener = (request: Request, ...platform: unknown[]) => Promise<Response>;

/**
 * `toFetch` makes a Fetch handler of an app.
 *
 * ```ts
 * Deno.serve(toFetch(app));
 * Bun.serve({ fetch: toFetch(app) });
 * export default { fetch: toFetch(app) };
 * ```
 *
 * What the runtime passes after the request, such as the bindings of a Worker, is `environ["tsgi.platform"]`, a list. There is
 * no `inform` and no `trailers`. A body with a `Content-Encoding` is sent as it is, on Workers too. The promise rejects with an
 * `AbortError` where the client left before there was a response, and with the platform's error where a `Response` cannot
 * hold the app's.
 */
export function toFetch(app: App, options: ToFetchOptions = {}): FetchListener {
  checkApp(app, "toFetch");
  checkOptions("toFetch", options, {
    remoteAddress: FUNCTION,
    canonicalOnly: BOOLEAN,
    errors: OBJECT,
    onError: FUNCTION,
  });
  const { remoteAddress, canonicalOnly = false, errors = CONSOLE, onError } = options;
  const builderOf = environBuilders(errors);
  const edge = { onError };

  return function listener(request, ...platform) {
    const url = new URL(request.url);
    const target = targetOf(request.url);
    const lines: [name: string, value: string][] = [...request.headers];
    if (!request.headers.has("Host")) lines.unshift(["host", url.host]);
    const sink = new FetchSink(lines, request.method === "HEAD");
    const responder = new Responder(sink, edge);
    const build = builderOf(url.protocol === "https:" ? "https" : "http", url.hostname, url.port);
    const peer = peerOf(request, platform[0]);
    const isRefused = canonicalOnly && !isCanonicalTarget(target);
    const environ = isRefused ? undefined : build(request.method, target, "HTTP/1.1", lines.flat(), peer, responder);
    if (environ === undefined) return Promise.resolve(new Response("400 Bad Request\n", { status: 400 }));
    if (request.body !== null) environ["tsgi.input"] = streamInput(request);
    if (platform.length > 0) environ["tsgi.platform"] = platform;
    // What some hosts of tests pass has none.
    if (request.signal) sink.leaveWith(request.signal);
    if (remoteAddress === undefined) responder.run(app, environ);
    else {
      responder.run((given, startResponse) => {
        const address = remoteAddress(request, ...platform) ?? "";
        return app({ ...given, REMOTE_ADDR: address, REMOTE_PORT: "" }, startResponse);
      }, environ);
    }
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

/** What Deno passes, what Bun passes, and what `fromFetch` passes. */
interface Platform extends Partial<Pick<Environ, "tsgi.version" | "REMOTE_ADDR" | "REMOTE_PORT">> {
  readonly remoteAddr?: { readonly hostname?: string; readonly port?: number };
  requestIP?(request: Request): { readonly address: string; readonly port?: number } | null;
}

function peerOf(request: Request, given: unknown): Peer {
  const platform = (typeof given === "object" && given !== null ? given : {}) as Platform;
  if (platform["tsgi.version"] !== undefined) {
    return { address: platform.REMOTE_ADDR ?? "", port: platform.REMOTE_PORT ?? "" };
  }
  const { address, port } = addressOf(request, platform);
  return { address: address ?? "", port: port === undefined ? "" : String(port) };
}

function addressOf(request: Request, platform: Platform): { address?: string | undefined; port?: number | undefined } {
  const { remoteAddr } = platform;
  if (remoteAddr !== undefined) return { address: remoteAddr.hostname, port: remoteAddr.port };
  return (typeof platform.requestIP === "function" ? platform.requestIP(request) : undefined) ?? {};
}
