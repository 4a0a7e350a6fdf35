import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fixture } from "../support/fixture.ts";
import type { Report } from "../support/fixtures/closed-loops.ts";

/** How many times the server is replaced. By hand: `TSGI_RELOADS=100`. */
const RELOADS = Number(process.env.TSGI_RELOADS ?? 3);
/** How many requests each server answers at least. */
const REQUESTS = 1000;
/** What the servers are closed with, in JSON. */
const OPTIONS = process.env.TSGI_CLOSE ?? '{"grace":20000}';

test("draining: no request is lost while servers replace each other under load", async (t) => {
  let server = await fixture(t, "restarted.ts");
  await server.line();
  const port = await server.ask("listen 0");
  const clients = await fixture(t, "closed-loops.ts", [port]);
  await clients.line();
  const report = async (question: "report" | "stop") => JSON.parse(await clients.ask(question)) as Report;
  const moreRequests = async () => {
    const { answered } = await report("report");
    while ((await report("report")).answered < answered + REQUESTS) await sleep(20);
  };
  let served = 0;
  for (let reload = 0; reload < RELOADS; reload++) {
    const next = await fixture(t, "restarted.ts");
    await next.line();
    await moreRequests();
    const exited = once(server.child, "exit");
    const closed = server.ask(`close ${OPTIONS}`);
    // The next server comes at once, or when the last one is gone.
    if (reload % 2 === 1) await exited;
    await next.ask(`listen ${port}`);
    served += Number(await closed);
    assert.deepEqual(await exited, [0, null]);
    server = next;
  }
  await moreRequests();
  const { requests, answered, toldToClose, refused, lost } = await report("stop");
  served += Number(await server.ask("close {}"));
  t.diagnostic(
    `${requests} requests over ${RELOADS} closes: ${lost.length} lost, ${toldToClose} told to close, ${refused} refused to connect`,
  );
  assert.deepEqual(lost, []);
  assert.equal(answered, requests);
  assert.equal(served, requests);
});
