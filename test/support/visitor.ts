/** A client that keeps cookies, as a browser does for one site. */

import type { App, HeaderList } from "../../src/gateway.ts";
import { type RequestOptions, request, type TestResponse } from "../../src/testing.ts";

export class Visitor {
  readonly cookies: Map<string, string> = new Map();
  readonly #app: App;
  readonly #origin: string;

  constructor(app: App, origin = "https://site.example") {
    this.#app = app;
    this.#origin = origin;
  }

  /** A copy of the browser, as a thief has it. */
  copy(): Visitor {
    const copy = new Visitor(this.#app, this.#origin);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  async ask(path: string, options: RequestOptions = {}): Promise<TestResponse> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers: HeaderList = cookie === "" ? [] : [["Cookie", cookie]];
    const response = await request(this.#app, this.#origin + path, { headers, ...options });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = "", attributes = ""] = /^([^=]*)=([^;]*)(.*)$/.exec(line) ?? [];
      if (/; Max-Age=0\b/i.test(attributes)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  async read(path: string): Promise<string> {
    return (await this.ask(path)).text();
  }
}
