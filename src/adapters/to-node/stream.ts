/** Apps on native streams of HTTP/2. */

import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { plainAddress } from "../../exchange/environ.ts";
import type { BuilderOf } from "../../exchange/environ-builders.ts";
import { Responder } from "../../exchange/responder.ts";
import type { ResponderOptions } from "../../exchange/sink.ts";
import type { App } from "../../gateway.ts";
import { isCanonicalTarget } from "../../http/path.ts";
import { MALFORMED, readHead, UNLIMITED } from "../../server/http2/request-head.ts";
import { refuseStream } from "./stream/refusal.ts";
import { StreamWriter } from "./stream/writer.ts";

/** The flag of a head that no body follows. */
const END_STREAM = 1;

/** A listener of the `stream` event of an `http2` server. */
export type NodeStreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders?: readonly string[],
) => void;

/** What a listener needs to know. */
export interface StreamEdge {
  readonly app: App;
  readonly builderOf: BuilderOf;
  readonly edge: ResponderOptions;
  readonly canonicalOnly: boolean;
}

/** streamListener makes the listener of `stream` events. A stream that the host has answered already is left to it. */
export function streamListener({ app, builderOf, edge, canonicalOnly }: StreamEdge): NodeStreamListener {
  return function onStream(stream, _headers, flags, raw = []) {
    stream.on("error", ignore);
    if (stream.closed || stream.destroyed || stream.headersSent) return;
    const head = readHead(raw, UNLIMITED);
    if (typeof head === "string") {
      refuseStream(stream, head === MALFORMED ? "400 Bad Request" : head);
      return;
    }
    const socket = (stream.session?.socket ?? {}) as Partial<Socket & { encrypted: boolean; server: object }>;
    const writer = new StreamWriter(socket.server, stream, head, (flags & END_STREAM) === 0);
    const responder = new Responder(writer, edge);
    const peer = { address: plainAddress(socket.remoteAddress), port: String(socket.remotePort ?? "") };
    const scheme = socket.encrypted ? "https" : "http";
    const build = builderOf(scheme, plainAddress(socket.localAddress ?? "localhost"), socket.localPort?.toString());
    const environ =
      canonicalOnly && !isCanonicalTarget(head.target)
        ? undefined
        : build(head.method, head.target, "HTTP/2.0", head.lines, peer, responder);
    if (environ === undefined) {
      refuseStream(stream, "400 Bad Request");
      return;
    }
    if (writer.body !== undefined) environ["tsgi.input"] = writer.body.input;
    stream.on("close", () => writer.streamClosed());
    responder.run(app, environ);
  };
}

function ignore(): void {}
