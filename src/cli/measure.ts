/** What a worker measures for the process that watches it. */

import type { Metrics } from "../../middleware/metrics.ts";
import type { App } from "../gateway.ts";

/** Has the requests of an app measured. What memory, event loop and connections are, the process that watches knows by itself. */
export async function measure(app: App): Promise<Metrics> {
  const { metrics } = await import("../../middleware/metrics.ts");
  return metrics(app, { path: false, process: false });
}
