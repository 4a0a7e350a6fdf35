// Server-sent events: what one client posts, all others hear. One that was away for a while gets what it has missed.
// $ npx tsgi examples/events.ts
// $ curl http://127.0.0.1:8000/news --data "it snows"
// told 0 listeners
// $ curl --silent --max-time 1 http://127.0.0.1:8000/news --header "Last-Event-ID: 0" || true
// :
//
// id: 1
// data: it snows

import { EventEmitter, on } from "node:events";
import { type App, type Environ, notFound, readBytes, text } from "tsgi";
import { router, sse } from "tsgi/middleware";

const said: string[] = [];
const news = new EventEmitter().setMaxListeners(0);

async function* listen(lastEventId: string | undefined, environ: Environ) {
  let next = lastEventId === undefined ? said.length : Number(lastEventId);
  const { signal } = environ["tsgi.exchange"];
  const more = on(news, "said", { signal });
  try {
    do {
      for (; next < said.length; next++) yield { id: String(next + 1), data: said[next] };
    } while (!(await more.next()).done);
  } finally {
    await more.return?.();
  }
}

const say: App = async (environ, startResponse) => {
  said.push(new TextDecoder().decode(await readBytes(environ, { limit: 1000 })));
  const count = news.listenerCount("said");
  news.emit("said");
  return text(`told ${count} listeners\n`)(environ, startResponse);
};

export const app = router(notFound, { "GET /news": sse(listen), "POST /news": say });
