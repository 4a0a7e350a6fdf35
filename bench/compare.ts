/** What a change costs: the servers of two source trees at once, in one run. See README.md. */

import { runCommand } from "./command.ts";
import { measureIdle } from "./idle.ts";
import { measure } from "./measure.ts";
import { peerOf } from "./scenarios.ts";
import { TestedServer } from "./server.ts";
import { COMPARISON_USAGE, readComparison } from "./settings.ts";
import { serversFor } from "./trees.ts";

await runCommand(COMPARISON_USAGE, readComparison, async ({ trees, ...settings }) => {
  const folders = trees.map((tree, index) => serversFor(tree, String(index)));
  const startsOf = (name: string) =>
    folders.map((folder, index) => () => TestedServer.start(name, folder, trees[index] as string));

  if (settings.isIdle) return measureIdle(startsOf("tsgi idle"), settings);
  for (const scenario of settings.scenarios) {
    for (const name of scenario.servers.filter((server) => peerOf(server) === "tsgi")) {
      const started = await Promise.all(startsOf(name).map((start) => start()));
      const servers = started.filter((server) => server !== undefined);
      // One that cannot run here was left out, and said so.
      if (servers.length < started.length) continue;
      const title = name === "tsgi" ? scenario.name : `${scenario.name}, ${name}`;
      await measure({ ...scenario, name: title }, servers, settings);
    }
  }
});
