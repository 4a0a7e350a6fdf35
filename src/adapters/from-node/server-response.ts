/** Makes Node's `ServerResponse` whose head and chunks go to an owner instead of a connection. */

import { EventEmitter } from "node:events";
import {
  type IncomingMessage,
  OutgoingMessage,
  ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from "node:http";
import type { HeaderList } from "../../gateway.ts";
import { isHopByHop } from "../../http/field-rules.ts";
import { removeHeaders } from "../../http/headers.ts";
import { mayBeTrailer } from "../../http/trailers.ts";
import type { GatewaySocket } from "./socket.ts";

/** Who gets the response. Its chunks come through the socket. */
export interface ResponseOwner {
  /** Takes the head. Throws only what Node itself would throw at the handler. */
  head(response: ServerResponse, headers: HeaderList): void;
  /** Whether what is written now is the last chunk. */
  ending: boolean;
  /** The response is whole. `trailers` are those that may be sent. */
  ended(trailers: HeaderList | undefined): void;
  finished(): void;
  /** Takes what a listener throws. */
  failed(error: unknown): void;
}

/**
 * Node's own methods and fields, under `writeHead` and `end` in every version since 0.x. They are set on the instance:
 * frameworks like Express swap its prototype.
 */
interface GatewayResponse extends ServerResponse {
  [OWNER]: ResponseOwner;
  _header: string | null;
  _headerSent: boolean;
  _closed: boolean;
  /** What `addTrailers` was given, as it would be sent. */
  _trailer: string;
  _storeHeader(statusLine: string, headers: unknown): void;
}

const OWNER: unique symbol = Symbol("tsgi.owner");

/** What makes `headersSent` true. */
const SENT = "sent";

/** Makes a response that hands its head and its end to its owner. */
export function makeServerResponse(
  request: IncomingMessage,
  socket: GatewaySocket,
  owner: ResponseOwner,
): ServerResponse {
  const response = new ServerResponse(request) as GatewayResponse;
  response[OWNER] = owner;
  response._storeHeader = storeHeader;
  response.end = endResponse as GatewayResponse["end"];
  response.emit = emit;
  // As `assignSocket`, without its event and its listener.
  socket._httpMessage = response;
  (response as { socket: unknown }).socket = socket;
  return response;
}

const nodeEmit = EventEmitter.prototype.emit;

/** Calls listeners; what one of them throws, or an `error` event without a listener, goes to the owner. */
function emit(this: GatewayResponse, name: string | symbol, ...args: unknown[]): boolean {
  try {
    return args.length === 0 ? nodeEmit.call(this, name) : nodeEmit.call(this, name, ...args);
  } catch (error) {
    this[OWNER].failed(error);
    return true;
  }
}

function storeHeader(this: GatewayResponse, _statusLine: string, headers: unknown): void {
  const list = sentHeadersOf(this, headers);
  // Node sends a length with a 204 where it was given one; the contract has none (RFC 9110 §8.6).
  this[OWNER].head(this, this.statusCode === 204 ? removeHeaders(list, "Content-Length") : list);
  this._header = SENT;
  this._headerSent = true;
}

const nodeEnd = ServerResponse.prototype.end as (this: ServerResponse, ...args: unknown[]) => ServerResponse;

function endResponse(this: GatewayResponse, ...args: unknown[]): ServerResponse {
  const owner = this[OWNER];
  const owned = args.some(isFunction) ? args.map((given) => ownCallback(given, this)) : args;
  if (this.writableEnded || this.destroyed) return nodeEnd.apply(this, owned);
  owner.ending = true;
  try {
    nodeEnd.apply(this, owned);
  } finally {
    owner.ending = this.writableEnded;
  }
  owner.ended(this._trailer === "" ? undefined : trailersOf(this._trailer));
  // "finish" has been scheduled before.
  process.nextTick(finishResponse, this);
  return this;
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

/** The callback of `end`, which Node from 24 on calls without an event: what it throws is the owner's. */
function ownCallback(given: unknown, response: GatewayResponse): unknown {
  if (!isFunction(given)) return given;
  return (...args: unknown[]): void => {
    try {
      given.apply(response, args);
    } catch (error) {
      response[OWNER].failed(error);
    }
  };
}

/** The lines that were added, except those that may not be trailers, as headers of the connection are dropped. */
function trailersOf(text: string): HeaderList {
  const lines = text.split("\r\n").filter((line) => line !== "");
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  return pairs.filter(([name]) => mayBeTrailer(name));
}

/** Takes the socket off a response that has been sent, as Node does. */
function finishResponse(response: GatewayResponse): void {
  if (response._closed) return;
  process.nextTick(emitClose, response);
  const { socket } = response;
  if (socket !== null) (socket as unknown as GatewaySocket)._httpMessage = null;
  (response as { socket: unknown }).socket = null;
  response[OWNER].finished();
}

/** Whether a response was handed over as a whole. */
export function isSent(response: ServerResponse): boolean {
  return response.socket === null;
}

/** Closes a response that has not been sent. Its socket stays: frameworks ask it whether they may still write. */
export function closeResponse(response: ServerResponse): void {
  if ((response as GatewayResponse)._closed) return;
  (response as GatewayResponse)[OWNER].finished();
  emitClose(response as GatewayResponse);
}

function emitClose(response: GatewayResponse): void {
  if (response._closed) return;
  response.destroyed = true;
  response._closed = true;
  response.emit("close");
}

/** Throws what Node throws at the handler for headers that it would not send either. */
export function throwAsNode(headers: HeaderList): void {
  for (const [name, value] of headers) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}

/** The headers as they were set, or else as `writeHead` was given them: an object, pairs, or names and values in turn. */
function sentHeadersOf(response: ServerResponse, given: unknown): HeaderList {
  const list: [name: string, value: string][] = [];
  const { statusCode: code } = response;
  if (hasHeaders(response)) {
    // Node's own map then: by the lower-cased name, the name as it was set and the value.
    const set = given as Record<string, [string, unknown]>;
    for (const key of Object.keys(set)) {
      const [name, value] = set[key] as [string, unknown];
      addHeader(list, code, name, value);
    }
  } else if (Array.isArray(given)) {
    if (Array.isArray(given[0])) for (const [name, value] of given) addHeader(list, code, name, value);
    else for (let index = 0; index < given.length; index += 2) addHeader(list, code, given[index], given[index + 1]);
  } else if (given !== null && given !== undefined) {
    for (const name of Object.keys(given)) addHeader(list, code, name, (given as Record<string, unknown>)[name]);
  }
  return list;
}

/** Adds a header, except one that belongs to the connection: the framework does not know which one it is on. */
function addHeader(list: [name: string, value: string][], code: number, name: string, value: unknown): void {
  if (isHopByHop(name, code) && name.toLowerCase() !== "trailer") return;
  if (value === undefined) validateHeaderValue(name, value as unknown as string);
  if (Array.isArray(value)) for (const each of value) list.push([name, String(each)]);
  else list.push([name, String(value)]);
}

/** Node's map of the headers that were set, and its mark of a response that has asked its writer to wait. */
const OUT_HEADERS = nodeField("kOutHeaders");
const NEEDS_DRAIN = nodeField("kNeedDrain");

/** The symbol of a field that has no public name. */
function nodeField(name: string): keyof ServerResponse | undefined {
  const symbols = Object.getOwnPropertySymbols(new OutgoingMessage());
  return symbols.find(({ description }) => description === name) as keyof ServerResponse | undefined;
}

function hasHeaders(response: ServerResponse): boolean {
  if (OUT_HEADERS === undefined) return response.getHeaderNames().length > 0;
  return response[OUT_HEADERS] !== null;
}

/** Tells a response that there is room again. */
export function emitDrain(response: ServerResponse): void {
  if (response.writableEnded || response.destroyed) return;
  if (NEEDS_DRAIN !== undefined)
    (response as { -readonly [Key in keyof ServerResponse]: unknown })[NEEDS_DRAIN] = false;
  response.emit("drain");
}
