/** Makes Node's `IncomingMessage` of an environ. */

import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { NO_INPUT } from "../../exchange/environ.ts";
import type { Environ } from "../../gateway.ts";
import { bodyRead } from "../body-read.ts";
import type { GatewaySocket } from "./socket.ts";

/** What is set on the instance: frameworks like Express swap its prototype. */
interface GatewayRequest extends IncomingMessage {
  [ENVIRON]: Environ;
  [INPUT]: AsyncIterator<Uint8Array> | undefined;
  [IS_READING]: boolean;
  /** How much of the body has come, in bytes, and how much there is at least. */
  [LENGTH]: number;
  [DECLARED]: number;
  /** The URL with the mount, and the mount, as routers of Connect and Express call them. */
  originalUrl?: string;
  baseUrl?: string;
  _addHeaderLines(lines: string[], count: number): void;
}

const ENVIRON: unique symbol = Symbol("tsgi.environ");
const INPUT: unique symbol = Symbol("tsgi.input");
const IS_READING: unique symbol = Symbol("tsgi.isReading");
const LENGTH: unique symbol = Symbol("tsgi.length");
const DECLARED: unique symbol = Symbol("tsgi.declared");

/** The request of an environ, its URL that below the mount. The body is read from `tsgi.input` when somebody asks for it. */
export function makeIncomingMessage(environ: Environ, socket: GatewaySocket): IncomingMessage {
  const request = new IncomingMessage(socket as unknown as Socket) as GatewayRequest;
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING } = environ;
  const query = QUERY_STRING === "" ? "" : `?${QUERY_STRING}`;
  request[ENVIRON] = environ;
  request[INPUT] = undefined;
  request[IS_READING] = false;
  request._read = read;
  request.method = environ.REQUEST_METHOD;
  request.url = (PATH_INFO === "" ? "/" : PATH_INFO) + query;
  setVersion(request, environ.SERVER_PROTOCOL);
  const lines = headerLines(environ);
  request._addHeaderLines(lines, lines.length);
  request.complete = environ["tsgi.input"] === NO_INPUT;
  if (SCRIPT_NAME !== "") {
    request.originalUrl = SCRIPT_NAME + PATH_INFO + query;
    request.baseUrl = SCRIPT_NAME;
  }
  return request;
}

function setVersion(request: IncomingMessage, protocol: string): void {
  const isUsual = protocol === "HTTP/1.1";
  const version = isUsual ? "1.1" : protocol.slice("HTTP/".length);
  request.httpVersion = version;
  request.httpVersionMajor = isUsual ? 1 : Number(version.split(".")[0]);
  request.httpVersionMinor = isUsual ? 1 : Number(version.split(".")[1] ?? 0);
}

/** Reads until there is enough: Node does not ask again for every chunk of a request. */
function read(this: GatewayRequest): void {
  if (this[IS_READING]) return;
  const input = this[ENVIRON]["tsgi.input"];
  if (input === NO_INPUT) {
    this.push(null);
    return;
  }
  if (this[INPUT] === undefined) {
    this[INPUT] = input[Symbol.asyncIterator]();
    this[LENGTH] = 0;
    this[DECLARED] = Number(this[ENVIRON].CONTENT_LENGTH ?? 0);
  }
  this[IS_READING] = true;
  readOn(this, this[INPUT]);
}

function readOn(request: GatewayRequest, input: AsyncIterator<Uint8Array>): void {
  input.next().then(
    (step) => {
      if (step.done) end(request);
      else {
        request[LENGTH] += step.value.length;
        // The end of a body whose length is known need not be waited for.
        if (request[LENGTH] === request[DECLARED]) {
          request.push(step.value);
          end(request);
        } else if (step.value.length === 0 || request.push(step.value)) readOn(request, input);
        else request[IS_READING] = false;
      }
    },
    (error) => request.destroy(error),
  );
}

function end(request: GatewayRequest): void {
  if (request[LENGTH] < request[DECLARED]) {
    request.destroy(bodyRead());
    return;
  }
  request.complete = true;
  const trailers = request[ENVIRON]["tsgi.exchange"].trailers?.flat() ?? [];
  if (trailers.length > 0) request._addHeaderLines(trailers, trailers.length);
  request.push(null);
}

/** Ends a request whose response is over: Node does so for whoever waits for it. */
export function drain(request: IncomingMessage): void {
  if (request.listenerCount("close") > 0 || request.listenerCount("end") > 0) request.resume();
}

const names = new Map<string, string>([
  ["CONTENT_TYPE", "Content-Type"],
  ["CONTENT_LENGTH", "Content-Length"],
]);

/** The header lines that an environ tells of, whoever may have changed it on the way. */
function headerLines(environ: Environ): string[] {
  const lines: string[] = [];
  for (const key in environ) {
    if (!key.startsWith("HTTP_") && key !== "CONTENT_TYPE" && key !== "CONTENT_LENGTH") continue;
    const value = environ[key as keyof Environ];
    if (typeof value === "string") lines.push(names.get(key) ?? headerName(key), value);
  }
  return lines;
}

/** `HTTP_USER_AGENT` as `User-Agent`. */
function headerName(key: string): string {
  const words = key.slice("HTTP_".length).toLowerCase().split("_");
  const name = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("-");
  if (names.size < 1000) names.set(key, name);
  return name;
}
