/** Targets of one test, and a balancer of them. */

import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { type Balancer, type BalancerOptions, balancer } from "../../middleware/balancer.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { type Answer, HI, type RawTarget, rawTarget, sendTo } from "./raw-target.ts";

export const named = (name: string): string => `HTTP/1.1 200 OK\nContent-Length: ${name.length}\n\n${name}`;
export const reset: Answer = (socket) => socket.resetAndDestroy();

/** Targets, and a balancer of them. */
export async function balanced(
  t: TestContext,
  answers: readonly Answer[],
  options: BalancerOptions = {},
): Promise<{ targets: RawTarget[]; app: Balancer }> {
  const targets: RawTarget[] = [];
  for (const answer of answers) targets.push(await rawTarget(t, answer));
  const app = balancer(
    targets.map(({ url }) => url),
    options,
  );
  t.after(() => app.close());
  return { targets, app };
}

/** The bodies of so many responses in a row, or their statuses. */
export async function ask(app: App, count: number, url = "/", init = {}): Promise<string[]> {
  const got: string[] = [];
  for (let index = 0; index < count; index++) {
    const response = await request(app, url, init);
    const body = await response.text();
    got.push(response.status === 200 ? body : String(response.status));
  }
  return got;
}

export const headsOf = (targets: readonly RawTarget[]): number[] => targets.map(({ heads }) => heads.length);

/** Holds each response back until it is released. */
export function held(): { answer: Exclude<Answer, string>; release(): void; sockets: Socket[] } {
  const sockets: Socket[] = [];
  const release = (): void => {
    for (const socket of sockets.splice(0)) sendTo(socket, HI);
  };
  return { answer: (socket) => sockets.push(socket), release, sockets };
}
