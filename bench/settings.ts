/** The flags of the benchmark. */

import { parseArgs } from "node:util";
import { PEERS, SCENARIOS, type Scenario } from "./scenarios.ts";

/** What is measured, and for how long. */
export interface Settings {
  readonly scenarios: readonly Scenario[];
  readonly against: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

const SCENARIO_NAMES = SCENARIOS.map(({ name }) => name);

export const USAGE = `npm run bench -- [flags]

  --rounds 5          rounds that count, after one that warms up
  --seconds 2         of each measurement; whole seconds, as wrk knows no others
  --connections 64    open at a time
  --only hello,echo   of ${SCENARIO_NAMES.join(", ")}
  --against koa,sirv  beside node and tsgi; of ${PEERS.slice(2).join(", ")}`;

/** Reads the flags; undefined where they ask for help. Throws what can be printed on a flag that is wrong. */
export function readSettings(args: string[]): Settings | undefined {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      connections: { type: "string", default: "64" },
      only: { type: "string" },
      against: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const only = namesOf("only", values.only, SCENARIO_NAMES);
  return {
    scenarios: SCENARIOS.filter(({ name }) => only.includes(name)),
    against: namesOf("against", values.against, PEERS),
    rounds: countOf("rounds", values.rounds),
    seconds: countOf("seconds", values.seconds),
    connections: countOf("connections", values.connections),
  };
}

function countOf(flag: string, value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`--${flag} takes a whole number from 1 up, not ${value}`);
  return Number(value);
}

function namesOf(flag: string, value: string | undefined, known: readonly string[]): readonly string[] {
  const names = value?.split(",") ?? known;
  for (const name of names) {
    if (!known.includes(name)) throw new Error(`--${flag} does not know ${name}; choose from ${known.join(", ")}`);
  }
  return names;
}
