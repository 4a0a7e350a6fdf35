/** The client's side of what a test asks of an app. */

import { FetchSink } from "../adapters/to-fetch/sink.ts";
import { environBuilder, type MutableEnviron } from "../exchange/environ.ts";
import { Responder } from "../exchange/responder.ts";
import type { Chunk, HeaderList, StatusLine } from "../gateway.ts";
import { hasHeader, removeHeaders } from "../http/headers.ts";
import { escapeNonAscii } from "../http/path.ts";
import type { Status } from "../http/status.ts";
import { announcesTrailers } from "../http/trailers.ts";
import { whenSettled } from "../promise.ts";

/** A URL in the parts that a client sends; a fragment it keeps to itself. */
export function parseUrl(url: string): { target: string; scheme: "http" | "https"; host: string } {
  const absolute = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (absolute === null) return { target: escapeNonAscii(url) ?? url, scheme: "http", host: "localhost" };
  const [, scheme = "", host = "", rest = ""] = absolute;
  const target = rest.startsWith("/") ? rest : `/${rest}`;
  return {
    target: escapeNonAscii(target) ?? target,
    scheme: scheme.toLowerCase() === "https" ? "https" : "http",
    host,
  };
}

/** Header lines, from pairs or an object. */
export function requestLines(headers: HeaderList | Readonly<Record<string, string>>): [name: string, value: string][] {
  const pairs = Array.isArray(headers) ? (headers as HeaderList) : Object.entries(headers);
  return pairs.map(([name, value]) => [name, value]);
}

/** The exchange of a client, and the environ of its request; undefined for a target that every server refuses. */
export function begin(
  client: Client,
  method: string,
  target: string,
  scheme: "http" | "https",
): { readonly exchange: Responder; readonly environ: MutableEnviron } | undefined {
  const exchange = new Responder(client, { onError: (error) => client.fail(error) });
  const environ = environBuilder({
    name: "localhost",
    port: scheme === "https" ? "443" : "80",
    scheme,
    errors: { write: (text) => client.log.push(text) },
  })(method, target, "HTTP/1.1", client.requestHeaders.flat(), { address: "127.0.0.1", port: "50000" }, exchange);
  return environ === undefined ? undefined : { exchange, environ };
}

/** The client's side of a request: a sink that makes a `Response` of what it gets, as soon as it has the head. */
export class Client extends FetchSink {
  readonly log: string[] = [];
  readonly informational: { status: StatusLine; headers: HeaderList }[] = [];
  finished = 0;
  #failure: { error: unknown } | undefined;
  readonly #isHead: boolean;
  #trailers: HeaderList = [];
  /** Whether the response is framed so that trailers have room, as chunks are. */
  #hasRoom = true;

  constructor(requestHeaders: HeaderList, isHead: boolean) {
    super(requestHeaders, isHead);
    this.#isHead = isHead;
  }

  /** What the app has failed with first. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** Makes the request fail with the first error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  override writeHead(status: Status, headers: HeaderList, length: number): void {
    if (this.#failure !== undefined) this.reject(this.#failure.error);
    const isAnnounced = announcesTrailers(headers);
    this.#hasRoom = !status.bodiless && !this.#isHead && !hasHeader(headers, "Content-Length");
    const isLengthSaid = !this.#hasRoom || (!isAnnounced && this.#trailers.length === 0);
    const lines = isAnnounced && !this.#hasRoom ? removeHeaders(headers, "Trailer") : headers;
    super.writeHead(status, lines, isLengthSaid ? length : -1);
    super.flush();
  }

  /** A test sees what a client of HTTP/1.1 would. */
  protected override connectionHeaders(_code: number, headers: HeaderList): HeaderList {
    return headers;
  }

  protected override resolve(response: Response): void {
    const { log, informational } = this;
    Object.defineProperties(response, {
      errors: { get: () => log.join("") },
      finished: { get: () => this.finished },
      informational: { value: informational },
      trailers: { get: () => this.trailers },
    });
    super.resolve(response);
  }

  override end(chunk?: Chunk): void {
    if (chunk !== undefined && chunk.length > 0) super.write(chunk);
    // What goes wrong while the body is being closed fails the test as well, so the end waits for it.
    whenSettled(() => {
      if (this.#failure === undefined) super.end();
      else super.abort(this.#failure.error);
    });
  }

  override abort(): void {
    super.abort(this.#failure?.error);
  }

  addTrailers(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  /** The trailer lines of the response; complete once it has ended. */
  get trailers(): HeaderList {
    return this.#hasRoom ? this.#trailers : [];
  }

  inform(status: StatusLine, headers: HeaderList): void {
    this.informational.push({ status, headers });
  }
}
