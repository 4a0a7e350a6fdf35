import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { App } from "../../../src/gateway.ts";
import { startHttp2, WAYS, type Way } from "../../support/http2-client.ts";

const run = promisify(execFile);

/** Why a program cannot be tried; `false` where it can. */
function missing(program: string): string | false {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return `there is no ${program}; .ci/run installs it`;
  }
}

const app: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return environ.REQUEST_METHOD === "POST" ? environ["tsgi.input"] : `hello over ${environ.SERVER_PROTOCOL}`;
};

function urlOf(way: Way, port: number): string {
  return `${way === "ALPN" ? "https" : "http"}://127.0.0.1:${port}/`;
}

for (const way of WAYS) {
  test(`programs over ${way}: curl`, { skip: missing("curl") }, async (t) => {
    const { server } = await startHttp2(t, app, {}, way);
    const flags = ["-sk", way === "ALPN" ? "--http2" : "--http2-prior-knowledge"];
    const { stdout } = await run("curl", [...flags, urlOf(way, server.port)]);
    assert.equal(stdout, "hello over HTTP/2.0");
    const sent = "x".repeat(100_000);
    const posted = await run("curl", [...flags, "--data", sent, urlOf(way, server.port)]);
    assert.equal(posted.stdout, sent);
    const old = await run("curl", ["-sk", "--http1.1", urlOf(way, server.port)]);
    assert.equal(old.stdout, "hello over HTTP/1.1");
  });

  test(`programs over ${way}: nghttp`, { skip: missing("nghttp") }, async (t) => {
    const { server } = await startHttp2(t, app, {}, way);
    const { stdout } = await run("nghttp", [urlOf(way, server.port)]);
    assert.equal(stdout, "hello over HTTP/2.0");
  });

  test(`programs over ${way}: h2load`, { skip: missing("h2load") }, async (t) => {
    const { server } = await startHttp2(t, app, {}, way);
    const { stdout } = await run("h2load", ["-n", "2000", "-c", "10", "-m", "20", urlOf(way, server.port)]);
    assert.match(stdout, /2000 succeeded, 0 failed, 0 errored, 0 timeout/);
  });
}
