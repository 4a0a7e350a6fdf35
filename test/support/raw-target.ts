/** A server that proxies send requests to, which sends bytes as they are and remembers what it got. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { eventually, wire } from "./raw-client.ts";

/** What it does about a request: the bytes that it sends, with `\n` for line ends, or anything. */
export type Answer = string | ((socket: Socket, head: string, count: number) => void);

export interface RawTarget {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** The heads of all requests, in the order in which they came. */
  readonly heads: string[];
  /** The connections that are open. */
  readonly open: Set<Socket>;
  /** How many connections there were. */
  readonly connections: number;
  /** All bytes that it got. */
  readonly received: string;
  /** Waits until it has got a text. */
  until(text: string): Promise<string>;
  /** Waits until it has no connection. */
  untilLeft(): Promise<void>;
}

/** Starts a target for one test. */
export async function rawTarget(t: TestContext, answer: Answer): Promise<RawTarget> {
  const heads: string[] = [];
  const open = new Set<Socket>();
  let received = "";
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    open.add(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      received += chunk.toString("latin1");
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        // What follows a head is a body, until the next request line.
        const start = text.search(/(?:[A-Z]+) \S+ HTTP\/1\.1\r\n/);
        if (end < 0 || start < 0 || start > end) return;
        const head = text.slice(start, end + 4);
        text = text.slice(end + 4);
        heads.push(head);
        if (typeof answer === "string") socket.write(Buffer.from(wire(answer), "latin1"));
        else answer(socket, head, heads.length);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    heads,
    open,
    get connections() {
      return connections;
    },
    get received() {
      return received;
    },
    async until(text) {
      await eventually(() => received.includes(text));
      return received;
    },
    untilLeft: () => eventually(() => open.size === 0),
  };
}

/** A whole response. */
export const HI = "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi";

/** Sends bytes, with `\n` for line ends. */
export function sendTo(socket: Socket, text: string): void {
  socket.write(Buffer.from(wire(text), "latin1"));
}
