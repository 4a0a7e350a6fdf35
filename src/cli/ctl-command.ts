/** `tsgi ctl`: asks the supervisor of a site what it does, and has it do things. */

import { type IncomingMessage, request } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../errors.ts";
import { escapeControls } from "../escape.ts";
import { nearestTo } from "../options.ts";
import type { Outcome } from "../supervisor/slot.ts";
import type { Status } from "../supervisor/status.ts";
import type { SupervisedRequest } from "../supervisor/supervisor.ts";
import { CommandError } from "./command-error.ts";
import { requestsText, statusText } from "./ctl-text.ts";
import { isAlive } from "./process-id.ts";

/** What a supervisor is asked for, and what is printed of its answer. */
interface Question {
  readonly method: "GET" | "POST";
  readonly target: string;
  readonly show: (answer: unknown) => string;
}

const NAMES = ["status", "requests", "reload", "scale", "stop"] as const;

/** How long a supervisor may take to tell what it knows, in milliseconds; what it does takes as long as it takes. */
const TIMEOUT = 10_000;

/** How long a process that has stopped may take to end, and how often that is looked at; in milliseconds. */
const PATIENCE = 5_000;
const INTERVAL = 20;

/**
 * ctlCommand asks a supervisor and gives what is to be printed: `words` are `status`, `requests`, `reload`, `scale` with a number,
 * or `stop`. Throws a `CommandError`, with exit code 1 where nothing listens and for what could not be done.
 */
export async function ctlCommand(
  words: readonly string[],
  control: string | undefined,
  isJson: boolean,
): Promise<string> {
  const { method, target, show } = questionOf(words);
  if (control === undefined) {
    throw new CommandError(
      "which supervisor? Give --control <path>, as the supervisor was given, or set control in the config file",
    );
  }
  const { status, answer } = await ask(control, method, target);
  if (target === "/stop" && status === 200) await untilEnded((answer as { pid: number }).pid);
  if (isJson) {
    const text = `${JSON.stringify(answer, undefined, 2)}\n`;
    if (status === 200) return text;
    process.stdout.write(text);
  }
  if (status !== 200) throw failure(words, status, answer);
  return isJson ? "" : show(answer);
}

function questionOf([name, count, ...rest]: readonly string[]): Question {
  const known = NAMES.find((each) => each === name);
  if (known === undefined) throw unknownWord(name);
  const [extra] = known === "scale" ? rest : [count];
  if (extra !== undefined) throw new CommandError(`${JSON.stringify(extra)} is one argument too many; see tsgi --help`);
  switch (known) {
    case "status":
      return { method: "GET", target: "/status", show: (answer) => statusText(answer as Status, Date.now()) };
    case "requests":
      return { method: "GET", target: "/requests", show: (answer) => requestsText(answer as SupervisedRequest[]) };
    case "reload":
      return { method: "POST", target: "/reload", show: () => "reloaded\n" };
    case "scale":
      if (count === undefined || !/^\d{1,9}$/.test(count)) {
        throw new CommandError("how many workers? Give a number, for example: tsgi ctl scale 3");
      }
      return {
        method: "POST",
        target: `/scale?workers=${count}`,
        show: () => (Number(count) === 1 ? "1 worker runs\n" : `${count} workers run\n`),
      };
    case "stop":
      return { method: "POST", target: "/stop", show: () => "stopped\n" };
  }
}

function unknownWord(name: string | undefined): CommandError {
  const all = `${NAMES.slice(0, -1).join(", ")} or ${NAMES.at(-1)}`;
  if (name === undefined) return new CommandError(`what? Give ${all}, for example: tsgi ctl status`);
  const meant = nearestTo(name, NAMES);
  return new CommandError(
    `tsgi ctl does not know ${escapeControls(name)}; ${meant === undefined ? `give ${all}` : `did you mean: tsgi ctl ${meant}`}`,
  );
}

interface Answered {
  readonly status: number;
  readonly answer: unknown;
}

async function ask(control: string, method: Question["method"], path: string): Promise<Answered> {
  try {
    const response = await responseOf(control, method, path);
    return { status: response.statusCode ?? 0, answer: JSON.parse(await textOf(response)) };
  } catch (error) {
    throw new CommandError(whyUnanswered(control, error), 1);
  }
}

function responseOf(control: string, method: Question["method"], path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const signal = method === "GET" ? AbortSignal.timeout(TIMEOUT) : undefined;
    request({ socketPath: control, method, path, signal, agent: false }, resolve).once("error", reject).end();
  });
}

/** Whoever starts the next supervisor needs its sockets and its pid file. */
async function untilEnded(pid: number): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (isAlive(pid) && performance.now() < deadline) await sleep(INTERVAL);
}

function whyUnanswered(control: string, error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ECONNREFUSED") return `nothing listens at ${control}; is the supervisor running?`;
  if (code === "EACCES") return `this user may not connect to ${control}; be the user that the supervisor runs as`;
  return `the supervisor at ${control} has not answered: ${(error as Error).message}`;
}

function failure([name]: readonly string[], status: number, answer: unknown): CommandError {
  const { ok, reason } = answer as Partial<Extract<Outcome, { ok: false }>>;
  const why = ok === false && reason !== undefined ? reason : `it was answered with ${status}`;
  return new CommandError(`${name} failed: ${escapeControls(why)}`, 1);
}
