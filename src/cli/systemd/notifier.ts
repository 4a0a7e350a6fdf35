/** Tells systemd how the service is: sd_notify(3), which Node cannot do itself, as it has no Unix datagrams. */

import { execFile } from "node:child_process";
import { codeOf } from "../../errors.ts";

const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

/** The longest time that a timer of Node can wait, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Notifier tells through the program `systemd-notify`; where nobody is to be told, it does nothing. */
export class Notifier {
  readonly #socket: string | undefined;
  /** How often systemd wants to hear that this process is alive, in microseconds; NaN for never. */
  readonly #watchdog: number;
  readonly #log: (line: string) => void;
  /** Messages arrive in their order. */
  #turn: Promise<void> = Promise.resolve();
  #isMissing = false;
  #hasComplained = false;
  #isTelling = false;
  #isWatched = false;

  /**
   * Takes from an environment what says whom to tell: no process that this one starts is to tell too. `log` is called once, when
   * something cannot be told.
   */
  constructor(environment: NodeJS.ProcessEnv, log: (line: string) => void) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID = String(process.pid) } = environment;
    for (const variable of VARIABLES) delete environment[variable];
    this.#socket = NOTIFY_SOCKET || undefined;
    this.#watchdog = WATCHDOG_PID === String(process.pid) ? Number.parseInt(WATCHDOG_USEC ?? "", 10) : Number.NaN;
    this.#log = log;
  }

  /** It serves. */
  ready(): void {
    void this.#tell("READY=1");
    if (this.#socket === undefined || !(this.#watchdog > 0) || this.#isWatched) return;
    this.#isWatched = true;
    const half = Math.max(1, Math.min(LONGEST, Math.floor(this.#watchdog / 2_000)));
    setInterval(() => {
      if (!this.#isTelling) void this.#tell("WATCHDOG=1");
    }, half).unref();
  }

  /** It reloads, until it is ready again. */
  reloading(): void {
    void this.#tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  stopping(): void {
    void this.#tell("STOPPING=1");
  }

  /** Another process goes on; resolves when that was said. */
  async handOver(pid: number): Promise<void> {
    await this.#send([`MAINPID=${pid}`]);
  }

  /** The variables by which that process can tell systemd. */
  get variables(): NodeJS.ProcessEnv {
    if (this.#socket === undefined) return {};
    const watchdog = this.#watchdog > 0 ? { WATCHDOG_USEC: String(this.#watchdog) } : {};
    return { NOTIFY_SOCKET: this.#socket, ...watchdog };
  }

  #tell(...lines: string[]): Promise<void> {
    // What it tells is told of this process, and not of the one that tells.
    return this.#send([`--pid=${process.pid}`, ...lines]);
  }

  #send(args: readonly string[]): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || this.#isMissing) return Promise.resolve();
    this.#isTelling = true;
    this.#turn = this.#turn.then(() => this.#run(args, socket));
    const turn = this.#turn;
    void turn.then(() => {
      if (this.#turn === turn) this.#isTelling = false;
    });
    return turn;
  }

  #run(args: readonly string[], socket: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isMissing) return resolve();
      const env = { ...process.env, NOTIFY_SOCKET: socket };
      execFile("systemd-notify", args, { env }, (error, _out, complaint) => {
        if (error !== null) this.#complain(error, complaint);
        resolve();
      });
    });
  }

  #complain(error: Error, complaint: string): void {
    this.#isMissing = codeOf(error) === "ENOENT";
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    const why = this.#isMissing ? "there is no program systemd-notify" : complaint.trim() || error.message;
    this.#log(`systemd is not told how this service is: ${why}`);
  }
}
