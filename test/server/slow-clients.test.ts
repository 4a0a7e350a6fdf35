import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Fixture, fixture } from "../support/fixture.ts";
import { eventually, RawClient } from "../support/raw-client.ts";

/** How many slow clients of each kind there are. */
const COUNT = 100;
/** How long the response is that slow readers ask for, in bytes: more than what systems keep for a connection. */
const LARGE = 64 << 20;
/** The same for `slowhttptest`: of 2,000 connections, systems keep no more than that without slowing down all others. */
const KEPT = 128 << 10;
/** By hand, with `slowhttptest` of Debian: `TSGI_SLOW=1`, or how many connections it opens; 1 means 2,000. */
const CONNECTIONS = process.env.TSGI_SLOW === "1" ? 2000 : Number(process.env.TSGI_SLOW ?? 0);

/** How long a probe may wait for its answer, in milliseconds. */
const PATIENCE = 10_000;

/** A client that asks for something now and then and expects to be answered. */
class Prober {
  readonly #port: number;
  readonly #agent: Agent;
  readonly #done: Promise<void>;
  #isStopped = false;
  answered = 0;
  /** How long the slowest answer took, in milliseconds. */
  longest = 0;
  readonly failures: string[] = [];

  constructor(port: number, keepAlive: boolean) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive, maxSockets: 1 });
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const method = this.answered % 2 === 0 ? "GET" : "POST";
      const body = method === "GET" ? "hello" : `${this.answered}`.padStart(1024);
      const begun = performance.now();
      await this.#ask(method, body).then(
        (answer) => {
          if (answer === `200 ${body}`) this.answered++;
          else this.failures.push(`${method} got ${JSON.stringify(answer)}`);
        },
        (error: Error) => this.failures.push(`${method} failed: ${error.message}`),
      );
      this.longest = Math.max(this.longest, performance.now() - begun);
      await sleep(10);
    }
  }

  #ask(method: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(PATIENCE);
      const client = request({ port: this.#port, method, agent: this.#agent, signal }, (response) => {
        let answer = `${response.statusCode} `;
        response.on("data", (chunk: Buffer) => {
          answer += chunk.toString("latin1");
        });
        response.on("end", () => resolve(answer));
        response.on("error", reject);
      });
      client.on("error", reject);
      client.end(method === "POST" ? body : undefined);
    });
  }
}

/** Asks on a kept connection and on fresh ones for as long as something goes on; fails where an answer is missing. */
async function probed(
  t: { diagnostic(text: string): void },
  port: number,
  what: string,
  run: () => Promise<unknown>,
): Promise<void> {
  const probers = [new Prober(port, true), new Prober(port, false)];
  const probes = () => probers.reduce((sum, { answered }) => sum + answered, 0);
  try {
    await run();
    const before = probes();
    await eventually(() => probes() > before || probers.some(({ failures }) => failures.length > 0));
  } finally {
    await Promise.all(probers.map((prober) => prober.stop()));
  }
  const longest = Math.max(...probers.map((prober) => prober.longest));
  t.diagnostic(`${what}: ${probes()} probes answered, the slowest after ${Math.round(longest)} ms`);
  assert.deepEqual(
    probers.flatMap(({ failures }) => failures),
    [],
  );
}

/** Waits until no more connections are open than those of the probers. */
async function onlyProbersLeft({ ask }: Fixture, patience = PATIENCE): Promise<void> {
  const deadline = Date.now() + patience;
  for (let open = Number(await ask("count")); open > 2; open = Number(await ask("count"))) {
    assert.ok(Date.now() < deadline, `${open} connections are still open`);
    await sleep(50);
  }
}

/** A client that asks for something large and does not read it. */
function stoppedReader(t: TestContext, port: number): Socket {
  const socket = connect(port);
  socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  // A client that was cut may be told by a reset.
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

test("slow clients: others are served meanwhile, and each slow one is refused or cut", async (t) => {
  const server = await fixture(t, "limited.ts", [
    String(LARGE),
    JSON.stringify({ headersTimeout: 1000, requestTimeout: 1500, bodyTimeout: 500, keepAliveTimeout: 2000 }),
  ]);
  const port = Number(await server.line());
  const clients: RawClient[] = [];
  t.after(() => {
    for (const { socket } of clients) socket.destroy();
  });
  const slow = async (begin: string, drip = ""): Promise<RawClient[]> => {
    const group: RawClient[] = [];
    for (let left = COUNT; left > 0; left--) {
      const client = await RawClient.open(connect(port));
      clients.push(client);
      group.push(client.send(begin));
      if (drip === "") continue;
      const timer = setInterval(() => (client.end === undefined ? client.send(drip) : clearInterval(timer)), 100);
      t.after(() => clearInterval(timer));
    }
    return group;
  };
  const answers = async (group: RawClient[]) =>
    new Set((await Promise.all(group.map((client) => client.all()))).map((text) => text.split("\r\n", 1)[0]));
  await probed(t, port, `${5 * COUNT} slow clients`, async () => {
    const heads = await slow("GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n");
    const bodies = await slow("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x");
    const readers = Array.from({ length: COUNT }, () => stoppedReader(t, port));
    const silent = await slow("");
    const idle = await slow("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.deepEqual(await answers(heads), new Set(["HTTP/1.1 408 Request Timeout"]));
    assert.deepEqual(await answers(bodies), new Set(["HTTP/1.1 408 Request Timeout"]));
    assert.deepEqual(await answers(silent), new Set(["HTTP/1.1 408 Request Timeout"]));
    assert.deepEqual(await answers(idle), new Set(["HTTP/1.1 200 OK"]));
    await onlyProbersLeft(server);
    for (const reader of readers) {
      reader.resume();
      if (!reader.closed) await once(reader, "close");
      assert.ok(reader.bytesRead < LARGE);
    }
  });
});

const ATTACKS = {
  heads: ["-H", "-i", "5", "-x", "24"],
  bodies: ["-B", "-i", "5", "-x", "10", "-s", "8192"],
  readers: ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
} as const;

for (const [what, args] of Object.entries(ATTACKS)) {
  const skip = CONNECTIONS === 0 && "by hand: TSGI_SLOW=1; apt-get install slowhttptest";
  test(`slow clients: others are served while slowhttptest has its connections open (${what})`, { skip }, async (t) => {
    const server = await fixture(t, "limited.ts", [String(KEPT)]);
    const port = await server.line();
    const url = `http://127.0.0.1:${port}/${what === "readers" ? "large" : ""}`;
    let most = 0;
    await probed(t, Number(port), `${what} on ${CONNECTIONS} connections`, async () => {
      const all = [...args, "-c", String(CONNECTIONS), "-r", "500", "-l", "40", "-p", "10", "-u", url];
      const command = ["-c", 'ulimit -n "$(ulimit -Hn)"; exec slowhttptest "$@"', "sh", ...all];
      const attack = promisify(execFile)("sh", command, { maxBuffer: 1 << 24 });
      const counting = setInterval(async () => {
        most = Math.max(most, Number(await server.ask("count")));
      }, 500);
      const { stdout } = await attack.finally(() => clearInterval(counting));
      assert.doesNotMatch(stdout, /service available:\W*NO/);
    });
    t.diagnostic(`${most} connections at most`);
    await onlyProbersLeft(server, 130_000);
  });
}
