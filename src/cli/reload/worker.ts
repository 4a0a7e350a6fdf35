/** The program that serves an app which is restarted when its files change. It gets ready first, and loads when it is told to. */

import type { App } from "../../gateway.ts";
import { type ServeOptions, settingsOf } from "../../server/options.ts";
import { listenersOfServer, openRequests, serveAt } from "../../server/serve.ts";
import type { Order, Start } from "../../supervisor/messages.ts";
import { runWorker, type Served } from "../../supervisor/worker-side.ts";
import { inPlaceOf } from "../../wrapping.ts";
import { commandAccessLog } from "../access-log.ts";
import { become, findAccount } from "../accounts.ts";
import { parseArguments } from "../arguments.ts";
import { followCertificates } from "../certificates.ts";
import type { ModuleSource } from "../configuration/configuration.ts";
import { type LoadedApp, loadApp, splitTarget } from "../load-app.ts";
import { prepareLoader } from "../load-module.ts";
import { measure } from "../measure.ts";
import { readConfiguration } from "../read-configuration.ts";
import { siteTree } from "../site-tree.ts";
import { hintOnce } from "../source.ts";
import { reportStrayErrors, traceRequests } from "../stray-errors.ts";
import { loadTls } from "../tls-files.ts";
import { printExchanges } from "../verbose.ts";
import { failureApp, foldersOfMissing } from "./failure-app.ts";
import { forwardTo } from "./forward.ts";
import { followImports } from "./imported-files.ts";
import type { FromWorker, ReloadTask, ToWorker } from "./notes.ts";

/** How often it is looked whether more was imported, in milliseconds. */
const INTERVAL = 300;

async function open({ task, places }: Start): Promise<Served> {
  const told = new Promise<string | undefined>((resolve) => {
    onNote((note) => note.do === "load" && resolve(note.failure));
  });
  // Before anything of the app is loaded: of compiled code, errors are to show the source.
  process.setSourceMapsEnabled(true);
  const takeFiles = followImports();
  const configuration = await readConfiguration(parseArguments([...(task as ReloadTask).args]));
  const early = takeFiles();
  const { source, verbose } = configuration;
  const { target, load } = source as ModuleSource;
  const tls = configuration.tls && loadTls(configuration.tls);
  const account = findAccount(configuration.process);
  // No code of the app is to run as root.
  if (account !== undefined) become(account);
  // What goes wrong here goes wrong again where it is reported.
  await prepareLoader(splitTarget(target).file).catch(() => {});
  takeFiles();
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
    files: [...early, ...files],
    early,
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
  const measured = configuration.supervisor.status === undefined ? undefined : await measure(app);
  const logged = commandAccessLog(measured ?? app, configuration);
  const forward = address && forwardTo(address, tls !== undefined);
  const switching: App = (environ, startResponse) =>
    isLeaving && forward !== undefined ? forward(environ, startResponse) : logged.app(environ, startResponse);
  const options: ServeOptions = {
    ...configuration.serve,
    tls: tls?.options,
    development: true,
    onError: hintOnce(() => loaded),
  };
  const server = await serveAt(
    traceRequests(inPlaceOf(switching, app)),
    settingsOf(options),
    places.map((place) => ({ host: "", port: 0, unix: undefined, mode: undefined, ...place })),
  );
  onNote((note) => {
    if (note.do !== "leave") return;
    isLeaving = true;
    // The socket stays open in the other process, and what comes waits for the next worker.
    for (const listener of listenersOfServer(server)) listener.stop();
  });
  reportStrayErrors(process.stderr, () => openRequests(server));
  if (tls !== undefined) followCertificates(server, configuration, tls, () => {});
  return { server, title: loaded?.title ?? target, takeIncrements: measured?.takeIncrements };
}

function onNote(listener: (note: ToWorker) => void): void {
  process.on("message", (order: Order) => {
    if (order.type === "note") listener(order.note as ToWorker);
  });
}

function tell(note: FromWorker): void {
  if (process.connected) process.send?.({ type: "note", note });
}

runWorker(open);
