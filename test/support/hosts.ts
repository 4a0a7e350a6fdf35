/** One app under every kind of host, and what its client and its log get to see. */

import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";
import { toFetch } from "../../src/adapters/to-fetch.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import type { App, Environ, ErrorStream } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";

export interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isCut: boolean;
}

export interface Asked {
  /** Undefined where there was none: the client left, or the connection was cut. */
  readonly answer: Answer | undefined;
  readonly errors: readonly string[];
}

/** What is asked for beside `/`. */
export interface AskOptions {
  readonly method?: string;
  /** After how many milliseconds the client leaves. */
  readonly leaveAfter?: number | undefined;
}

/** Asks an app for `/`. */
export type Ask = (app: App, options?: AskOptions) => Promise<Asked>;

/** The apps that are asked over a socket, and what they have reported, by the path that they are asked at. */
const asked: { readonly app: App; readonly errors: string[] }[] = [];

const byPath: App = (environ, startResponse) => {
  const { app, errors } = asked[Number(environ.PATH_INFO.slice(1))] as (typeof asked)[number];
  const log = { write: (written: string) => void errors.push(written) };
  return app({ ...environ, PATH_INFO: "/", "tsgi.errors": log }, startResponse);
};

/** What the server reports by itself names the path. */
const serverErrors = {
  write(written: string): void {
    const path = /^\w+ \/(\d+)(?: \[\w+\])?: /.exec(written)?.[1];
    if (path !== undefined) asked[Number(path)]?.errors.push(written);
  },
};

function overSocket(port: number): Ask {
  return (app, { method = "GET", leaveAfter } = {}) =>
    new Promise((resolve) => {
      const errors: string[] = [];
      const path = `/${asked.push({ app, errors }) - 1}`;
      const outgoing = httpRequest({ port, path, method, agent: false }, async (incoming: IncomingMessage) => {
        let body = "";
        const answer = (isCut: boolean) => ({
          answer: { status: incoming.statusCode, headers: incoming.headers as Record<string, string>, body, isCut },
          errors,
        });
        try {
          for await (const part of incoming) body += part;
          resolve(answer(!incoming.complete));
        } catch {
          resolve(answer(true));
        }
      });
      outgoing.on("error", () => resolve({ answer: undefined, errors }));
      outgoing.end();
      if (leaveAfter !== undefined) setTimeout(() => outgoing.destroy(), leaveAfter);
    });
}

function inProcess(
  call: (app: App, log: ErrorStream, init: { method: string; signal: AbortSignal }) => Promise<Response>,
): Ask {
  return async (app, { method = "GET", leaveAfter } = {}) => {
    const errors: string[] = [];
    const controller = new AbortController();
    if (leaveAfter !== undefined) setTimeout(() => controller.abort(), leaveAfter);
    let response: Response;
    try {
      response = await call(
        app,
        { write: (written) => void errors.push(written) },
        {
          method,
          signal: controller.signal,
        },
      );
    } catch {
      return { answer: undefined, errors };
    }
    const { status } = response;
    const headers = Object.fromEntries(response.headers);
    try {
      // A client that left does not wait for the rest.
      const left = new Promise<never>((_resolve, reject) => controller.signal.addEventListener("abort", reject));
      return { answer: { status, headers, body: await Promise.race([response.text(), left]), isCut: false }, errors };
    } catch {
      return { answer: { status, headers, body: "", isCut: true }, errors };
    }
  };
}

/** Every kind of host that an app runs under; they are closed when the tests of the file are over. */
export async function everyHost(): Promise<Readonly<Record<string, Ask>>> {
  const served = await serve(byPath, { port: 0, errors: serverErrors });
  const hosted = createServer(toNode(byPath, { errors: serverErrors }));
  await new Promise<void>((resolve) => hosted.listen(0, "127.0.0.1", resolve));
  after(async () => {
    await served.close({ grace: 0 });
    hosted.closeAllConnections();
    hosted.close();
  });
  return {
    serve: overSocket(served.port),
    toNode: overSocket((hosted.address() as AddressInfo).port),
    toFetch: inProcess((app, log, init) => toFetch(app, { errors: log })(new Request("http://localhost/", init))),
    testing: inProcess((app, log, { method, signal }) =>
      request(app, "/", { lint: false, method, signal, environ: { "tsgi.errors": log } as Partial<Environ> }),
    ),
  };
}
