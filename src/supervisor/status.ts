/** What a supervisor and its workers are doing. */

import type { Worker, WorkerState } from "./worker.ts";

/** What has happened since a site was started, whichever of its supervisors has seen it. */
export interface Events {
  /** How many workers have died, and how many of them hung. */
  readonly deaths: number;
  readonly hangs: number;
  /** How many reloads have ended well. */
  readonly reloads: number;
}

/** What a supervisor says of itself. */
export interface Status extends Events {
  readonly pid: number;
  readonly state: SupervisorState;
  /** When it was started, and when the last reload ended well; milliseconds since 1970. */
  readonly startedAt: number;
  readonly reloadedAt: number | undefined;
  /** What the app is called, and where it answers. */
  readonly title: string;
  readonly urls: readonly string[];
  /** How many workers are wanted, and how many serve. */
  readonly wanted: number;
  readonly serving: number;
  readonly workers: readonly WorkerStatus[];
}

/** What a supervisor says of a worker. */
export interface WorkerStatus {
  readonly pid: number;
  /** Its place among the workers, from 1. */
  readonly number: number;
  readonly state: WorkerState;
  /** Whether it takes requests: it is ready, and was heard of just now. */
  readonly serves: boolean;
  readonly startedAt: number;
  /** The slots that it serves for siblings that have died. */
  readonly adopted: readonly number[];
  /** What it said last of itself; see `Beat`. */
  readonly lag: number;
  readonly memory: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
}

/** What a supervisor is doing. */
export type SupervisorState = "starting" | "serving" | "reloading" | "draining" | "stopped";

/** The name of a worker in messages. */
export function nameOf(worker: Worker): string {
  return `worker ${worker.slot + 1} (pid ${worker.pid})`;
}

/** What is said of a worker. */
export function describeWorker(worker: Worker): WorkerStatus {
  const { lag = 0, memory = 0, connections = 0, inFlight = 0, requests = 0 } = worker.beat ?? {};
  return {
    pid: worker.pid,
    number: worker.slot + 1,
    state: worker.state,
    serves: worker.serves,
    startedAt: worker.startedAt,
    adopted: [...worker.adopted].map((slot) => slot + 1),
    lag,
    memory,
    connections,
    inFlight,
    requests,
  };
}
