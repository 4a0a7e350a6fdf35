import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../../../src/gateway.ts";
import { launch, skip } from "../../support/browser.ts";
import { startHttp2 } from "../../support/http2-client.ts";

const SCRIPTS = 60;
const PAGE = `<!doctype html><title>h2</title>
<link rel="icon" href="data:,">
<script>var count = 0</script>
${Array.from({ length: SCRIPTS }, (_, index) => `<script src="/${index}.js"></script>`).join("\n")}`;

test("browser: Chromium loads a page, posts, and reads events until the server closes", { skip }, async (t) => {
  const ports = new Set<string>();
  const app: App = async function* (environ, startResponse) {
    const { PATH_INFO, REMOTE_PORT } = environ;
    ports.add(REMOTE_PORT as string);
    const send = (type: string) => startResponse("200 OK", [["Content-Type", type]]);
    if (PATH_INFO === "/") {
      send("text/html");
      yield PAGE;
    } else if (PATH_INFO === "/echo") {
      send("text/plain");
      yield* environ["tsgi.input"];
    } else if (PATH_INFO === "/events") {
      send("text/event-stream");
      // The page asks once only while the test runs.
      yield "retry: 60000\ndata: 1\n\n";
      await new Promise(() => {});
    } else {
      send("text/javascript");
      yield "count++;";
    }
  };
  const { server, log } = await startHttp2(t, app, {}, "ALPN");
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  const failed: string[] = [];
  page.on("requestfailed", (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
  page.on("pageerror", (error) => failed.push(String(error)));
  await page.goto(`https://127.0.0.1:${server.port}/`);
  assert.equal(await page.evaluate("count"), SCRIPTS);
  const protocols = await page.evaluate(() =>
    ["navigation", "resource"].flatMap((type) =>
      performance.getEntriesByType(type).map((entry) => (entry as PerformanceResourceTiming).nextHopProtocol),
    ),
  );
  assert.deepEqual(protocols, Array(SCRIPTS + 1).fill("h2"));
  assert.equal(ports.size, 1);
  const size = await page.evaluate(async () => {
    const response = await fetch("/echo", { method: "POST", body: "x".repeat(1_000_000) });
    return (await response.text()).length;
  });
  assert.equal(size, 1_000_000);
  const events = await page.evaluateHandle(() => {
    const seen: string[] = [];
    const source = new EventSource("/events");
    source.onmessage = ({ data }) => seen.push(data);
    source.onerror = () => seen.push(source.readyState === EventSource.CONNECTING ? "connects again" : "gives up");
    return seen;
  });
  await page.waitForFunction((seen) => seen.length === 1, events);
  await server.close({ linger: 60_000, grace: 60_000 });
  await page.waitForFunction((seen) => seen.length > 1, events);
  assert.deepEqual(await events.jsonValue(), ["1", "connects again"]);
  assert.deepEqual([failed, log], [[], []]);
});
