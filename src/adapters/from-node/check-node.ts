/** Checks that this version of Node has the internals that the adapter relies on. */

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { TsgiError } from "../../errors.ts";

const MEMBERS = {
  IncomingMessage: ["_addHeaderLines", "_read", "complete"],
  ServerResponse: ["_storeHeader", "_implicitHeader", "_header", "_headerSent", "_closed", "_trailer", "end"],
} as const;

let isChecked = false;

/** Throws `TSGI_NODE_UNSUPPORTED` where one is missing. Looks once. */
export function checkNode(): void {
  if (isChecked) return;
  const request = new IncomingMessage(new Socket());
  const owners = { IncomingMessage: request, ServerResponse: new ServerResponse(request) };
  for (const [owner, members] of Object.entries(MEMBERS)) {
    const missing = members.find((member) => !(member in owners[owner as keyof typeof owners]));
    if (missing !== undefined) {
      throw new TsgiError("TSGI_NODE_UNSUPPORTED", `this version of Node has no ${owner}.${missing}`, {
        hint: `fromNode relies on it. ${process.version} is newer than this version of tsgi: update tsgi, or use an older Node.`,
      });
    }
  }
  isChecked = true;
}
