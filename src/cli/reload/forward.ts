/** Sends requests on that came to a process which another one is replacing. */

import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { App, Environ, HeaderList, StatusLine } from "../../gateway.ts";
import type { Address } from "../../server/options.ts";

/** What belongs to one connection alone (RFC 9110 §7.6.1). */
const OF_CONNECTION =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|http2-settings|expect)$/i;

/**
 * forwardTo gives an app that repeats each request on a new connection to an address, where it waits until somebody accepts it. An
 * upgrade is not asked for there.
 */
export function forwardTo(address: Address, isTls: boolean): App {
  const where = "socket" in address ? { socketPath: address.socket.replace(/^unix:/, "") } : hostOf(address);
  return async function forward(environ, startResponse) {
    const response = await ask(where, isTls, environ);
    const status = `${response.statusCode} ${response.statusMessage || "Unknown"}` as StatusLine;
    startResponse(status, endToEnd(response.rawHeaders));
    return response;
  };
}

function hostOf({ name, port }: { readonly name: string; readonly port: number }): RequestOptions {
  const local = name === "0.0.0.0" ? "127.0.0.1" : name === "::" ? "::1" : name;
  return { host: local, port };
}

function ask(where: RequestOptions, isTls: boolean, environ: Environ): Promise<IncomingMessage> {
  const { headers = [] } = environ["tsgi.exchange"];
  const sent = headers.filter(([name]) => !OF_CONNECTION.test(name));
  const options = {
    ...where,
    method: environ.REQUEST_METHOD,
    path: environ.REQUEST_URI,
    headers: [...sent, ["Connection", "close"]].flat(),
    setHost: false,
    agent: false,
    // It is this very server.
    rejectUnauthorized: false,
    servername: environ.SSL_TLS_SNI as string | undefined,
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(options as RequestOptions, resolve);
    request.on("error", reject);
    environ["tsgi.exchange"].onAbort?.(() => request.destroy());
    pipeline(Readable.from(environ["tsgi.input"]), request).catch(reject);
  });
}

function endToEnd(raw: readonly string[]): HeaderList {
  const headers: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    if (!OF_CONNECTION.test(name)) headers.push([name, raw[index + 1] as string]);
  }
  return headers;
}
