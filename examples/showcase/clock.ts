/** A stream that never ends: a generator is asked for its next event for as long as the client reads. */

import { setTimeout as sleep } from "node:timers/promises";
import { type App, notFound, pathTo } from "tsgi";
import { router, sse } from "tsgi/middleware";
import { page } from "./layout.ts";

const face: App = (environ, startResponse) => {
  const content = `<h1>Clock</h1>
<p class="lead">One response that goes on: an async generator yields an event each second, and <code>exchange.signal</code>
ends its wait when you leave.</p>
<p class="time"><time id="time" data-events="${pathTo(environ, "/events")}">··:··:··</time></p>
<script type="module" src="/static/clock.js"></script>`;
  return page("Clock", content)(environ, startResponse);
};

const events = sse(async function* (_lastEventId, environ) {
  const { signal } = environ["tsgi.exchange"];
  for (;;) {
    yield new Date().toISOString();
    // The signal ends the wait at once when the client goes away; without it, the timer would run on.
    await sleep(1000, undefined, { signal });
  }
});

export const clock = router(notFound, { "GET /": face, "GET /events": events });
