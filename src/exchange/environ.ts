/** Builds environs. A server makes one `environBuilder`, and calls what it returns for each request. */

import { NO_INPUT } from "../body/input.ts";
import type { Environ, ErrorStream, Exchange } from "../gateway.ts";
import { parseTarget } from "../http/path.ts";
import { isHostField } from "../http/url.ts";
import { type HeaderOutline, HeaderShapes, outlineOf } from "./environ-shapes.ts";

/** What a server knows once it listens. */
export interface ServerInfo {
  /** The server's own name, `SERVER_NAME`: an IPv6 address without brackets. */
  readonly name: string;
  /** The port it listens on, `SERVER_PORT`. */
  readonly port: string;
  /** `"https"` behind TLS. */
  readonly scheme: "http" | "https";
  /** Where error text goes, `tsgi.errors`. */
  readonly errors: ErrorStream;
  /** Whether other threads run the same app at the same time, `tsgi.multithread`. Default `false`. */
  readonly multithread?: boolean;
  /** Whether other processes run the same app at the same time, `tsgi.multiprocess`. Default `false`. */
  readonly multiprocess?: boolean;
  /** Whether the app runs once in the life of its process, `tsgi.run_once`. Default `false`. */
  readonly runOnce?: boolean;
  /**
   * `false` keeps runs of `/` inside a path, for apps whose paths contain URLs or empty names. Default `true`. Where a run
   * may be read as one slash, `dispatcher` and `router` answer 400: a guard at `/admin` is not passed by `/site//admin`.
   */
  readonly mergeSlashes?: boolean;
  /** More that every environ has. Default: nothing. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The peer of a connection. */
export interface Peer {
  /** The address, `REMOTE_ADDR`; `""` on a Unix socket. */
  readonly address: string;
  /** The port, `REMOTE_PORT`; `""` on a Unix socket. */
  readonly port: string;
}

/** plainAddress shows an IPv4 peer of a dual-stack socket as itself, not as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
}

/**
 * Builds the environ of one request. `lines` are the header lines, name and value in turn. Undefined for a request that is
 * a 400: a malformed target (see `parseTarget`), a malformed `Host` or a second one (RFC 9112 §3.2).
 */
export type BuildEnviron = (
  method: string,
  target: string,
  protocol: string,
  lines: readonly string[],
  peer: Peer,
  exchange: Exchange,
) => MutableEnviron | undefined;

/** An environ that its server may still complete. */
export type MutableEnviron = { -readonly [Key in keyof Environ]: Environ[Key] };

const NO_PARAMS = Object.freeze({});
const VERSION = Object.freeze([1, 0] as const);

/**
 * environBuilder returns the function that builds the environ of each request. A server calls it once: the function remembers
 * sets of header names, which makes it fast. The `tsgi.input` that it sets is empty; a server replaces it before it runs the
 * app.
 */
export function environBuilder(info: ServerInfo): BuildEnviron {
  const constants = constantsOf(info);
  const shapes = new HeaderShapes(constants);
  const mergeSlashes = info.mergeSlashes ?? true;
  // Nearly every request has the same.
  let goodHost: string | undefined;

  function accepts(host: string | undefined): boolean {
    if (host === goodHost || host === undefined) return true;
    if (!isHostField(host)) return false;
    goodHost = host;
    return true;
  }

  return function buildEnviron(method, target, protocol, lines, peer, exchange) {
    const parts = parseTarget(method, target, mergeSlashes);
    if (parts === undefined) return undefined;
    const shape = shapes.find(lines);
    const outline = shape ?? outlineOf(lines);
    if (outline.malformed) return undefined;
    const environ = { ...(shape === undefined ? constants : shape.template) } as MutableEnviron;
    environ.REQUEST_METHOD = method;
    environ.PATH_INFO = parts.path;
    environ.QUERY_STRING = parts.query;
    environ.REQUEST_URI = target;
    environ.SERVER_PROTOCOL = protocol;
    environ.REMOTE_ADDR = peer.address;
    environ.REMOTE_PORT = peer.port;
    environ["tsgi.exchange"] = exchange;
    environ["tsgi.state"] = {};
    if (shape === undefined) assignUnknown(environ, outline.keys, lines);
    else assignKnown(environ, shape.keys, lines);
    if (outline.repeats.length > 0) joinRepeats(environ, outline.repeats, lines);
    if (!accepts(environ.HTTP_HOST)) return undefined;
    if (parts.host !== undefined) {
      environ.HTTP_HOST = parts.host;
      if (!accepts(parts.host)) return undefined;
    }
    return environ;
  };
}

/** All keys that every environ has, with the values that the requests of a server have in common. */
function constantsOf(info: ServerInfo): Readonly<Record<string, unknown>> {
  return {
    REQUEST_METHOD: "",
    SCRIPT_NAME: "",
    PATH_INFO: "",
    QUERY_STRING: "",
    REQUEST_URI: "",
    SERVER_NAME: info.name,
    SERVER_PORT: info.port,
    SERVER_PROTOCOL: "",
    REMOTE_ADDR: "",
    REMOTE_PORT: "",
    "tsgi.version": VERSION,
    "tsgi.url_scheme": info.scheme,
    "tsgi.input": NO_INPUT,
    "tsgi.errors": info.errors,
    "tsgi.multithread": info.multithread ?? false,
    "tsgi.multiprocess": info.multiprocess ?? false,
    "tsgi.run_once": info.runOnce ?? false,
    "tsgi.exchange": null,
    "tsgi.params": NO_PARAMS,
    "tsgi.route": "",
    "tsgi.state": null,
    ...info.variables,
  };
}

function assignKnown(environ: MutableEnviron, keys: HeaderOutline["keys"], lines: readonly string[]): void {
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (key !== undefined) environ[key] = lines[2 * index + 1] as string;
  }
}

/**
 * Assigns to keys that the environ does not have. Deleting a member puts it into V8's dictionary mode first, where new keys
 * cost a quarter of what they cost in fast mode, which makes a hidden class for each. A function of its own, since one that
 * has met a dictionary is slower for all.
 */
function assignUnknown(environ: MutableEnviron, keys: HeaderOutline["keys"], lines: readonly string[]): void {
  const { REQUEST_METHOD } = environ;
  delete (environ as Partial<MutableEnviron>).REQUEST_METHOD;
  environ.REQUEST_METHOD = REQUEST_METHOD;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (key !== undefined) environ[key] = lines[2 * index + 1] as string;
  }
}

function joinRepeats(environ: MutableEnviron, repeats: HeaderOutline["repeats"], lines: readonly string[]): void {
  for (const { key, at, separator } of repeats) {
    environ[key] = at.map((index) => lines[2 * index + 1]).join(separator);
  }
}
