/** Targets that are processes, with faults that a test brings about while they are under load. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

const fixture = fileURLToPath(new URL("fixtures/faulty-target.mjs", import.meta.url));

/** How a target answers. */
export type Mode = "well" | "slow" | "garbage" | "cut" | "unavailable";

export interface FaultyTarget {
  readonly url: string;
  tell(mode: Mode): void;
  /** It gets no time any more, until it is let go on. */
  freeze(): void;
  goOn(): void;
  kill(): void;
  /** Freezes it, and has so many connections wait for it that no more are taken. */
  fill(): Promise<void>;
  /** The ids of the POSTs that it got, and how many there were. */
  seen(): Promise<{ readonly seen: readonly string[]; readonly count: number }>;
}

/** Starts a target, until `onEnd` calls back; `backlog` is how many connections wait in its queue. */
export async function faultyTarget(onEnd: (end: () => void) => void, backlog = 511): Promise<FaultyTarget> {
  const child: ChildProcess = fork(fixture, [String(backlog)], { execArgv: [], stdio: "inherit" });
  const sockets: Socket[] = [];
  onEnd(() => {
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
  });
  const [port] = (await once(child, "message")) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    tell: (mode) => void child.send(mode),
    freeze: () => void child.kill("SIGSTOP"),
    goOn: () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      child.kill("SIGCONT");
    },
    kill: () => void child.kill("SIGKILL"),
    async fill() {
      child.kill("SIGSTOP");
      for (let index = 0; index < 8; index++) sockets.push(connect(port, "127.0.0.1").on("error", () => {}));
      await Promise.race([
        Promise.all(sockets.map((socket) => once(socket, "connect"))),
        new Promise((resolve) => setTimeout(resolve, 50)),
      ]);
    },
    async seen() {
      child.send("seen");
      const [answer] = (await once(child, "message")) as [{ seen: string[]; count: number }];
      return answer;
    },
  };
}

/** What a load has come to. */
export interface Outcome {
  readonly failed: readonly string[];
  /** How long each took, in milliseconds, in order of length. */
  readonly times: readonly number[];
}

export interface Load {
  readonly count: number;
  readonly atOnce: number;
  readonly method?: string;
  /** Whether enough were sent. */
  readonly isOver?: () => boolean;
  /** Called when so many have been sent. */
  readonly when?: Readonly<Record<number, () => unknown>>;
}

let ids = 0;

/** Sends requests, each POST with an id of its own, so many at once. */
export async function load(
  app: App,
  { count, atOnce, method = "GET", when = {}, isOver = () => false }: Load,
): Promise<Outcome> {
  const failed: string[] = [];
  const times: number[] = [];
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent < count && !isOver()) {
      when[sent++]?.();
      const began = performance.now();
      const init = { method, lint: false };
      const body = method === "POST" ? { body: "x", headers: { "X-Id": String(ids++) } } : {};
      try {
        const response = await request(app, "/", { ...init, ...body });
        const { length } = await response.text();
        if (response.status !== 200 || length !== 1024) failed.push(String(response.status));
      } catch (error) {
        failed.push(error instanceof Error ? error.message : String(error));
      }
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  return { failed, times: times.sort((one, other) => one - other) };
}

/** The time that so many percent took at most. */
export function percentile({ times }: Outcome, share: number): number {
  return times[Math.ceil((times.length * share) / 100) - 1] ?? 0;
}
