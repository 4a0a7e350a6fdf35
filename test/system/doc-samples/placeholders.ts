/** What samples in doc comments leave to the reader, by the names that they use. */

import { createServer } from "node:http";
import { type App, type Environ, type StartResponse, text } from "tsgi";
import { type Peer, Responder, type Sink } from "tsgi/server";

const page: App = text("a page\n");

export const app: App = page;
export const api: App = page;
export const blog: App = page;
export const myApp: App = page;
export const newSite: App = page;
export const oldSite: App = page;
export const shop: App = page;
export const site: App = page;
export const tenantSite: App = page;
export const website: App = page;
export const uploads: App = page;
export const reports: App = page;
export const figures: App = page;
export const showUser: App = page;
export const addUser: App = page;

export { Server as SocketServer } from "socket.io";

/** Of `router` and of Hono. */
// biome-ignore lint/suspicious/noExplicitAny: two kinds of handlers have this name.
export const listUsers: any = page;

export const http: { createServer: typeof createServer } = { createServer };
export const peer: Peer = { address: "127.0.0.1", port: "50000" };

/** A sink that keeps nothing. */
export const sink: Sink = { closed: false, writeHead() {}, flush() {}, write() {}, end() {}, abort() {}, onClose() {} };

export const environ: Environ = {
  REQUEST_METHOD: "GET",
  SCRIPT_NAME: "",
  PATH_INFO: "/",
  QUERY_STRING: "",
  REQUEST_URI: "/",
  SERVER_NAME: "localhost",
  SERVER_PORT: "80",
  SERVER_PROTOCOL: "HTTP/1.1",
  REMOTE_ADDR: "127.0.0.1",
  REMOTE_PORT: "50000",
  "tsgi.version": [1, 0],
  "tsgi.url_scheme": "http",
  "tsgi.input": (async function* () {})(),
  "tsgi.errors": { write() {} },
  "tsgi.multithread": false,
  "tsgi.multiprocess": false,
  "tsgi.run_once": false,
  "tsgi.exchange": new Responder(sink, {}),
  "tsgi.params": {},
  "tsgi.state": {},
};

export const startResponse: StartResponse = () => () => {};

/** Runtimes that are not this one. */
export const Deno = { serve(_handler: (request: Request) => Promise<Response>): void {} };
export const Bun = { serve(_options: { fetch(request: Request): Promise<Response> }): void {} };

/** What guards ask. */
export const annsPassword = "a secret";
export const sessionKey = "a secret of 32 characters or more";
export const directory = { verify: async (_name: string, _password: string): Promise<boolean> => true };

/** What takes its time, and can be told to stop. */
export const find = async (_signal: AbortSignal | undefined): Promise<unknown> => ({});

/** Of `rate-limiter-flexible`, and of `redis`. */
export { RateLimiterRedis } from "rate-limiter-flexible";
export const storeClient = {};
