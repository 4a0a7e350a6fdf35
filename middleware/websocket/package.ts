/** The package `ws`, as much as is used of it: its own types are only there for those who have installed them. */

import { loadPackage } from "../../src/peer-package.ts";

/** A WebSocket of the package. */
export interface WsSocket {
  readonly OPEN: number;
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly isPaused: boolean;
  on(event: string, listener: (...args: never[]) => void): this;
  send(data: string | Uint8Array, ...rest: unknown[]): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  ping(): void;
  pong(...rest: unknown[]): void;
  pause(): void;
  resume(): void;
}

/** What the server looks at in a request. */
export interface WsRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** The server of the package, which owns no connections. */
export interface WsServer<Socket, Request> {
  on(event: "headers", listener: (lines: string[], request: Request) => void): this;
  handleUpgrade(request: Request, connection: object, head: Uint8Array, callback: (socket: Socket) => void): void;
}

/** The class of its WebSockets, which may be extended. */
export type WsClass = new (...args: unknown[]) => WsSocket;

interface WsPackage {
  readonly WebSocket: WsClass;
  readonly WebSocketServer: new <Socket, Request>(options: object) => WsServer<Socket, Request>;
}

/** Throws `TSGI_NO_PACKAGE`. */
export function loadWs(): WsPackage {
  return loadPackage<WsPackage>("ws", "websocket", "ws@8");
}
