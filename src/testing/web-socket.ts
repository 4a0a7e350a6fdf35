/** A WebSocket of an app, without a network: the client of the package `ws` over a pair of streams. */

import type { Duplex } from "node:stream";
import { TsgiError } from "../errors.ts";
import type { App, Environ, HeaderList } from "../gateway.ts";
import { headerPairs } from "../http/headers.ts";
import { loadPackage } from "../peer-package.ts";
import { MORE, RequestParser } from "../server/engine/parser.ts";
import { begin, Client } from "./client.ts";
import { duplexPair } from "./duplex-pair.ts";

/** What a client sends, and what it wants. */
export interface Opening {
  readonly target: string;
  readonly scheme: "http" | "https";
  readonly lines: HeaderList;
  readonly protocols: readonly string[];
  readonly compress: boolean;
  readonly environ: Partial<Environ>;
}

/** How a WebSocket was closed (RFC 6455 §7.1.5, §7.1.6). */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client of `ws`, as much as is used of it. */
interface WsClient {
  readonly protocol: string;
  readonly extensions: string;
  on(event: "open", listener: () => void): this;
  on(event: "upgrade", listener: (response: { rawHeaders: readonly string[] }) => void): this;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): this;
  on(event: "close", listener: (code: number, reason: Uint8Array) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

interface Ws {
  readonly WebSocket: new (url: string, protocols: readonly string[], options: object) => WsClient;
}

/** A test's side of a WebSocket. */
export class TestWebSocket {
  /** The header lines of the 101. */
  headers: HeaderList = [];
  /** Settles when it is closed, by either side: 1006 where that was without a close frame. */
  readonly closed: Promise<Closed>;
  readonly #socket: WsClient;
  readonly #client: Client;
  readonly #messages: (string | Uint8Array)[] = [];
  /** Calls those who wait for a message, or for the end. */
  #wake: (() => void) | undefined;
  #end: Closed | undefined;

  constructor(socket: WsClient, client: Client) {
    this.#socket = socket;
    this.#client = client;
    socket.on("upgrade", ({ rawHeaders }) => {
      this.headers = headerPairs(rawHeaders);
    });
    socket.on("message", (data, isBinary) => {
      this.#messages.push(isBinary ? data : String(data));
      this.#wake?.();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#end = { code, reason: String(reason) };
        resolve(this.#end);
        this.#wake?.();
      });
    });
  }

  /** The subprotocol that the app has chosen; empty where there is none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** The extensions that are in use; empty where there are none. */
  get extensions(): string {
    return this.#socket.extensions;
  }

  /** The text that was written to `tsgi.errors` so far. */
  get errors(): string {
    return this.#client.log.join("");
  }

  /** Sends a message: a string as text, bytes as binary. */
  send(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  /** The next message, in the order in which they came: text as a string. Rejects with `TSGI_WEBSOCKET_CLOSED` after the last. */
  async receive(): Promise<string | Uint8Array> {
    for await (const message of this) return message;
    const { code, reason } = this.#end as Closed;
    throw new TsgiError("TSGI_WEBSOCKET_CLOSED", `the WebSocket was closed with ${`${code} ${reason}`.trim()}`, {
      cause: this.#client.failure,
    });
  }

  /** All messages that have not been received yet, up to the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array, undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) yield message;
      else if (this.#end !== undefined) return undefined;
      else {
        await new Promise<void>((resolve) => {
          const before = this.#wake;
          this.#wake = () => {
            this.#wake = undefined;
            resolve();
            before?.();
          };
        });
      }
    }
  }

  /** Begins to close; settles when it is closed. */
  close(code?: number, reason?: string): Promise<Closed> {
    this.#socket.close(code, reason);
    return this.closed;
  }

  /** Cuts the connection, as a client that is lost. */
  terminate(): Promise<Closed> {
    this.#socket.terminate();
    return this.closed;
  }
}

/** A client whose connection an app may take over. */
class UpgradeClient extends Client {
  readonly #connection: Duplex;

  constructor(lines: HeaderList, connection: Duplex) {
    super(lines, false);
    this.#connection = connection;
  }

  get upgrade(): () => object {
    return () => this.#connection;
  }
}

/** Opens a WebSocket on an app. */
export async function openWebSocket(app: App, opening: Opening): Promise<TestWebSocket> {
  const { WebSocket } = loadPackage<Ws>("ws", "webSocket", "ws@8");
  const [near, far] = duplexPair();
  const { protocols, compress: perMessageDeflate } = opening;
  const socket = new WebSocket("ws://localhost/", protocols, { createConnection: () => near, perMessageDeflate });
  const opened = new Promise<void>((resolve, reject) => socket.on("open", resolve).on("error", reject));
  const handshake = await handshakeOn(far);
  const client = new UpgradeClient([...opening.lines, ...handshake], far);
  const test = new TestWebSocket(socket, client);
  const begun = begin(client, "GET", opening.target, opening.scheme);
  if (begun !== undefined) begun.exchange.run(app, { ...begun.environ, ...opening.environ });
  const refused = begun === undefined ? new Response("", { status: 400 }) : client.response;
  try {
    await Promise.race([opened, Promise.resolve(refused).then(refuse)]);
    return test;
  } catch (error) {
    // The client is told of its own end by an error, which nobody waits for any more.
    opened.catch(() => {});
    socket.terminate();
    throw error;
  }
}

async function refuse(response: Response): Promise<never> {
  const text = await response.text();
  throw new TsgiError("TSGI_WEBSOCKET_REFUSED", `the app answered ${response.status}: ${text.trim()}`, {
    cause: response,
  });
}

/** The lines of the handshake that a client of `ws` sends; what follows is left in the connection. */
async function handshakeOn(connection: Duplex): Promise<HeaderList> {
  const none = Number.POSITIVE_INFINITY;
  const parser = new RequestParser({ targetLength: none, headSize: none, lines: none });
  while (parser.read() === MORE) parser.push(await nextChunk(connection));
  return headerPairs(parser.lines).filter(([name]) => !/^host$/i.test(name));
}

function nextChunk(connection: Duplex): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const take = (): void => {
      const chunk = connection.read() as Uint8Array | null;
      if (chunk === null) connection.once("readable", take);
      else resolve(chunk);
    };
    take();
  });
}
