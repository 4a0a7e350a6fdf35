/** Closing without loss: what has come is answered, and only then are connections ended. */

import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Lingering, Service } from "./engine/service.ts";
import type { Listener } from "./listener.ts";

/** How a server is closed. Durations are milliseconds. */
export interface CloseOptions {
  /**
   * How long the server goes on accepting connections before it stops listening: a load balancer needs that time to hear that
   * no more are wanted. Responses end their connections from the start. Default 0.
   */
  delay?: number | undefined;
  /**
   * How long idle connections are kept after the server has stopped listening: a request may be on its way on each of them. It
   * is answered, with `Connection: close`. Default 1000.
   */
  linger?: number | undefined;
  /** How long running exchanges may take after the server has stopped listening; after it, they are cut. Default 10 000. */
  grace?: number | undefined;
}

/** After how many times of how long, in milliseconds, without a connection none comes any more; and how long that is tried. */
const QUIET = 10;
const QUIET_TIMES = 3;
const MOST_QUIET = 500;

/** drain closes servers; resolves once every connection is closed. */
export async function drain(
  listeners: readonly Listener[],
  sockets: ReadonlySet<Socket>,
  { delay = 0, linger = 1000, grace = 10_000 }: CloseOptions,
): Promise<void> {
  const services = listeners.map(({ service }) => service);
  for (const service of services) {
    service.isClosing = true;
    for (const callback of service.onClose) callback();
    service.onClose.clear();
    for (const connection of service.connections) connection.serverCloses();
  }
  if (delay > 0) await sleep(delay);
  await stopListening(listeners, services);
  const deadline = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, grace);
  const closed = untilClosed(sockets);
  const ends = services.map(({ clock }) => ({ since: clock.now, linger }));
  const patience = setTimeout(() => setImmediate(endIdle, services, ends), linger);
  await closed;
  clearTimeout(deadline);
  clearTimeout(patience);
}

/**
 * A connection that the kernel has taken, and that was not accepted, is reset when its server stops listening. So what comes is
 * left unanswered for a moment, until those who would connect again wait for their answers; then nobody connects.
 */
async function stopListening(listeners: readonly Listener[], services: readonly Service[]): Promise<void> {
  let accepted = 0;
  const count = () => accepted++;
  const servers = listeners.flatMap(({ acceptors }) => [...acceptors]);
  for (const server of servers) server.prependListener("connection", count);
  hold(services, true);
  const end = performance.now() + MOST_QUIET;
  for (let before = 0, quiet = 0; quiet < QUIET_TIMES && performance.now() < end; before = accepted) {
    await sleep(QUIET);
    // The timer of a busy process fires before what has come meanwhile is accepted.
    await nextTurn();
    hold(services, true);
    quiet = accepted === before ? quiet + 1 : 0;
  }
  for (const server of servers) server.off("connection", count);
  for (const listener of listeners) listener.stop();
  hold(services, false);
}

function hold(services: readonly Service[], isHeld: boolean): void {
  for (const service of services) {
    service.isHeld = isHeld;
    for (const connection of service.connections) connection.hold(isHeld);
  }
}

/** Called in an immediate: what has arrived by now was read. */
function endIdle(services: readonly Service[], ends: readonly Lingering[]): void {
  for (const [index, service] of services.entries()) {
    service.lingering = ends[index];
    for (const connection of service.connections) connection.checkTime();
  }
}

/** Connections may be added still, which another process has accepted: so they are waited for one after the other. */
function untilClosed(sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      const [next] = sockets;
      if (next === undefined) resolve();
      else next.once("close", () => setImmediate(check));
    };
    check();
  });
}
