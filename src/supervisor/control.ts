/** What `tsgi ctl` talks to: an app that reports on a supervisor, and passes orders to it. */

import { json, notFound, text } from "../apps.ts";
import type { App, Environ } from "../gateway.ts";
import type { Outcome } from "./slot.ts";
import type { Status } from "./status.ts";
import type { SupervisedRequest } from "./supervisor.ts";

/** What can be asked of a supervisor. */
export interface Controlled {
  readonly status: Status;
  requests(): Promise<readonly SupervisedRequest[]>;
  reload(): Promise<Outcome>;
  scale(workers: number): Promise<Outcome>;
  stop(): Promise<void>;
}

interface Control {
  readonly method: "GET" | "POST";
  answer(controlled: Controlled, environ: Environ): Promise<App>;
}

const CONTROLS: ReadonlyMap<string, Control> = new Map<string, Control>([
  ["/status", { method: "GET", answer: async ({ status }) => json(status) }],
  ["/requests", { method: "GET", answer: async (controlled) => json(await controlled.requests()) }],
  ["/reload", { method: "POST", answer: async (controlled) => outcomeApp(await controlled.reload()) }],
  ["/scale", { method: "POST", answer: scale }],
  [
    "/stop",
    {
      method: "POST",
      async answer(controlled) {
        await controlled.stop();
        return json({ ok: true, pid: process.pid });
      },
    },
  ],
]);

/**
 * controlApp answers `GET /status` and `GET /requests` with JSON, and does `POST /reload`, `POST /scale?workers=3` and `POST /stop`:
 * 200 with `{"ok":true}` when it is done, 500 with `{"ok":false,"reason":"…"}` where it was not. After the answer to the last one the
 * process ends, whose `pid` is in it.
 */
export function controlApp(controlled: Controlled): App {
  return async function control(environ, startResponse) {
    const found = CONTROLS.get(environ.PATH_INFO);
    if (found === undefined) return notFound(environ, startResponse);
    if (found.method !== environ.REQUEST_METHOD) {
      const status = "405 Method Not Allowed";
      return text(`${status}\n`, { status, headers: [["Allow", found.method]] })(environ, startResponse);
    }
    return (await found.answer(controlled, environ))(environ, startResponse);
  };
}

async function scale(controlled: Controlled, { QUERY_STRING: query }: Environ): Promise<App> {
  const workers = /^workers=(\d{1,9})$/.exec(query)?.[1];
  if (workers !== undefined) return outcomeApp(await controlled.scale(Number(workers)));
  return json({ ok: false, reason: "give a number of workers: /scale?workers=3" }, { status: "400 Bad Request" });
}

function outcomeApp(outcome: Outcome): App {
  return json(outcome, { status: outcome.ok ? "200 OK" : "500 Internal Server Error" });
}
