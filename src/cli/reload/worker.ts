/** The program that serves an app which is restarted when its files change. It gets ready first, and loads when it is told to. */

import type { App } from "../../gateway.ts";
import { type ServeOptions, settingsOf } from "../../server/options.ts";
import { listenersOfServer, openRequests, serveAt } from "../../server/serve.ts";
import type { Order, Start } from "../../supervisor/messages.ts";
import { runWorker, type Served } from "../../supervisor/worker-side.ts";
import { inPlaceOf } from "../../wrapping.ts";
import { interfaceHint, looksMistaken } from "../detect-app.ts";
import { type LoadedApp, loadApp, splitTarget } from "../load-app.ts";
import { prepareLoader } from "../load-module.ts";
import { siteTree } from "../site-tree.ts";
import { reportStrayErrors, traceRequests } from "../stray-errors.ts";
import { printExchanges } from "../verbose.ts";
import { failureApp, foldersOfMissing } from "./failure-app.ts";
import { forwardTo } from "./forward.ts";
import { followImports } from "./imported-files.ts";
import type { FromWorker, ReloadTask, ToWorker } from "./notes.ts";

/** How often it is looked whether more was imported, in milliseconds. */
const INTERVAL = 300;

async function open({ task, places }: Start): Promise<Served> {
  const { target, load, serve, verbose } = task as ReloadTask;
  const told = new Promise<string | undefined>((resolve) => {
    onNote((note) => note.do === "load" && resolve(note.failure));
  });
  // Before anything of the app is loaded: of compiled code, errors are to show the source.
  process.setSourceMapsEnabled(true);
  const { file } = splitTarget(target);
  // What goes wrong here goes wrong again where it is reported.
  await prepareLoader(file).catch(() => {});
  const takeFiles = followImports();
  const failure = await told;
  const since = Date.now();
  let loaded: LoadedApp | undefined;
  let error: unknown = new Error(failure);
  if (failure === undefined) {
    try {
      loaded = await loadApp(target, load);
    } catch (loadError) {
      error = loadError;
      process.stderr.write(`tsgi: ${(loadError as Error).message}\n`);
    }
  } else Object.assign(error as Error, { stack: "" });
  const app = loaded?.app ?? failureApp(error);
  const files = takeFiles();
  tell({
    is: "loaded",
    since,
    files,
    folders: loaded === undefined ? foldersOfMissing((error as Error).cause ?? error, files) : [],
    hasFailed: loaded === undefined,
    tree: siteTree(app),
  });
  setInterval(() => {
    const more = takeFiles();
    if (more.length > 0) tell({ is: "imported", files: more });
  }, INTERVAL).unref();
  if (verbose) printExchanges(process.stdout);
  const { address } = places[0] ?? {};
  let isLeaving = false;
  const forward = address && forwardTo(address, (serve as ServeOptions).tls !== undefined);
  const switching: App = (environ, startResponse) =>
    isLeaving && forward !== undefined ? forward(environ, startResponse) : app(environ, startResponse);
  const options: ServeOptions = { ...serve, development: true, onError: hintOnce(loaded) };
  const server = await serveAt(
    traceRequests(inPlaceOf(switching, app)),
    settingsOf(options),
    places.map((place) => ({ host: "", port: 0, unix: undefined, ...place })),
  );
  onNote((note) => {
    if (note.do !== "leave") return;
    isLeaving = true;
    // The socket stays open in the other process, and what comes waits for the next worker.
    for (const listener of listenersOfServer(server)) listener.stop();
  });
  reportStrayErrors(process.stderr, () => openRequests(server));
  return { server, title: loaded?.title ?? target };
}

function onNote(listener: (note: ToWorker) => void): void {
  process.on("message", (order: Order) => {
    if (order.type === "note") listener(order.note as ToWorker);
  });
}

function tell(note: FromWorker): void {
  if (process.connected) process.send?.({ type: "note", note });
}

/** The first error that looks like a wrong guess prints how to name the interface. */
function hintOnce(loaded: LoadedApp | undefined): ServeOptions["onError"] {
  if (!loaded?.isGuessed) return undefined;
  let isSaid = false;
  return (error) => {
    if (isSaid || !looksMistaken(error)) return;
    isSaid = true;
    process.stderr.write(interfaceHint(loaded.name));
  };
}

runWorker(open);
