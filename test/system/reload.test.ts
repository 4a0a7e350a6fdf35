import assert from "node:assert/strict";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { configurationOf } from "../../src/cli/configuration/configuration.ts";
import { resolveSettings } from "../../src/cli/configuration/sources.ts";
import { Reloader } from "../../src/cli/reload/reloader.ts";
import type { Status } from "../../src/supervisor/status.ts";
import { certificate } from "../support/certificate.ts";
import { Command, type CommandOptions, type Running, until } from "../support/command.ts";
import { nodeVersions } from "../support/node-versions.ts";
import { root } from "../support/session.ts";
import { isAlive } from "../support/supervised.ts";

const scratch = realpathSync(mkdtempSync(join(tmpdir(), "tsgi-reload-")));

after(() => rmSync(scratch, { recursive: true, force: true }));

/** A part of a module that is put together, for the text of a template. */
const value = (expression: string) => `\${${expression}}`;

/** How often the save is tried for each version of Node; the bar is 20. */
const SAVES = Number(process.env.TSGI_SAVES ?? 3);

/** Writes the files of a site into a folder of its own, and serves it. */
async function serveFiles(
  t: TestContext,
  files: Record<string, string>,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<{ folder: string; site: Running; save(name: string, text: string): void }> {
  const folder = mkdtempSync(join(scratch, "site-"));
  const save = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  save("package.json", '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) save(name, text);
  const command = new Command(folder, { TSGI_EDITOR: "none" }, options);
  const site = await command.running(...args, "--reload", "--port", "0");
  t.after(() => site.child.kill("SIGKILL"));
  return { folder, site, save };
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly refresh: string | undefined;
}

/** Asks on a connection of its own, or on one that is kept. Rejects where the connection fails. */
function ask(url: string, agent: Agent | false = false, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers }, (response: IncomingMessage) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, text, refresh: response.headers.refresh as string }),
      );
    });
    outgoing.on("error", reject).end();
  });
}

/** Asks until the answer is a text, or matches one; gives that answer. */
async function answers(url: string, expected: string | RegExp, headers: Record<string, string> = {}): Promise<Answer> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask(url, false, headers);
    if (typeof expected === "string" ? answer.text === expected : expected.test(answer.text)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (Date.now() > deadline) assert.fail(`waited for ${expected}: ${answer.text}`);
  }
}

const says = (text: string, head = "") =>
  `${head}export const app = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return \`${text}\`;
};
`;

