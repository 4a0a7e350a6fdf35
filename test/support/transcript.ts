/** A response as one literal, so that an extra header fails too. */

import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";

/** Status line, header lines and body, as text: `200 OK`, `content-type: text/plain`, an empty line, the body. */
export async function transcript(app: App, url: string, options?: RequestOptions): Promise<string> {
  const response = await request(app, url, options);
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return [`${response.status} ${response.statusText}`, ...headers, "", await response.text()].join("\n");
}

/** An app that tells where it stands, for tests of what calls it. */
export function probe(name: string): App {
  return function probe(environ, startResponse) {
    startResponse("200 OK", []);
    const params = JSON.stringify(environ["tsgi.params"]);
    return `${name} at ${JSON.stringify(environ.SCRIPT_NAME)} for ${JSON.stringify(environ.PATH_INFO)} with ${params}`;
  };
}

/** What a `probe` answers. */
export function probed(name: string, mount: string, path: string, params = {}): string {
  return `${name} at ${JSON.stringify(mount)} for ${JSON.stringify(path)} with ${JSON.stringify(params)}`;
}

/** The body of a response. */
export async function bodyOf(app: App, url: string, options?: RequestOptions): Promise<string> {
  return (await request(app, url, options)).text();
}

/** A transcript, and what was reported to `tsgi.errors` meanwhile. */
export async function reported(
  app: App,
  url = "/",
  options: RequestOptions = {},
): Promise<[response: string, errors: string]> {
  const errors: string[] = [];
  const environ = { "tsgi.errors": { write: (text: string) => errors.push(text) } };
  const answer = await transcript(app, url, { ...options, environ });
  return [answer, errors.join("")];
}
