/**
 * Builds environs. A server makes one `environBuilder`, and calls what it gives for each request.
 *
 * An object that is given more than about a dozen computed keys falls into V8's dictionary mode, and every copy of it then
 * costs 1 to 15 µs. So each set of header names gets a template once, made by `JSON.parse`, which stays in fast mode; a
 * request clones it and assigns the values.
 */

import type { Environ, ErrorStream, Exchange } from "../gateway.ts";
import { parseTarget } from "../http/path.ts";
import { isHostField } from "../http/url.ts";

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
  /** `false` keeps runs of `/` inside a path. Default `true`. */
  readonly mergeSlashes?: boolean;
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

/** NO_INPUT is the input of a request without a body. */
export const NO_INPUT: AsyncIterable<Uint8Array> = Object.freeze({
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true as const, value: undefined }) }),
});

const NO_PARAMS = Object.freeze({});
const VERSION = Object.freeze([1, 0] as const);

/** The environ key of a header. */
type HeaderKey = `HTTP_${string}` | "CONTENT_TYPE" | "CONTENT_LENGTH";

/** A set of header names in the order in which clients send it. */
interface HeaderShape {
  readonly names: readonly string[];
  /** The environ key of each name, or undefined for one that is dropped. */
  readonly keys: readonly (HeaderKey | undefined)[];
  /** Whether a name occurs twice. */
  readonly repeats: boolean;
  /** Whether `Host` occurs twice. */
  readonly malformed: boolean;
  readonly template: MutableEnviron;
}

/** How many shapes are kept for each number of header lines: enough for the clients of a day, too few to fill memory. */
const SHAPES_PER_COUNT = 16;
const LONGEST_SHAPE = 100;

/**
 * environBuilder gives the function that builds the environ of each request. A server calls it once: the function remembers
 * sets of header names, which makes it fast. The `tsgi.input` that it gives is empty; a server replaces it before it runs the
 * app.
 */
export function environBuilder(facts: ServerInfo): BuildEnviron {
  const shapes: HeaderShape[][] = [];
  const mergeSlashes = facts.mergeSlashes ?? true;
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
    const shape = shapeOf(shapes, lines, facts);
    if (shape.malformed) return undefined;
    const environ: MutableEnviron = { ...shape.template };
    environ.REQUEST_METHOD = method;
    environ.PATH_INFO = parts.path;
    environ.QUERY_STRING = parts.query;
    environ.REQUEST_URI = target;
    environ.SERVER_PROTOCOL = protocol;
    environ.REMOTE_ADDR = peer.address;
    environ.REMOTE_PORT = peer.port;
    environ["tsgi.exchange"] = exchange;
    environ["tsgi.state"] = {};
    const { keys } = shape;
    if (shape.repeats) joinRepeats(environ, keys, lines);
    else {
      for (let index = 0; index < keys.length; index++) {
        const key = keys[index];
        if (key !== undefined) environ[key] = lines[2 * index + 1] as string;
      }
    }
    if (!accepts(environ.HTTP_HOST)) return undefined;
    if (parts.host !== undefined) {
      environ.HTTP_HOST = parts.host;
      if (!accepts(parts.host)) return undefined;
    }
    return environ;
  };
}

function joinRepeats(
  environ: MutableEnviron,
  keys: readonly (HeaderKey | undefined)[],
  lines: readonly string[],
): void {
  const values = new Map<HeaderKey, string[]>();
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (key === undefined) continue;
    const value = lines[2 * index + 1] as string;
    const repeats = values.get(key);
    if (repeats === undefined) values.set(key, [value]);
    else repeats.push(value);
  }
  for (const [key, repeats] of values) environ[key] = repeats.join(key === "HTTP_COOKIE" ? "; " : ", ");
}

function shapeOf(shapes: HeaderShape[][], lines: readonly string[], facts: ServerInfo): HeaderShape {
  const count = lines.length / 2;
  const known = shapes[count];
  if (known !== undefined) {
    for (let index = 0; index < known.length; index++) {
      const shape = known[index] as HeaderShape;
      if (fits(shape.names, lines)) return shape;
    }
  }
  const shape = makeShape(lines, facts);
  if (count <= LONGEST_SHAPE) {
    shapes[count] = [shape, ...(known ?? [])].slice(0, SHAPES_PER_COUNT);
  }
  return shape;
}

function fits(names: readonly string[], lines: readonly string[]): boolean {
  for (let index = 0; index < names.length; index++) {
    if (names[index] !== lines[2 * index]) return false;
  }
  return true;
}

function makeShape(lines: readonly string[], facts: ServerInfo): HeaderShape {
  const names = lines.filter((_, index) => index % 2 === 0);
  const keys = names.map(environKey);
  const used = keys.filter((key) => key !== undefined);
  const constants = {
    REQUEST_METHOD: "",
    SCRIPT_NAME: "",
    PATH_INFO: "",
    QUERY_STRING: "",
    REQUEST_URI: "",
    SERVER_NAME: facts.name,
    SERVER_PORT: facts.port,
    SERVER_PROTOCOL: "",
    REMOTE_ADDR: "",
    REMOTE_PORT: "",
    "tsgi.version": VERSION,
    "tsgi.url_scheme": facts.scheme,
    "tsgi.input": NO_INPUT,
    "tsgi.errors": facts.errors,
    "tsgi.multithread": facts.multithread ?? false,
    "tsgi.multiprocess": facts.multiprocess ?? false,
    "tsgi.run_once": facts.runOnce ?? false,
    "tsgi.exchange": null,
    "tsgi.params": NO_PARAMS,
    "tsgi.state": null,
  };
  const fields = [...new Set([...Object.keys(constants), ...used])];
  const template = JSON.parse(`{${fields.map((field) => `${JSON.stringify(field)}:null`)}}`) as MutableEnviron;
  Object.assign(template, constants);
  return {
    names,
    keys,
    repeats: new Set(used).size < used.length,
    malformed: used.filter((key) => key === "HTTP_HOST").length > 1,
    template,
  };
}

/** The environ key of a header name; undefined for a name with an underscore, which could pass for another header. */
function environKey(name: string): HeaderKey | undefined {
  if (name.includes("_")) return undefined;
  const key = name.toUpperCase().replaceAll("-", "_");
  return key === "CONTENT_TYPE" || key === "CONTENT_LENGTH" ? key : `HTTP_${key}`;
}
