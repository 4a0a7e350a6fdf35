/** A new supervisor takes the sockets of the old one over: new Node, new tsgi, new configuration, and no request is lost. */

import { type ChildProcess, spawn } from "node:child_process";
import type { Server, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MetricsSnapshot } from "../metrics/snapshot.ts";
import type { AcceptingServer, InheritedPlace } from "./place-sockets.ts";
import { SUCCESSION_VARIABLE } from "./settings.ts";
import type { Outcome } from "./slot.ts";
import type { Inherited } from "./sockets.ts";
import type { Supervisor } from "./supervisor.ts";
import { childArguments, FIRST_DESCRIPTOR } from "./worker.ts";

/** What a successor says when it listens to what it is sent, and once its workers serve. */
const LISTENING = "listening";
const READY = "ready";

/** What a supervisor that leaves has counted, or still counts. */
interface Counted {
  readonly counted: MetricsSnapshot;
}

/** What a successor is told beside its sockets: its environment, and what the listeners of this supervisor are. */
export interface Legacy extends Pick<Inherited, "statusFd" | "statusPort"> {
  readonly env: NodeJS.ProcessEnv;
  /** Ends it while its workers do not serve. */
  readonly signal: AbortSignal;
}

/** A supervisor that goes on with the sockets of this one. */
export interface Successor {
  readonly pid: number;
  /** Tells it what was counted here. */
  count(counted: MetricsSnapshot): void;
  /** Nothing more is told; the process of this supervisor may end once this resolves. */
  release(): Promise<void>;
}

/**
 * appointSuccessor starts a program that goes on with the sockets of a supervisor; resolves when its workers serve, and the
 * supervisor then has to stop as one that is replaced. Where it does not come to that, this one serves on. `args` are the program
 * and its arguments.
 */
export function appointSuccessor(
  supervisor: Supervisor,
  args: readonly string[],
  { env, signal, statusFd, statusPort }: Legacy,
): Promise<{ readonly ok: true; readonly successor: Successor } | Extract<Outcome, { ok: false }>> {
  const { places, descriptors, ticketKeys, events } = supervisor.legacy;
  let next = FIRST_DESCRIPTOR;
  const passedOn: InheritedPlace[] = places.map((place, index) => ({
    ...place,
    fds: (descriptors[index] ?? []).filter(isDescriptor).map(() => next++),
  }));
  const own = statusFd === undefined ? [] : [statusFd];
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...childArguments(), ...args], {
      env: { ...env, [SUCCESSION_VARIABLE]: "1" },
      stdio: ["inherit", "inherit", "inherit", "ipc", ...descriptors.flat().filter(isDescriptor), ...own],
      serialization: "advanced",
      signal,
      killSignal: "SIGKILL",
    });
  } catch (error) {
    return Promise.resolve({ ok: false, reason: (error as Error).message });
  }
  const passed = {
    ticketKeys,
    statusFd: statusFd === undefined ? undefined : next,
    statusPort,
    events,
  };
  const passOn = () => {
    child.send({ places: passedOn, ...passed } satisfies Inherited, () => {});
    // A server that accepts can be sent, and not inherited. It accepts from then on, so somebody has to listen.
    for (const server of descriptors.flat()) if (!isDescriptor(server)) child.send("server", server, () => {});
  };
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, reason: error.message }));
    child.once("exit", (code, signal) =>
      resolve({ ok: false, reason: `it ended with ${signal ?? `exit code ${code}`}` }),
    );
    child.on("message", (message) => {
      if (message === LISTENING) passOn();
      if (message !== READY) return;
      child.unref();
      resolve({ ok: true, successor: successorOf(child) });
    });
  });
}

function successorOf(child: ChildProcess): Successor {
  let told = Promise.resolve();
  return {
    pid: child.pid as number,
    count(counted) {
      if (!child.connected) return;
      told = new Promise((resolve) => child.send({ counted } satisfies Counted, () => resolve()));
    },
    async release() {
      // What a worker has told at its end may be read after that.
      await nextTurn();
      await told;
      if (child.connected) child.disconnect();
    },
  };
}

/** Takes what the supervisor before this one has counted; resolves when it has told its totals, or has gone. */
export function takeCounted(take: (counted: MetricsSnapshot) => void): Promise<void> {
  return new Promise((resolve) => {
    process.on("message", (message: Partial<Counted>) => {
      if (message.counted === undefined) return;
      take(message.counted);
      resolve();
    });
    process.once("disconnect", resolve);
    // It is not to keep this process alive.
    process.channel?.unref();
    if (!process.connected) resolve();
  });
}

function isDescriptor(passed: number | Server): passed is number {
  return typeof passed === "number";
}

/** What this process goes on with; undefined for one that begins. */
export async function inheritance(): Promise<Inherited | undefined> {
  if (process.env[SUCCESSION_VARIABLE] === undefined || process.send === undefined) return undefined;
  delete process.env[SUCCESSION_VARIABLE];
  let inherited: Inherited | undefined;
  const servers: AcceptingServer[] = [];
  return new Promise((resolve) => {
    process.on("message", function take(message: unknown, server: unknown) {
      if (message === "server") servers.push(hold(server as Server));
      else inherited = message as Inherited;
      if (inherited === undefined || servers.length < inherited.places.filter(({ isHanded }) => isHanded).length)
        return;
      process.off("message", take);
      resolve({
        ...inherited,
        places: inherited.places.map((place) => (place.isHanded ? { ...place, accepting: servers.shift() } : place)),
      });
    });
    process.send?.(LISTENING);
  });
}

/** It accepts from now on: nobody is to read from what comes, and it waits. */
function hold(server: Server): AcceptingServer {
  Object.assign(server, { pauseOnConnect: true });
  const early: Socket[] = [];
  server.on("connection", (socket) => early.push(socket));
  return { server, early };
}

/** Tells the supervisor before this one that the workers serve; resolves when it has gone, which it may have by now. */
export function succeed(): Promise<void> {
  // One that was killed meanwhile has nobody else to go on for it.
  if (!process.connected) return Promise.resolve();
  const parent = process.ppid;
  process.send?.(READY, undefined, {}, () => {});
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      resolve();
    }, 100);
    timer.unref();
  });
}
