/** The program of a worker: it loads the app that the supervisor names, tries it, and serves it. */

import type { App } from "../gateway.ts";
import { settingsOf } from "../server/options.ts";
import { openRequests, serveAt } from "../server/serve.ts";
import type { Start } from "../supervisor/messages.ts";
import type { WorkerTask } from "../supervisor/supervise.ts";
import { runWorker, type Served } from "../supervisor/worker-side.ts";
import { request } from "../testing.ts";
import { loadApp } from "./load-app.ts";
import { reportStrayErrors } from "./stray-errors.ts";

async function open({ task, places, ticketKeys }: Start): Promise<Served> {
  const { target, interface: name, isFactory, serve, readyPath } = task as WorkerTask;
  const { app, title } = await loadApp(target, { interface: name, isFactory });
  if (readyPath !== undefined) await tryOut(app, readyPath);
  const { tls } = serve;
  const settings = settingsOf({
    ...serve,
    multiprocess: true,
    tls: tls === undefined ? undefined : { ticketKeys, ...tls },
  });
  const server = await serveAt(
    app,
    settings,
    places.map(({ address, fd }) => ({ host: "", port: 0, unix: undefined, fd, address })),
  );
  reportStrayErrors(process.stderr, () => openRequests(server));
  return { server, title };
}

/** An app that does not answer well is not to replace one that does. Rejects with what it has answered. */
async function tryOut(app: App, path: string): Promise<void> {
  const response = await request(app, path, { lint: false });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status} ${response.statusText}`);
}

runWorker(open);
