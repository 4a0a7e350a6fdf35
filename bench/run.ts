/** The benchmark: every server of a scenario in turn, round after round, in one run. See README.md. */

import { runCommand } from "./command.ts";
import { measureIdle } from "./idle.ts";
import { measure } from "./measure.ts";
import { peerOf, type Scenario } from "./scenarios.ts";
import { TestedServer } from "./server.ts";
import { readSettings, type Settings, USAGE } from "./settings.ts";

await runCommand(USAGE, readSettings, async (settings) => {
  if (settings.isIdle) {
    const starts = ["node idle", "tsgi idle"].map((name) => () => TestedServer.start(name));
    return measureIdle(starts, settings);
  }
  for (const scenario of settings.scenarios) await measure(scenario, await serversOf(scenario, settings), settings);
});

async function serversOf({ servers }: Scenario, { against }: Settings): Promise<TestedServer[]> {
  const started: TestedServer[] = [];
  for (const [index, name] of servers.entries()) {
    const peer = peerOf(name);
    if (index > 0 && peer !== "tsgi" && !against.includes(peer)) continue;
    const server = await TestedServer.start(name);
    if (server !== undefined) started.push(server);
  }
  return started;
}
