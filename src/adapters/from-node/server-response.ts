/** Makes Node's `ServerResponse` whose head and chunks go to somebody else than a connection. */

import { type IncomingMessage, OutgoingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HeaderList } from "../../gateway.ts";
import { isHopByHop } from "../../http/field-rules.ts";
import type { GatewaySocket } from "./socket.ts";

/** Who gets the response. Its chunks come through the socket. */
export interface ResponseOwner {
  head(response: ServerResponse, headers: HeaderList): void;
  /** What is written from here on is the last chunk. */
  ending: boolean;
  ended(): void;
  finished(): void;
}

/**
 * Node's own methods and fields, behind `writeHead` and `end` of every version since 0.x. They are set on the instance:
 * frameworks like Express swap its prototype.
 */
interface GatewayResponse extends ServerResponse {
  [OWNER]: ResponseOwner;
  _header: string | null;
  _headerSent: boolean;
  _closed: boolean;
  _storeHeader(statusLine: string, headers: unknown): void;
}

const OWNER: unique symbol = Symbol("tsgi.owner");

/** What makes `headersSent` true. */
const SENT = "sent";

/** A response that tells its owner its head, and that it has ended. */
export function makeServerResponse(
  request: IncomingMessage,
  socket: GatewaySocket,
  owner: ResponseOwner,
): ServerResponse {
  const response = new ServerResponse(request) as GatewayResponse;
  response[OWNER] = owner;
  response._storeHeader = storeHeader;
  response.end = end as GatewayResponse["end"];
  // As `assignSocket`, without its event and its listener.
  socket._httpMessage = response;
  (response as { socket: unknown }).socket = socket;
  return response;
}

function storeHeader(this: GatewayResponse, _statusLine: string, headers: unknown): void {
  this[OWNER].head(this, sentHeadersOf(this, headers));
  this._header = SENT;
  this._headerSent = true;
}

const nodeEnd = ServerResponse.prototype.end as (this: ServerResponse, ...args: unknown[]) => ServerResponse;

function end(this: GatewayResponse, ...args: unknown[]): ServerResponse {
  const owner = this[OWNER];
  if (this.writableEnded) return nodeEnd.apply(this, args);
  owner.ending = true;
  try {
    nodeEnd.apply(this, args);
  } finally {
    owner.ending = this.writableEnded;
  }
  owner.ended();
  // "finish" has been scheduled before.
  process.nextTick(finish, this);
  return this;
}

function finish(response: GatewayResponse): void {
  process.nextTick(emitClose, response);
  detach(response);
}

/** To be called when the client is gone. */
export function close(response: ServerResponse): void {
  detach(response as GatewayResponse);
  emitClose(response as GatewayResponse);
}

/** A response that is over has no socket. */
function detach(response: GatewayResponse): void {
  const { socket } = response;
  if (socket !== null) (socket as unknown as GatewaySocket)._httpMessage = null;
  (response as { socket: Socket | null }).socket = null;
  response[OWNER].finished();
}

function emitClose(response: GatewayResponse): void {
  if (response._closed) return;
  response.destroyed = true;
  response._closed = true;
  response.emit("close");
}

/** The headers as they were set, or else as `writeHead` was given them: an object, pairs, or names and values in turn. */
function sentHeadersOf(response: ServerResponse, given: unknown): HeaderList {
  const list: [name: string, value: string][] = [];
  if (hasHeaders(response)) {
    // Node's own map then: by the lower-cased name, the name as it was set and the value.
    const set = given as Record<string, [string, unknown]>;
    for (const key of Object.keys(set)) {
      const [name, value] = set[key] as [string, unknown];
      addHeader(list, name, value);
    }
  } else if (Array.isArray(given)) {
    if (Array.isArray(given[0])) for (const [name, value] of given) addHeader(list, name, value);
    else for (let index = 0; index < given.length; index += 2) addHeader(list, given[index], given[index + 1]);
  } else if (given !== null && given !== undefined) {
    for (const name of Object.keys(given)) addHeader(list, name, (given as Record<string, unknown>)[name]);
  }
  return list;
}

/** What is the server's own is left to it: the framework does not know which connection it is on. */
function addHeader(list: [name: string, value: string][], name: string, value: unknown): void {
  if (isHopByHop(name)) return;
  if (Array.isArray(value)) for (const each of value) list.push([name, String(each)]);
  else list.push([name, String(value)]);
}

/** Node's map of the headers that were set, and its mark of a response that has asked its writer to wait. */
const OUT_HEADERS = nodeField("kOutHeaders");
const NEEDS_DRAIN = nodeField("kNeedDrain");

/** A field of responses that has no public name. */
function nodeField(name: string): keyof ServerResponse | undefined {
  const symbols = Object.getOwnPropertySymbols(new OutgoingMessage());
  return symbols.find(({ description }) => description === name) as keyof ServerResponse | undefined;
}

function hasHeaders(response: ServerResponse): boolean {
  if (OUT_HEADERS === undefined) return response.getHeaderNames().length > 0;
  return response[OUT_HEADERS] !== null;
}

/** Tells a response that there is room again. */
export function drained(response: ServerResponse): void {
  if (response.writableEnded || response.destroyed) return;
  if (NEEDS_DRAIN !== undefined)
    (response as { -readonly [Key in keyof ServerResponse]: unknown })[NEEDS_DRAIN] = false;
  response.emit("drain");
}
