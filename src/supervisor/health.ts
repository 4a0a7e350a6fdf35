/** What the supervisor answers on a listener of its own, also while every worker hangs. */

import { json, notFound, type ResponseOptions, text } from "../apps.ts";
import type { App } from "../gateway.ts";
import { EXPOSITION_TYPE, exposition } from "../metrics/exposition.ts";
import type { MetricsSnapshot } from "../metrics/snapshot.ts";
import type { Status } from "./status.ts";

/** What the listener reports on. */
export interface Told {
  readonly status: Status;
  metrics(): MetricsSnapshot;
}

const NO_STORE: ResponseOptions = { headers: [["Cache-Control", "no-store"]] };

const OK = text("ok\n", NO_STORE);

/**
 * healthApp answers `/livez` with 200 while the supervisor lives; `/readyz` with 200 while a worker takes requests, and with 503
 * where none does and from the moment at which the supervisor is told to stop; `/status` with JSON, and `/metrics` in the text
 * format of Prometheus.
 */
export function healthApp(told: Told): App {
  return function health(environ, startResponse) {
    return healthAnswer(told, environ.PATH_INFO)(environ, startResponse);
  };
}

function healthAnswer(told: Told, path: string): App {
  switch (path) {
    case "/livez":
      return OK;
    case "/readyz":
      return readiness(told.status);
    case "/status":
      return json(told.status, NO_STORE);
    case "/metrics":
      return text(exposition(told.metrics()), {
        headers: [
          ["Content-Type", EXPOSITION_TYPE],
          ["Cache-Control", "no-store"],
        ],
      });
    default:
      return notFound;
  }
}

function readiness({ state, serving }: Status): App {
  const isStopping = state === "draining" || state === "stopped";
  if (!isStopping && serving > 0) return OK;
  return text(isStopping ? `${state}\n` : "no worker serves\n", { ...NO_STORE, status: "503 Service Unavailable" });
}
