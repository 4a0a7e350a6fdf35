/** Clients in a process of their own, which send one request after the other. */

import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fixture } from "./fixture.ts";
import type { Report } from "./fixtures/closed-loops.ts";

export interface Loops {
  /** Resolves when so many more requests were answered, to what happened so far. */
  more(count: number): Promise<Report>;
  /** Lets each client finish its request. */
  stop(): Promise<Report>;
}

/** Starts clients of a port, over HTTP/1.1; `args` are the other arguments of the program. */
export function loops(t: TestContext, port: number | string, ...args: string[]): Promise<Loops> {
  return loopsOf(t, "closed-loops.ts", [String(port), ...args]);
}

/** Starts clients over HTTP/2. */
export function http2Loops(t: TestContext, port: string, way: string): Promise<Loops> {
  return loopsOf(t, "http2-loops.ts", [port, way]);
}

async function loopsOf(t: TestContext, program: string, args: readonly string[]): Promise<Loops> {
  const clients = await fixture(t, program, args);
  await clients.line();
  const report = async (question: string) => JSON.parse(await clients.ask(question)) as Report;
  return {
    async more(count) {
      const { answered } = await report("report");
      for (;;) {
        const now = await report("report");
        if (now.answered >= answered + count) return now;
        await sleep(20);
      }
    },
    stop: () => report("stop"),
  };
}
