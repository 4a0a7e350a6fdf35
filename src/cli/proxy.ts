/** `tsgi proxy <target>…`: what it is told. */

import { networksOf } from "../networks.ts";
import type { ProxyFlags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { DURATION } from "./configuration/reader.ts";

/** How the balancer calls what the flag says in kebab case. */
const BALANCE = {
  latency: "latency",
  "least-in-flight": "leastInFlight",
  "round-robin": "roundRobin",
} as const;

/** How targets are spoken to: plain values, which another process can be sent as JSON. */
export interface ProxyCommandOptions {
  readonly balance: (typeof BALANCE)[keyof typeof BALANCE];
  /** The path that targets are asked for. */
  readonly health: string | undefined;
  readonly keepsHost: boolean;
  readonly trust: readonly string[] | false;
  /** Whether certificates of targets are not verified. */
  readonly isInsecure: boolean;
  /** In milliseconds. */
  readonly headTimeout: number | undefined;
}

/** proxyOptions reads the flags. Throws a `CommandError` for a wrong value. */
export function proxyOptions(flags: ProxyFlags): ProxyCommandOptions {
  const { balance = "latency", health, trust } = flags;
  if (!(balance in BALANCE)) {
    throw new CommandError(`--balance ${balance} is not a way to choose; choose ${Object.keys(BALANCE).join(", ")}`);
  }
  if (health !== undefined && !/^\/[\x21-\x7e]*$/.test(health)) {
    throw new CommandError(`--health ${health} is not a path; it starts with a slash, for example --health /health`);
  }
  return {
    balance: BALANCE[balance as keyof typeof BALANCE],
    health,
    keepsHost: flags["preserve-host"] ?? false,
    trust: trust === undefined ? false : networks(trust),
    isInsecure: flags.insecure ?? false,
    headTimeout: timeout(flags["target-timeout"]),
  };
}

function networks(trust: string): string[] {
  const list = trust.split(",");
  try {
    networksOf("", list);
    return list;
  } catch {
    throw new CommandError(`--trust ${trust} is not a list of networks; give for example 127.0.0.1,10.0.0.0/8`);
  }
}

function timeout(text: string | undefined): number | undefined {
  const value = text === undefined ? undefined : DURATION.fromText(text);
  if (value === undefined && text !== undefined) {
    throw new CommandError(`--target-timeout ${text} is not ${DURATION.what}; ${DURATION.advice}`);
  }
  return value;
}

/** The URL of a target that was typed: `3000`, `:3000` and `10.0.0.7:3000` are http. */
export function targetUrl(typed: string): string {
  if (/^:?\d{1,5}$/.test(typed)) return `http://127.0.0.1:${typed.replace(":", "")}`;
  return /^(?:https?:|unix:|[a-z\d+.-]+:\/\/)/i.test(typed) ? typed : `http://${typed}`;
}
