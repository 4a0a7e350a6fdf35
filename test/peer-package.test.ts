import assert from "node:assert/strict";
import { test } from "node:test";
import { loadPackage } from "../src/peer-package.ts";

test("loadPackage: gives what a package exports", () => {
  assert.equal(typeof loadPackage<{ WebSocketServer: unknown }>("ws", "websocket", "ws@8").WebSocketServer, "function");
});

test("loadPackage: says what to install", () => {
  assert.throws(() => loadPackage("tsgi-no-such-package", "websocket", "tsgi-no-such-package@8"), {
    name: "TsgiError",
    code: "TSGI_NO_PACKAGE",
    message: "websocket needs the package tsgi-no-such-package. Install it: npm install tsgi-no-such-package@8",
  });
});
