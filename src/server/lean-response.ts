/**
 * A Node response that its connection lets go of as soon as it is sent. One kept until the next request on its connection
 * outlives a collection of young garbage wherever there are many connections. V8 then allocates what such responses are made
 * of in its old space, those that adapters make of the same classes included, and these keep all that hangs on them.
 */

import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Connection } from "./connection.ts";

export class LeanResponse extends ServerResponse {
  override detachSocket(socket: Socket): void {
    super.detachSocket(socket);
    Connection.of(socket).sent(this);
  }
}
