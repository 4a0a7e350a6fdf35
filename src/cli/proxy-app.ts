/** The app of `tsgi proxy <target>…`, which no other action needs. */

import { balancer } from "../../middleware/balancer.ts";
import { proxy } from "../../middleware/proxy.ts";
import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { CommandError } from "./command-error.ts";
import type { ProxyCommandOptions } from "./proxy.ts";

/** The app that is those targets. Throws a `CommandError` for what is not one, and where undici is not installed. */
export function proxyApp(targets: readonly string[], options: ProxyCommandOptions): App {
  const { balance, health, keepsHost, trust, isInsecure, headTimeout } = options;
  const common = {
    host: keepsHost ? "preserve" : "upstream",
    trust,
    ...(headTimeout !== undefined && { headTimeout }),
    ...(isInsecure && { tls: { rejectUnauthorized: false } }),
  };
  try {
    const [only] = targets;
    if (targets.length === 1 && only !== undefined && health === undefined) return proxy(only, common);
    return balancer(targets, { ...common, balance, ...(health !== undefined && { probe: { path: health } }) });
  } catch (error) {
    if (error instanceof TsgiError) throw new CommandError(error.message.replace(/\.$/, ""));
    throw error;
  }
}
