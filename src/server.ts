/**
 * Entry point `tsgi/server`: what a server or an adapter is made of. It parses requests and sends bytes; everything between is
 * here, with the rules of the contract. Everything here runs on any JavaScript runtime.
 *
 * ```ts
 * const errors = { write: (text: string) => console.error(text) };
 * const buildEnviron = environBuilder({ name: "localhost", port: "8000", scheme: "http", errors });
 *
 * const exchange = new Responder(sink, {});
 * const environ = buildEnviron("GET", "/a?b", "HTTP/1.1", ["Host", "localhost"], peer, exchange);
 * if (environ !== undefined) exchange.run(app, environ);
 * ```
 *
 * - `environBuilder` gives, once for a server, the function that builds each request's environ.
 * - `Responder` runs an app for one request and drives a `Sink`, which sends the response.
 * - A request body goes into `environ["tsgi.input"]`, which is empty unless it is replaced before `run`.
 */

export { NO_INPUT } from "./body/input.ts";
export {
  type BuildEnviron,
  environBuilder,
  type MutableEnviron,
  type Peer,
  plainAddress,
  type ServerInfo,
} from "./exchange/environ.ts";
export { reportError } from "./exchange/report.ts";
export { respond } from "./exchange/respond.ts";
export { Responder } from "./exchange/responder.ts";
export type { ErrorPage, ResponderOptions, Sink } from "./exchange/sink.ts";
export type { Status } from "./http/status.ts";
