/**
 * What the supervisor and its workers tell each other over the IPC channel of Node, as JSON: to clone them costs several times as much,
 * and where connections are handed over there are some for each of them.
 */

import { deserialize, serialize } from "node:v8";
import type { Address } from "../server/options.ts";

/** A place where a worker serves. */
export interface WorkerPlace {
  readonly address: Address | undefined;
  /** The descriptor that it listens on; undefined where the supervisor accepts connections and hands them over. */
  readonly fd: number | undefined;
}

/** What a worker begins with. */
export interface Start {
  /** What its program is to do: what `SupervisorOptions.task` is. */
  readonly task: unknown;
  readonly slot: number;
  readonly places: readonly WorkerPlace[];
  /** The descriptors of each other slot, a list for each time that the worker may adopt it; in each list one for each place. */
  readonly spares: Readonly<Record<number, readonly (readonly number[])[]>>;
  /** What all workers encrypt TLS tickets with. */
  readonly ticketKeys: Uint8Array;
  /** After about how many requests the worker asks to be replaced; 0 for never. */
  readonly maxRequests: number;
  /** How often it says that it is alive, in milliseconds. */
  readonly beat: number;
}

/** What the supervisor tells a worker. */
export type Order =
  /** Begin, with what `unpack` makes of the text. */
  | { readonly type: "start"; readonly packed: string }
  /** Accept what comes for a slot whose worker is gone, and no longer. */
  | { readonly type: "adopt" | "release"; readonly slot: number }
  /** Close without loss, and exit. Nobody else serves the sockets where it is the `last` one. Durations are milliseconds. */
  | {
      readonly type: "drain";
      readonly delay: number;
      readonly linger: number;
      readonly grace: number;
      readonly isLast: boolean;
    }
  /** Write the logs to new files. */
  | { readonly type: "reopen" }
  /** Say which requests are under way. */
  | { readonly type: "list"; readonly id: number }
  /** A message for the program of the worker, which alone knows what it means. */
  | { readonly type: "note"; readonly note: unknown }
  /** Serve the connection that comes with this message, which was sent at a `time` of `monotonicTime`. */
  | { readonly type: "connection"; readonly place: number; readonly id: number; readonly time: number }
  /** Serve a connection that was claimed, or leave it, as another worker has it. */
  | { readonly type: "answer"; readonly id: number; readonly isGranted: boolean };

/** A request that is under way. */
export interface RequestUnderWay {
  readonly method: string;
  readonly target: string;
  /** For how long, in milliseconds. */
  readonly duration: number;
}

/** What a worker says each second, from its event loop. */
export interface Beat {
  readonly type: "beat";
  /** How late the event loop was since the last one, in milliseconds. */
  readonly lag: number;
  /** The memory of the process, in bytes. */
  readonly memory: number;
  readonly connections: number;
  readonly inFlight: number;
  /** How many requests have reached the app since the process began. */
  readonly requests: number;
  /** What has been recorded since the last beat: the program's own affair. */
  readonly increments?: unknown;
}

/** What a worker tells the supervisor. */
export type Report =
  /** It serves. `title` is what the app is called, `tree` what is mounted where, a line each, `urls` where it answers. */
  | {
      readonly type: "ready";
      readonly title: string;
      readonly tree: readonly string[];
      readonly urls: readonly string[];
    }
  /** It cannot serve, and exits. */
  | { readonly type: "failed"; readonly reason: string }
  | Beat
  /** It has a connection, which is its own now. */
  | { readonly type: "took"; readonly id: number }
  /** It has come late to a connection, and asks whether that is still for it. */
  | { readonly type: "claim"; readonly id: number }
  /** It has served enough requests, and is to be replaced. */
  | { readonly type: "retire" }
  /** A message of the program for the process that has started it; only these two know what it means. */
  | { readonly type: "note"; readonly note: unknown }
  | { readonly type: "listed"; readonly id: number; readonly requests: readonly RequestUnderWay[] };

/**
 * After how long a worker asks whether a connection is still for it, and after how long the supervisor may give that to another
 * one, in milliseconds. What the worker says in time has been heard by then.
 */
export const CLAIMED_AFTER = 500;
export const REVOKED_AFTER = 1_000;

/** A time in milliseconds that all processes of a machine share, and that nobody sets. */
export function monotonicTime(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** What a worker begins with as text: certificates and keys are bytes, which JSON does not know. */
export function pack(start: Start): string {
  return serialize(start).toString("base64");
}

export function unpack(packed: string): Start {
  return deserialize(Buffer.from(packed, "base64")) as Start;
}
