/**
 * A Node response that its connection forgets as soon as it has been sent. Node keeps the last response until the
 * connection's next request. With many idle connections those responses get promoted to the old generation together with
 * everything they reference; dropping them at once keeps them short-lived.
 */

import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Connection } from "./connection.ts";

export class LeanResponse extends ServerResponse {
  override detachSocket(socket: Socket): void {
    super.detachSocket(socket);
    Connection.of(socket).releaseResponse(this);
  }
}