for (const version of nodeVersions) {
  test(`reload: ${version.name} answers with the new code after each save, and refuses nothing`, async (t) => {
    const { site, save } = await serveFiles(
      t,
      {
        "site.ts": says(`${value("word")} 0`, 'import { word } from "./word.cjs";\n').replace(
          "_environ, startResponse",
          "_environ: any, startResponse: any",
        ),
        "word.cjs": 'exports.word = "a";\n',
      },
      ["site.ts"],
      { node: version.node },
    );
    let isOver = false;
    const agents = [
      new Agent({ keepAlive: true, maxSockets: 1 }),
      new Agent({ keepAlive: true, maxSockets: 1 }),
      false,
    ] as const;
    let asked = 0;
    const clients = agents.map(async (agent) => {
      for (; !isOver; asked++) {
        const { status, text } = await ask(site.url, agent);
        assert.equal(status, 200, text);
        assert.match(text, /^\w+ \d+$/);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    });
    const times: number[] = [];
    const saves = (async () => {
      for (let count = 1; count <= SAVES; count++) {
        // By hand at the pace of a person: the worker that is next has started by then.
        if (process.env.TSGI_SAVES !== undefined) await sleep(2_000);
        const saved = performance.now();
        save("word.cjs", `exports.word = "w${count}";\n`);
        await answers(site.url, `w${count} 0`);
        times.push(Math.round(performance.now() - saved));
      }
    })();
    try {
      await Promise.race([saves, Promise.all(clients)]);
    } finally {
      isOver = true;
    }
    await Promise.all([saves, ...clients]);
    for (const agent of agents) if (agent !== false) agent.destroy();
    t.diagnostic(`${asked} requests; from the save to the new answer, in ms: ${times.sort((a, b) => a - b).join(" ")}`);
    assert.ok(asked > 0);
    assert.equal(
      site.printed().match(/tsgi: word\.cjs has changed; restarted in \d+ ms\n/g)?.length,
      SAVES,
      site.printed(),
    );
  });
}

test("reload: a mistake shows in the browser, and heals with the next save", async (t) => {
  const { folder, site, save } = await serveFiles(
    t,
    {
      "site.mjs": says(value("part"), 'import { part } from "./part.mjs";\n'),
      "part.mjs": 'export const part = "one";\n',
    },
    ["site.mjs"],
  );
  assert.equal((await ask(site.url)).text, "one");

  save("part.mjs", "export const part = ;\n");
  const page = await answers(site.url, /SyntaxError/, { Accept: "text/html" });
  assert.equal(page.status, 500);
  assert.equal(page.refresh, "1");
  assert.match(page.text, /<p class="message">SyntaxError: Unexpected token &#39;;&#39;<\/p>/);
  assert.match(
    page.text,
    /<span class="where">part\.mjs:1:1<\/span><\/summary><pre class="source" tabindex="0"><span class="at">/,
  );
  assert.match(site.printed(), /tsgi: site\.mjs cannot be loaded: SyntaxError: Unexpected token ';' \(part\.mjs:1\)\n/);

  save("part.mjs", 'export const part = "two";\n');
  assert.equal((await answers(site.url, "two")).refresh, undefined);

  save("part.mjs", 'throw new Error("at the top");\nexport const part = "";\n');
  const thrown = await answers(site.url, /at the top/);
  assert.match(thrown.text, /^> 1 \| throw new Error\("at the top"\);$/m);

  save("part.mjs", 'import "./lib/missing.mjs";\nexport const part = "three";\n');
  await answers(site.url, /Cannot find module .*missing\.mjs/);
  mkdirSync(join(folder, "lib"));
  save("lib/missing.mjs", "");
  // A folder that was not there is not watched.
  save("part.mjs", readFileSync(join(folder, "part.mjs"), "utf8"));
  await answers(site.url, "three");

  save("part.mjs", 'import "./lib/later.mjs";\nexport const part = "four";\n');
  await answers(site.url, /Cannot find module .*later\.mjs/);
  save("lib/later.mjs", "");
  await answers(site.url, "four");

  save("part.mjs", 'process.exit(3);\nexport const part = "";\n');
  await answers(site.url, /the app could not be loaded: it ended with exit code 3/);
  save("part.mjs", 'export const part = "five";\n');
  await answers(site.url, "five");

  save(
    "part.mjs",
    'console.log("it hangs");\nawait new Promise(() => setInterval(() => {}, 1000));\nexport const part = "";\n',
  );
  await until(() => site.printed().includes("it hangs"));
  const waiting = ask(site.url);
  save("part.mjs", 'export const part = "six";\n');
  assert.equal((await waiting).text, "six");
});

test("reload: only what was imported counts, also where an editor replaces it", async (t) => {
  const { folder, site, save } = await serveFiles(
    t,
    {
      "site.mjs": says(`${value("process.pid")} ${value("part")}`, 'import { part } from "./part.mjs";\n'),
      "part.mjs": 'export const part = "one";\n',
      "other.mjs": "",
      ".env": "A=1\n",
    },
    ["site.mjs"],
  );
  const { text: first } = await ask(site.url);
  save("other.mjs", "export {};\n");
  save("new.mjs", "");
  save(".env", "A=2\n");
  utimesSync(join(folder, "other.mjs"), new Date(), new Date());
  save("next.mjs", 'export const part = "two";\n');
  renameSync(join(folder, "next.mjs"), join(folder, "part.mjs"));
  await answers(site.url, /^\d+ two$/);
  assert.equal(site.printed().match(/has changed/g)?.length, 1, site.printed());

  renameSync(join(folder, "part.mjs"), join(folder, "part.mjs~"));
  await answers(site.url, /Cannot find module .*part\.mjs/);
  save("part.mjs", 'export const part = "three";\n');
  const { text: last } = await answers(site.url, /^\d+ three$/);
  assert.notEqual(first.split(" ")[0], last.split(" ")[0]);
});

test("reload: a module that is imported later counts from then on", async (t) => {
  const { site, save } = await serveFiles(
    t,
    {
      "site.mjs": `export const app = async (_environ, startResponse) => {
  const { word } = await import("./late.mjs");
  startResponse("200 OK", []);
  return word;
};
`,
      "late.mjs": 'export const word = "one";\n',
    },
    ["site.mjs"],
  );
  assert.equal((await ask(site.url)).text, "one");
  // What has been imported is told from time to time.
  await new Promise((resolve) => setTimeout(resolve, 700));
  save("late.mjs", 'export const word = "two";\n');
  await answers(site.url, "two");
});

test("reload: event streams end and what runs finishes with the old code", async (t) => {
  const { site, save } = await serveFiles(
    t,
    {
      "site.mjs": `export const app = async function* (environ, startResponse) {
  if (environ.PATH_INFO === "/slow") {
    startResponse("200 OK", []);
    yield "begun ";
    await new Promise((resolve) => setTimeout(resolve, 600));
    yield "one";
  } else if (environ.PATH_INFO === "/stream") {
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    yield "data: 1\\n\\n";
    await new Promise(() => {});
  } else {
    startResponse("200 OK", []);
    for await (const chunk of environ["tsgi.input"]) yield chunk;
    yield "one";
  }
};
`,
    },
    ["site.mjs"],
  );
  const stream = ask(`${site.url}/stream`).catch(() => undefined);
  const slow = ask(`${site.url}/slow`);
  // A request that is being sent, on a connection to the old code.
  const { port } = new URL(site.url);
  const early = connect(Number(port));
  let received = "";
  early.on("data", (chunk) => {
    received += chunk;
  });
  early.write("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => received.endsWith("one\r\n0\r\n\r\n"));
  received = "";
  save("site.mjs", says("two"));
  await until(() => site.printed().includes("restarted in"));
  early.write("POST /kept HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  await until(() => received.includes("two"));
  assert.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n/);
  early.destroy();
  assert.equal((await slow).text, "begun one");
  await stream;
});

test("reload: WebSockets are closed, so that pages connect again, over https too", async (t) => {
  const chat = (word: string) => `import { websocket } from "${root}dist/middleware/index.js";
export const app = websocket({ open: (socket) => socket.send("${word}") });
`;
  const { site, save } = await serveFiles(t, { "site.mjs": chat("one"), ...(await certificate()) }, [
    "site.mjs",
    "--tls-key",
    "key",
    "--tls-cert",
    "cert",
  ]);
  const closed = new Promise((resolve) => {
    const socket = new WebSocket(site.url.replace("https", "wss"), { rejectUnauthorized: false });
    socket.on("message", () => save("site.mjs", chat("two")));
    socket.on("close", resolve);
  });
  assert.equal(await closed, 1001);
  const word = await new Promise((resolve) => {
    const socket = new WebSocket(site.url.replace("https", "wss"), { rejectUnauthorized: false });
    socket.on("message", (message) => {
      resolve(String(message));
      socket.close();
    });
  });
  assert.equal(word, "two");
});

test("reload: a process that ends is started again, and one that does so at once is not before a save", async (t) => {
  const exits = `export const app = (environ, startResponse) => {
  if (environ.PATH_INFO === "/exit") process.exit(1);
  startResponse("200 OK", []);
  return "alive";
};
`;
  const { site, save } = await serveFiles(t, { "site.mjs": exits }, ["site.mjs"]);
  await assert.rejects(ask(`${site.url}/exit`));
  await until(() => site.printed().includes("the app has ended"));
  assert.equal((await answers(site.url, /the app has ended with exit code 1/)).status, 500);
  save("site.mjs", `${exits}// mended\n`);
  await answers(site.url, "alive");
});

test("reload: a configuration that has changed counts", async (t) => {
  const configure = (mergeSlashes: boolean) => `export default { app: "site.mjs", mergeSlashes: ${mergeSlashes} };\n`;
  const { site, save } = await serveFiles(
    t,
    { "site.mjs": says(value("_environ.PATH_INFO")), "tsgi.config.mjs": configure(true) },
    [],
  );
  assert.equal((await ask(`${site.url}/a//b`)).text, "/a/b");
  save("tsgi.config.mjs", configure(false));
  await answers(`${site.url}/a//b`, "/a//b");
});

test("reload: a control socket and a status listener tell of it, and restart the app", async (t) => {
  const { folder, site, save } = await serveFiles(t, { "site.mjs": says("one") }, [
    ...["site.mjs", "--control", "ctl.sock", "--status", "127.0.0.1:0"],
  ]);
  const exited = once(site.child, "exit");
  const { ended } = new Command(folder);
  const ctl = (...words: string[]) => ended("ctl", ...words, "--control", "ctl.sock");
  await answers(site.url, "one");
  await until(() => site.printed().includes("health and metrics on "));
  const health = /health and metrics on (\S+)/.exec(site.printed())?.[1];
  assert.equal((await ask(`${health}/readyz`)).text, "ok\n");
  await answers(`${health}/metrics`, /^http_server_request_duration_seconds_count\{.*\} 1$/m);
  assert.deepEqual(ctl("reload"), { code: 0, out: "reloaded\n", error: "" });
  const status = JSON.parse(ctl("status", "--json").out) as Status;
  assert.deepEqual(
    [status.pid, status.state, status.serving, status.reloads, status.urls, status.workers.length],
    [site.child.pid, "serving", 1, 1, [site.url], 1],
  );
  assert.deepEqual(ctl("requests"), { code: 0, out: "no requests\n", error: "" });
  assert.equal(ctl("scale", "2").error, "tsgi: scale failed: with --reload there is one worker\n");
  save("site.mjs", "{");
  await answers(site.url, /SyntaxError/);
  assert.equal(ctl("reload").error, "tsgi: reload failed: the app does not load; its page says why\n");
  await answers(`${health}/readyz`, "no worker serves\n");
  assert.deepEqual(ctl("stop"), { code: 0, out: "stopped\n", error: "" });
  assert.deepEqual(await exited, [0, null]);
  assert.match(site.printed(), /tsgi: a reload was asked for; restarted in \d+ ms\n/);
});

test("reload: a process that hangs does not outlive its replacement for long", {
  skip: process.env.TSGI_SAVES === undefined && "by hand, with TSGI_SAVES",
  timeout: 60_000,
}, async (t) => {
  const folder = mkdtempSync(join(scratch, "hanging-"));
  const file = join(folder, "site.mjs");
  writeFileSync(
    file,
    `import { writeFileSync } from "node:fs";
export function app() {
  writeFileSync(${JSON.stringify(join(folder, "hangs"))}, "");
  for (;;);
}`,
  );
  const flags = new Map([["port", "0"]] as const);
  const resolved = resolveSettings({ flags, file: undefined, environment: {} });
  const load = { interface: undefined, isFactory: false };
  const configuration = configurationOf(resolved, { kind: "module", target: file, load });
  const reloader = new Reloader(file, { ...configuration, quiet: true }, [file, "--port", "0", "--quiet"]);
  t.after(() => reloader.end());
  await reloader.start();
  const { pid } = reloader.status.workers[0] as { pid: number };
  const [url] = reloader.status.urls as [string];
  const hanging = ask(url).catch(() => "cut");
  await until(() => existsSync(join(folder, "hangs")));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await reloader.reload();
  assert.equal(isAlive(pid), true);
  t.mock.timers.tick(60_000);
  t.mock.timers.reset();
  await until(() => !isAlive(pid));
  assert.equal(await hanging, "cut");
});

test("reload: a signal ends it, with its workers", async (t) => {
  const { site } = await serveFiles(t, { "site.mjs": says(value("process.pid")) }, ["site.mjs"]);
  const pid = Number((await ask(site.url)).text);
  site.child.kill("SIGINT");
  await until(() => site.child.exitCode !== null);
  assert.equal(site.child.exitCode, 0);
  assert.throws(() => process.kill(pid, 0));
});

test("reload: what cannot be served at all is one line and an exit code", () => {
  const { ended } = new Command(scratch);
  assert.deepEqual(ended("nope.ts", "--reload"), {
    code: 2,
    out: "",
    error: "tsgi: there is no module nope.ts; check the path\n",
  });
  assert.deepEqual(ended("static", ".", "--reload"), {
    code: 2,
    out: "",
    error: "tsgi: --reload is for apps; tsgi static serves files as they are, also when they have changed\n",
  });
  assert.deepEqual(ended("site.ts", "--reload", "--max-requests", "5"), {
    code: 2,
    out: "",
    error: "tsgi: --max-requests does nothing with --reload, which has one worker; leave one of them out\n",
  });
});
