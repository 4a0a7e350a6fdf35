/** The program of a worker: it loads the app that it is told of, tries it, and serves it. */

import type { App } from "../gateway.ts";
import { settingsOf } from "../server/options.ts";
import { openRequests, type ServeOptions, type Server, serveAt } from "../server/serve.ts";
import type { Start } from "../supervisor/messages.ts";
import type { WorkerTask } from "../supervisor/supervise.ts";
import { runWorker, type Served } from "../supervisor/worker-side.ts";
import { request } from "../testing.ts";
import { commandAccessLog, type LoggedApp } from "./access-log.ts";
import { become, findAccount } from "./accounts.ts";
import { parseArguments } from "./arguments.ts";
import { followCertificates } from "./certificates.ts";
import { measure } from "./measure.ts";
import { readConfiguration } from "./read-configuration.ts";
import { siteTree } from "./site-tree.ts";
import { hintOnce, loadSource, type Source } from "./source.ts";
import { reportStrayErrors, traceRequests } from "./stray-errors.ts";
import { loadTls } from "./tls-files.ts";
import { printExchanges } from "./verbose.ts";

/** What the command tells its workers: its own arguments, so that a new worker reads a configuration that has changed. */
export interface CommandTask {
  readonly args: readonly string[];
}

/** What a worker is to do. */
interface Plan {
  readonly serve: ServeOptions;
  readonly readyPath: string | undefined;
  /** Whether the supervisor adds up what is measured. */
  readonly isMeasured: boolean;
  load(): Promise<Source>;
  /** Has the requests of an app logged. */
  log(app: App): LoggedApp;
  /** Called with the server, once it serves. */
  begin(server: Server): void;
}

runWorker(async ({ task, places, ticketKeys }: Start): Promise<Served> => {
  const plan = "args" in (task as object) ? await planOfCommand(task as CommandTask) : planOfCode(task as WorkerTask);
  const { serve, readyPath } = plan;
  const loaded = await plan.load();
  if (readyPath !== undefined) await tryOut(loaded.app, readyPath);
  const measured = plan.isMeasured ? await measure(loaded.app) : undefined;
  const { app, reopen } = plan.log(measured ?? loaded.app);
  const tls = serve.tls && { ...serve.tls, ticketKeys: serve.tls.ticketKeys ?? ticketKeys };
  const settings = settingsOf({ ...serve, multiprocess: true, tls, onError: hintOnce(() => loaded) });
  const server = await serveAt(
    serve.development ? traceRequests(app) : app,
    settings,
    places.map(({ address, fd }) => ({ host: "", port: 0, unix: undefined, mode: undefined, fd, address })),
  );
  reportStrayErrors(process.stderr, () => openRequests(server));
  plan.begin(server);
  return {
    server,
    title: loaded.title,
    tree: siteTree(loaded.app),
    reopen,
    takeIncrements: measured?.takeIncrements,
  };
});

async function planOfCommand({ args }: CommandTask): Promise<Plan> {
  const configuration = await readConfiguration(parseArguments([...args]));
  const { supervisor, serve, verbose, quiet } = configuration;
  const tls = configuration.tls && loadTls(configuration.tls);
  const account = findAccount(configuration.process);
  if (verbose) printExchanges(process.stdout);
  if (serve.development) process.setSourceMapsEnabled(true);
  return {
    serve: { ...serve, tls: tls?.options },
    readyPath: supervisor.readyPath,
    isMeasured: supervisor.status !== undefined,
    load() {
      // No code of the app is to run as root.
      if (account !== undefined) become(account);
      return loadSource(configuration);
    },
    log: (app) => commandAccessLog(app, configuration),
    begin(server) {
      if (tls === undefined) return;
      followCertificates(server, configuration, tls, () => {
        if (!quiet) process.stdout.write("tsgi: reloaded the certificate\n");
      });
    },
  };
}

function planOfCode({ target, interface: name, isFactory, readyPath, isMeasured, serve }: WorkerTask): Plan {
  const source = { kind: "module", target, load: { interface: name, isFactory } } as const;
  return {
    serve,
    readyPath,
    isMeasured,
    load: () => loadSource({ source }),
    log: (app) => ({ app, reopen: undefined }),
    begin() {},
  };
}

/** An app that does not answer well is not to replace one that does. Rejects with what it has answered. */
async function tryOut(app: App, path: string): Promise<void> {
  const response = await request(app, path, { lint: false });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status} ${response.statusText}`);
}
