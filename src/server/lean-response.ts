/** A Node response that its connection lets go of as soon as it is sent, so that one that waits keeps nothing of it. */

import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Connection } from "./connection.ts";

export class LeanResponse extends ServerResponse {
  override detachSocket(socket: Socket): void {
    super.detachSocket(socket);
    Connection.of(socket).sent(this);
  }
}
