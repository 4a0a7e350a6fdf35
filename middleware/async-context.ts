/**
 * Tells which request is being answered, wherever that is asked.
 *
 * ```ts
 * const log = (text: string) => console.log(currentEnviron()?.["tsgi.state"]["request.id"], text);
 *
 * export const app = requestId(asyncContext(site));
 * ```
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { checkApp } from "../src/apps.ts";
import { BodyReader, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import type { App, Body, Environ } from "../src/gateway.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/** One for all: what asks does not know which `asyncContext` is around it. */
const storage = new AsyncLocalStorage<Environ>();

/**
 * currentEnviron gives the environ of the request that is being answered, as the innermost `asyncContext` around has it; undefined
 * outside of one. It is for what has no other way to know, such as a logger: an app has its environ.
 */
export function currentEnviron(): Environ | undefined {
  return storage.getStore();
}

/**
 * asyncContext has `currentEnviron()` give the environ of a request while `app` answers it: in the app, in all that it awaits or starts,
 * and in its body, each time that is read and when it is closed. It goes by `AsyncLocalStorage` of `node:async_hooks`.
 *
 * Listeners of `onAbort` and of the `signal`, and the handlers of `websocket`, are called by others: what they need of the environ, they
 * take along. What was started for a request and goes on after it keeps its environ in memory. It refuses nothing and adds nothing to
 * responses. It needs Node.
 */
export function asyncContext(app: App): App {
  checkApp(app, "asyncContext");
  const outer: App = function asyncContext(environ, startResponse) {
    return andThen(
      storage.run(environ, () => app(environ, startResponse)),
      (body: Body) => within(environ, body),
    );
  };
  return wrapping(outer, app);
}

/** A body whose steps run in the context. */
function within(environ: Environ, body: Body): Body {
  if (knownChunks(body) !== undefined) return body;
  const reader = storage.run(environ, () => new BodyReader(body));
  return toStream({
    isAsync: reader.isAsync,
    next: () => storage.run(environ, () => reader.next()),
    close: () => storage.run(environ, () => reader.close()),
  });
}
