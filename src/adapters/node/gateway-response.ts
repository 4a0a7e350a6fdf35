/** Makes Node's `ServerResponse` whose head and chunks go to somebody else than a connection. */

import { type IncomingMessage, OutgoingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HeaderList } from "../../gateway.ts";
import { isHopByHop } from "../../headers.ts";
import type { GatewaySocket } from "./gateway-socket.ts";

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
export function gatewayResponse(request: IncomingMessage, socket: GatewaySocket, owner: ResponseOwner): ServerResponse {
  const response = new ServerResponse(request) as GatewayResponse;
  response[OWNER] = owner;
  response._storeHeader = storeHeader;
  response.end = end as GatewayResponse["end"];
  response.assignSocket(socket as unknown as Socket);
  response.on("finish", onFinish);
  return response;
}

function storeHeader(this: GatewayResponse, _statusLine: string, headers: unknown): void {
  this[OWNER].head(this, headersOf(this, headers));
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
  return this;
}

/** What Node's server does when a response is over. */
function onFinish(this: GatewayResponse): void {
  const { socket } = this;
  if (socket !== null) this.detachSocket(socket);
  this[OWNER].finished();
  process.nextTick(emitClose, this);
}

function emitClose(response: GatewayResponse): void {
  if (response._closed) return;
  response.destroyed = true;
  response._closed = true;
  response.emit("close");
}

/** The headers as they were set, or else as `writeHead` was given them: an object, pairs, or names and values in turn. */
function headersOf(response: ServerResponse, given: unknown): HeaderList {
  const list: HeaderList = [];
  if (response.getHeaderNames().length > 0) {
    // Node's own map then: by the lower-cased name, the name as it was set and the value.
    for (const [name, value] of Object.values(given as Record<string, [string, unknown]>)) add(list, name, value);
  } else if (Array.isArray(given)) {
    if (Array.isArray(given[0])) for (const [name, value] of given) add(list, name, value);
    else for (let index = 0; index < given.length; index += 2) add(list, given[index], given[index + 1]);
  } else if (given !== null && given !== undefined) {
    for (const [name, value] of Object.entries(given)) add(list, name, value);
  }
  return list;
}

/** What is the server's own is left to it: the framework does not know which connection it is on. */
function add(list: HeaderList, name: string, value: unknown): void {
  if (isHopByHop(name)) return;
  if (Array.isArray(value)) for (const each of value) list.push([name, String(each)]);
  else list.push([name, String(value)]);
}

/** Node's mark of a response that has asked its writer to wait; it has no public name. */
const NEEDS_DRAIN = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === "kNeedDrain",
) as keyof ServerResponse | undefined;

/** Tells a response that there is room again. */
export function drained(response: ServerResponse): void {
  if (response.writableEnded || response.destroyed) return;
  if (NEEDS_DRAIN !== undefined)
    (response as { -readonly [Key in keyof ServerResponse]: unknown })[NEEDS_DRAIN] = false;
  response.emit("drain");
}
