/** A server for one test, and a client that sends and receives bytes as they are. */

import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { App } from "../../src/gateway.ts";
import { type ServeOptions, type Server, serve } from "../../src/server/serve.ts";

/** How long a test waits for what must happen, in milliseconds. */
const PATIENCE = 10_000;

export interface Started {
  readonly server: Server;
  /** What was written to `tsgi.errors`. */
  readonly log: string[];
  connect(): Promise<RawClient>;
}

/** Serves an app on a free port until the test is over. */
export async function start(t: TestContext, app: App, options: ServeOptions = {}): Promise<Started> {
  const log: string[] = [];
  const server = await serve(app, { port: 0, errors: { write: (text) => log.push(text) }, ...options });
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client.socket.destroy();
    await server.close({ grace: 0 });
  });
  return {
    server,
    log,
    async connect() {
      const client = await RawClient.open(
        connect(options.unix === undefined ? { port: server.port } : { path: options.unix }),
      );
      clients.push(client);
      return client;
    },
  };
}

/** An app that says hello. */
export const hello: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return "hello";
};

/** Line ends as they are sent. */
export function wire(text: string): string {
  return text.replaceAll("\n", "\r\n");
}

/** What `hello` sends on a connection that stays open. */
export const HELLO: string = wire(`HTTP/1.1 200 OK
Content-Type: text/plain
Content-Length: 5
Connection: keep-alive
Keep-Alive: timeout=5

hello`);

/** The last answer on a connection, in plain text. */
export function lastAnswer(status: string): string {
  return wire(`HTTP/1.1 ${status}
Content-Type: text/plain; charset=utf-8
Content-Length: ${status.length + 1}
Connection: close

${status}`).concat("\n");
}

export class RawClient {
  readonly socket: Socket;
  /** How the connection ended. */
  end: "end" | "reset" | undefined;
  #received = "";

  static open(socket: Socket): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
    });
    const ended = (how: "end" | "reset") => () => {
      this.end ??= how;
    };
    socket.on("end", ended("end"));
    socket.on("error", ended("reset"));
    socket.on("close", ended("reset"));
  }

  /** Everything that came so far, without the lines of `Date`. */
  get received(): string {
    return this.#received.replace(/^Date: .*\r\n/gm, "");
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  /** A whole `GET`. */
  get(path: string, ...headers: string[]): this {
    return this.send(
      ["GET ", path, " HTTP/1.1\r\nHost: a\r\n", ...headers.map((line) => `${line}\r\n`), "\r\n"].join(""),
    );
  }

  /** What was received, once it contains a text. */
  async until(text: string): Promise<string> {
    await eventually(() => {
      if (this.#received.includes(text) || this.received.includes(text)) return true;
      if (this.end !== undefined) throw new Error(`${this.end} after ${JSON.stringify(this.received)}`);
      return false;
    }, this);
    return this.received;
  }

  /** What was received until the connection ended. */
  async all(): Promise<string> {
    await eventually(() => this.end !== undefined, this);
    return this.received;
  }

  /** Forgets what was received. */
  clear(): void {
    this.#received = "";
  }
}

/** Waits until something is so; rejects with what a client has received where that takes too long. */
export async function eventually(isSo: () => boolean, client?: RawClient): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`waited in vain; received ${JSON.stringify(client?.received)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Time for what must not happen to happen. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}
