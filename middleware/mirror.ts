/**
 * Sends copies of requests to another app as well, for example to a new release before anything depends on it.
 *
 * ```ts
 * export const app = mirror(site, proxy("http://10.0.0.9:3000"), { share: 10 });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { mayHaveBody, NO_INPUT } from "../src/body/input.ts";
import { choose, enter } from "../src/exchange/innermost.ts";
import type { App, Environ } from "../src/gateway.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { CopiedInput, CopyingInput } from "./mirror/copied-input.ts";
import { Copy } from "./mirror/copy.ts";

/** How much is copied. */
export interface MirrorOptions {
  /** How many percent of the requests are copied, evenly spread. Default 100. */
  share?: number;
  /** How many copies may be under way at once; while there are as many, no further requests are copied. Default 100. */
  limit?: number;
  /** How many bytes of a request body may wait for the other app; a copy that is further behind is given up. Default 65,536. */
  buffer?: number;
  /** How long a copy may take, in milliseconds; then it is given up. Default 30,000. */
  timeout?: number;
}

const KINDS: Kinds<MirrorOptions> = {
  share: {
    expected: "a number from 0 to 100",
    accepts: (value) => typeof value === "number" && value >= 0 && value <= 100,
  },
  limit: count(1),
  buffer: count(),
  timeout: count(1, 2 ** 31 - 1),
};

/**
 * mirror has `app` answer, and gives copies of its requests to `target`, whose responses are read and thrown away. `app` is called
 * first, and waits for nothing: a copy that is too slow, or one too many, is dropped, and what `target` fails with is reported.
 *
 * A copy has the environ of the request, with its own `tsgi.state`. Its body consists of what `app` reads, as it reads it; where
 * that does not read all of it, or the client leaves before its end, reading the copy rejects with `TSGI_CLIENT_GONE`. The `signal`
 * and the `onAbort` callbacks of a copy tell that it was given up. Requests for an upgrade are not copied.
 *
 * Requests that change something are copied too: `target` needs a database of its own.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function mirror(app: App, target: App, options: MirrorOptions = {}): App {
  checkApp(app, "mirror");
  checkApp(target, "mirror");
  checkOptions("mirror", options, KINDS);
  const { share = 100, limit = 100, buffer = 65_536, timeout = 30_000 } = options;
  let owed = 0;
  let underWay = 0;

  function isCopied(environ: Environ): boolean {
    const { onUpgrade, upgrade } = environ["tsgi.exchange"];
    if (onUpgrade !== undefined || upgrade !== undefined) return false;
    owed += share;
    if (owed < 100) return false;
    owed -= 100;
    return underWay < limit;
  }

  const over = (): void => {
    underWay--;
  };

  const outer: App = function mirror(environ, startResponse) {
    if (!isCopied(environ)) return app(choose(environ, app), startResponse);
    underWay++;
    if (!mayHaveBody(environ)) {
      new Copy(environ, NO_INPUT, timeout, over).start(target);
      return app(choose(environ, app), startResponse);
    }
    const input = new CopiedInput(buffer);
    const copy = new Copy(environ, input, timeout, over);
    input.onLate = () => copy.giveUp();
    copy.start(target);
    const inner = enter({ ...environ, "tsgi.input": new CopyingInput(environ, input) });
    return app(choose(inner, app), startResponse);
  };
  return wrapping(outer, [{ app }, { app: target, label: "(copies)" }]);
}
