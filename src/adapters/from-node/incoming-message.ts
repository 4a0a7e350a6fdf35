/** Makes Node's `IncomingMessage` of an environ. */

import { EventEmitter } from "node:events";
import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { NO_INPUT } from "../../body/input.ts";
import { headerName } from "../../exchange/header-name.ts";
import type { Environ } from "../../gateway.ts";
import { bodyRead } from "../body-read.ts";
import type { GatewaySocket } from "./socket.ts";

/** Who a request belongs to. */
export interface RequestOwner {
  readonly environ: Environ;
  /** Takes what the input of the request fails with. */
  inputFailed(error: unknown): void;
  /** Takes what a listener throws. */
  failed(error: unknown): void;
}

/** What is set on the instance: frameworks like Express swap its prototype. */
interface GatewayRequest extends IncomingMessage {
  [OWNER]: RequestOwner;
  [INPUT]: AsyncIterator<Uint8Array> | undefined;
  [IS_READING]: boolean;
  /** Bytes of the body that have come, and its declared length, 0 where it has none. */
  [LENGTH]: number;
  [DECLARED]: number;
  /** The URL with the mount, and the mount, as routers of Connect and Express call them. */
  originalUrl?: string;
  baseUrl?: string;
  _addHeaderLines(lines: string[], count: number): void;
}

const OWNER: unique symbol = Symbol("tsgi.owner");
const INPUT: unique symbol = Symbol("tsgi.input");
const IS_READING: unique symbol = Symbol("tsgi.isReading");
const LENGTH: unique symbol = Symbol("tsgi.length");
const DECLARED: unique symbol = Symbol("tsgi.declared");

/**
 * Makes the request of an environ. Its URL is the one below the mount, or the full one. The body is read from `tsgi.input`
 * when the handler reads it.
 */
export function makeIncomingMessage(owner: RequestOwner, socket: GatewaySocket, isFullUrl: boolean): IncomingMessage {
  const { environ } = owner;
  const request = new IncomingMessage(socket as unknown as Socket) as GatewayRequest;
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING } = environ;
  const query = QUERY_STRING === "" ? "" : `?${QUERY_STRING}`;
  request[OWNER] = owner;
  request[INPUT] = undefined;
  request[IS_READING] = false;
  request._read = readInput;
  request.method = environ.REQUEST_METHOD;
  request.url = (PATH_INFO === "" ? "/" : PATH_INFO) + query;
  setVersion(request, environ.SERVER_PROTOCOL);
  const lines = headerLines(environ);
  request._addHeaderLines(lines, lines.length);
  request.complete = environ["tsgi.input"] === NO_INPUT;
  if (SCRIPT_NAME !== "") {
    request.originalUrl = SCRIPT_NAME + PATH_INFO + query;
    if (isFullUrl) request.url = request.originalUrl;
    else request.baseUrl = SCRIPT_NAME;
  }
  return request;
}

/**
 * Makes what a listener throws the owner's. To be called before an event that the gateway causes: most requests have no
 * listeners, and a method of their own is measurable.
 */
export function guardListeners(request: IncomingMessage): void {
  request.emit = emit as typeof request.emit;
}

function emit(this: GatewayRequest, name: string | symbol, ...args: unknown[]): boolean {
  try {
    return EventEmitter.prototype.emit.call(this, name, ...args);
  } catch (error) {
    this[OWNER].failed(error);
    return true;
  }
}

function setVersion(request: IncomingMessage, protocol: string): void {
  const isUsual = protocol === "HTTP/1.1";
  const version = isUsual ? "1.1" : protocol.slice("HTTP/".length);
  request.httpVersion = version;
  request.httpVersionMajor = isUsual ? 1 : Number(version.split(".")[0]);
  request.httpVersionMinor = isUsual ? 1 : Number(version.split(".")[1] ?? 0);
}

/** Reads until there is enough: Node does not ask again for every chunk of a request. */
function readInput(this: GatewayRequest): void {
  if (this[IS_READING]) return;
  guardListeners(this);
  const { environ } = this[OWNER];
  const input = environ["tsgi.input"];
  if (input === NO_INPUT) {
    this.push(null);
    return;
  }
  try {
    if (this[INPUT] === undefined) {
      this[INPUT] = input[Symbol.asyncIterator]();
      this[LENGTH] = 0;
      this[DECLARED] = Number(environ.CONTENT_LENGTH ?? 0);
    }
    this[IS_READING] = true;
    readOn(this, this[INPUT]);
  } catch (error) {
    this[OWNER].inputFailed(error);
  }
}

function readOn(request: GatewayRequest, input: AsyncIterator<Uint8Array>): void {
  input.next().then(
    (step) => {
      try {
        takeStep(request, input, step);
      } catch (error) {
        request[OWNER].inputFailed(error);
      }
    },
    (error) => request[OWNER].inputFailed(error),
  );
}

function takeStep(request: GatewayRequest, input: AsyncIterator<Uint8Array>, step: IteratorResult<Uint8Array>): void {
  if (step.done) {
    endRequest(request);
    return;
  }
  request[LENGTH] += step.value.length;
  (request.socket as unknown as GatewaySocket).isActive();
  // The end of a body whose length is known need not be waited for.
  if (request[LENGTH] === request[DECLARED]) {
    request.push(step.value);
    endRequest(request);
  } else if (step.value.length === 0 || request.push(step.value)) readOn(request, input);
  else request[IS_READING] = false;
}

function endRequest(request: GatewayRequest): void {
  if (request[LENGTH] < request[DECLARED]) {
    request[OWNER].inputFailed(bodyRead());
    return;
  }
  request.complete = true;
  const trailers = request[OWNER].environ["tsgi.exchange"].trailers?.flat() ?? [];
  if (trailers.length > 0) request._addHeaderLines(trailers, trailers.length);
  request.push(null);
}

/** Destroys a request and not its socket: the handler may still answer. Tells whether a listener hears of the error. */
export function failRequest(request: IncomingMessage, error: unknown): boolean {
  guardListeners(request);
  const isHeard = request.listenerCount("error") > 0;
  request._destroy = (failure, callback) => process.nextTick(callback, isHeard ? failure : null);
  request.destroy(error as Error);
  return isHeard;
}

/** Ends a request whose response has been sent, as Node does, if a listener waits for that. */
export function drainRequest(request: IncomingMessage): void {
  if (request.listenerCount("close") > 0 || request.listenerCount("end") > 0) request.resume();
}

/** The header lines of an environ, names and values in turn, with the changes that other layers made. */
function headerLines(environ: Environ): string[] {
  const lines: string[] = [];
  for (const key in environ) {
    if (!key.startsWith("HTTP_") && key !== "CONTENT_TYPE" && key !== "CONTENT_LENGTH") continue;
    const value = environ[key as keyof Environ];
    if (typeof value === "string") lines.push(headerName(key), value);
  }
  return lines;
}
