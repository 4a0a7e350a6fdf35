import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { App } from "../../../src/gateway.ts";
import { startHttp2, WAYS, type Way } from "../../support/http2-client.ts";
import { eventually } from "../../support/raw-client.ts";

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

/** How many times a server is closed under h2load. By hand: `TSGI_CLOSE=100`. */
const CLOSES = Number(process.env.TSGI_CLOSE ?? 1);

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

  test(`programs over ${way}: h2load gets all answers of a server that closes`, {
    skip: missing("h2load"),
  }, async (t) => {
    let served = 0;
    const slow: App = async (environ, startResponse) => {
      served++;
      // Some are answered at once, some after the GOAWAY.
      if (served % 3 !== 0) await sleep(served % 8);
      return app(environ, startResponse);
    };
    for (let close = 0; close < CLOSES; close++) {
      served = 0;
      const { server } = await startHttp2(t, slow, {}, way);
      // It does not connect again: more requests than it can send, so that it ends with the server.
      const load = run("h2load", ["-n", "1000000", "-c", "8", "-m", "8", urlOf(way, server.port)]);
      await eventually(() => served > 100);
      await server.close({ grace: 60_000 });
      const { stdout } = await load;
      // What it has queued when it hears of the close counts as started, and failed.
      assert.equal(Number(/ (\d+) succeeded/.exec(stdout)?.[1]), served, stdout);
    }
  });
}
