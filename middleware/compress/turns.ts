/** Work for other threads, so much of it at once: what comes beyond waits for its turn. */

import { clientGone } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";

/** How much of it is done at once by the process: Node has four threads by default. */
const AT_ONCE = 4;

let running = 0;
const waiting: (() => void)[] = [];

/** Does work when it is its turn; rejects with `TSGI_CLIENT_GONE` where the client leaves before. */
export async function inTurn<T>(environ: Environ, work: () => Promise<T>): Promise<T> {
  if (running < AT_ONCE) running++;
  else await turn(environ);
  try {
    return await work();
  } finally {
    // The one that waits longest takes the place over.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function turn(environ: Environ): Promise<void> {
  return new Promise((resolve, reject) => {
    waiting.push(resolve);
    environ["tsgi.exchange"].onAbort?.(() => {
      const place = waiting.indexOf(resolve);
      if (place < 0) return;
      waiting.splice(place, 1);
      reject(clientGone());
    });
  });
}
