/** Measuring: all servers of a scenario at once, loaded in turn, round after round. */

import { checkAnswers } from "./answer.ts";
import { Http2Load } from "./http2-load.ts";
import { Load } from "./load.ts";
import type { Scenario } from "./scenarios.ts";
import type { TestedServer } from "./server.ts";
import { median, printTable, quartiles } from "./table.ts";

type Loading = Load | Http2Load;

/** For how long, and how much at a time. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** Whether all servers are loaded at once, on their one core, instead of one at a time. */
  readonly isTogether: boolean;
}

/** After so much CPU time, in microseconds, most of the code that will be compiled is. */
const WARM = 2_000_000;

interface Sample {
  /** Microseconds of CPU time for each request. */
  readonly cpu: number;
  /** Requests for each second. */
  readonly throughput: number;
}

/** A server of a scenario. */
interface Entrant {
  readonly server: TestedServer;
  readonly load: Loading;
  /** What other clients send meanwhile. */
  readonly beside: Loading | undefined;
  readonly samples: Sample[];
}

/** Measures and prints a scenario, the first server being what the others are measured by; ends the servers. */
export async function measure(scenario: Scenario, servers: readonly TestedServer[], effort: Effort): Promise<void> {
  try {
    const entrants: Entrant[] = [];
    for (const server of servers) entrants.push(await entrantOf(scenario, server));
    const inTurn = effort.isTogether ? [entrants] : entrants.map((entrant) => [entrant]);
    for (const turn of inTurn) await Promise.all(turn.map((entrant) => warmUp(entrant, effort)));
    // Each other round goes the other way round.
    for (let round = 0; round < effort.rounds; round++) {
      for (const turn of round % 2 === 0 ? inTurn : inTurn.toReversed()) {
        await Promise.all(turn.map((entrant) => take(entrant, effort)));
      }
    }
    print(scenario, entrants);
  } finally {
    for (const server of servers) server.stop();
  }
}

async function entrantOf(scenario: Scenario, server: TestedServer): Promise<Entrant> {
  const { beside } = scenario;
  return {
    server,
    load: await loadOf(scenario, server),
    beside: beside && (await loadOf(beside, server)),
    samples: [],
  };
}

async function loadOf(scenario: Scenario, { name, port }: TestedServer): Promise<Loading> {
  const requests = await checkAnswers(scenario, name, port);
  return scenario.http2 ? new Http2Load(scenario, port, requests) : new Load(scenario, port, requests);
}

/** Loads a server until it has worked for a while. */
async function warmUp(entrant: Entrant, effort: Effort): Promise<void> {
  do await take(entrant, effort);
  while ((await entrant.server.cpuTime()) < WARM);
  entrant.samples.length = 0;
}

/** Takes a sample. */
async function take({ server, load, beside, samples }: Entrant, { seconds, connections }: Effort): Promise<void> {
  const before = await server.cpuTime();
  const [served, others] = await Promise.all([load.send(seconds, connections), beside?.send(seconds, connections)]);
  const cpu = (await server.cpuTime()) - before;
  samples.push({
    cpu: cpu / (served.requests + (others?.requests ?? 0)),
    throughput: served.requests / served.seconds,
  });
}

function print(scenario: Scenario, entrants: readonly Entrant[]): void {
  const { server: reference, samples: base } = entrants[0] as Entrant;
  const rows = entrants.map(({ server: { name }, samples }) => {
    const cpu = samples.map((sample, round) => sample.cpu / (base[round] as Sample).cpu);
    const throughput = samples.map((sample, round) => sample.throughput / (base[round] as Sample).throughput);
    return {
      name,
      cells: [median(cpu), ...quartiles(cpu), median(throughput), median(samples.map((each) => each.cpu))],
    };
  });
  printTable(
    `${scenario.name}, as a ratio to ${reference.name}`,
    ["CPU/request", "quartile 1", "quartile 3", "throughput", "µs CPU"],
    rows.toSorted((a, b) => (a.cells[0] as number) - (b.cells[0] as number)),
  );
}
