/** The flags of the benchmark. */

import { parseArgs } from "node:util";
import type { Effort } from "./measure.ts";
import { PEERS, SCENARIOS, type Scenario } from "./scenarios.ts";

/** What is measured, and for how long. */
export interface Settings extends Effort {
  readonly scenarios: readonly Scenario[];
  readonly against: readonly string[];
  /** Whether the memory of idle connections is measured, instead of the scenarios. */
  readonly isIdle: boolean;
}

/** Two source trees, and what is measured. */
export interface Comparison extends Omit<Settings, "against"> {
  readonly trees: readonly [string, string];
}

const SCENARIO_NAMES = SCENARIOS.map(({ name }) => name);
const COMPARED = ["browser", "json", "echo", "chunks"];
const QUICK_PEERS = ["nginx"];

const EFFORT_USAGE = `\
  --connections 64    open at a time; with --idle 10000
  --idle              the memory of idle connections instead: three rounds`;

export const USAGE = `npm run bench -- [flags]

  --rounds 5          rounds that count, after warming up
  --seconds 2         of each measurement; whole seconds, as wrk knows no others
  --quick             3 rounds of 1 second, against nginx alone
  --only hello,echo   of ${SCENARIO_NAMES.join(", ")}
  --against koa,sirv  beside node and tsgi; of ${PEERS.slice(2).join(", ")}
  --together          load all servers at once, for a machine that has other work too; throughput means nothing then
${EFFORT_USAGE}`;

export const COMPARISON_USAGE = `npx tsx bench/compare.ts <tree> <tree> [flags]

  A tree is a folder, or else a revision of this repository: npx tsx bench/compare.ts HEAD .

  --rounds 7          rounds that count, after warming up
  --seconds 2         of each measurement; whole seconds, as wrk knows no others
  --only hello,echo   default ${COMPARED.join(",")}; see npm run bench -- --help
${EFFORT_USAGE}`;

const FLAGS = {
  rounds: { type: "string" },
  seconds: { type: "string" },
  connections: { type: "string" },
  only: { type: "string" },
  idle: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

const FLAGS_OF_BENCHMARK = {
  against: { type: "string" },
  quick: { type: "boolean", default: false },
  together: { type: "boolean", default: false },
} as const;

/** Reads the flags; undefined where they ask for help. Throws what can be printed on a flag that is wrong. */
export function readSettings(args: string[]): Settings | undefined {
  const { values } = parseArgs({ args, options: { ...FLAGS, ...FLAGS_OF_BENCHMARK } });
  if (values.help) return undefined;
  return {
    ...scenariosAndEffortOf(values, values.quick ? ["3", "1"] : ["5", "2"], SCENARIO_NAMES),
    against: namesOf("against", values.against, PEERS, values.quick ? QUICK_PEERS : PEERS),
    isTogether: values.together,
  };
}

/** Reads the flags of a comparison, as `readSettings` does. */
export function readComparison(args: string[]): Comparison | undefined {
  const { values, positionals } = parseArgs({ args, options: FLAGS, allowPositionals: true });
  if (values.help) return undefined;
  const [first, second, ...others] = positionals;
  if (first === undefined || second === undefined || others.length > 0) {
    throw new Error(`two source trees are compared, not ${positionals.length}: npx tsx bench/compare.ts HEAD .`);
  }
  return { ...scenariosAndEffortOf(values, ["7", "2"], COMPARED), isTogether: true, trees: [first, second] };
}

interface Values {
  readonly rounds?: string;
  readonly seconds?: string;
  readonly connections?: string;
  readonly only?: string;
  readonly idle: boolean;
}

function scenariosAndEffortOf(
  { rounds, seconds, connections, only, idle }: Values,
  [defaultRounds, defaultSeconds]: readonly [string, string],
  defaultNames: readonly string[],
): Omit<Settings, "against" | "isTogether"> {
  const names = namesOf("only", only, SCENARIO_NAMES, defaultNames);
  return {
    scenarios: SCENARIOS.filter(({ name }) => names.includes(name)),
    rounds: countOf("rounds", rounds ?? (idle ? "3" : defaultRounds)),
    seconds: countOf("seconds", seconds ?? defaultSeconds),
    connections: countOf("connections", connections ?? (idle ? "10000" : "64")),
    isIdle: idle,
  };
}

function countOf(flag: string, value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`--${flag} takes a whole number from 1 up, not ${value}`);
  return Number(value);
}

function namesOf(
  flag: string,
  value: string | undefined,
  known: readonly string[],
  usual: readonly string[],
): readonly string[] {
  const names = value?.split(",") ?? usual;
  for (const name of names) {
    if (!known.includes(name)) throw new Error(`--${flag} does not know ${name}; choose from ${known.join(", ")}`);
  }
  return names;
}
