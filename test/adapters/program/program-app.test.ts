import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { badGateway } from "../../../src/adapters/program/errors.ts";
import { type ProgramOptions, programApp } from "../../../src/adapters/program/program-app.ts";
import type { ProgramRun } from "../../../src/adapters/program/program-run.ts";
import type { Variables } from "../../../src/adapters/program/variables.ts";
import type { App, Environ, Exchange } from "../../../src/gateway.ts";
import { eventually } from "../../support/raw-client.ts";
import { reported, transcript } from "../../support/transcript.ts";

/** A program of the test: it writes its output and is over, unless it stays. */
class FakeRun implements ProgramRun {
  readonly output: Readable;
  readonly over: Promise<void>;
  stopped = 0;
  input = "";
  #settle!: () => void;

  constructor(output: string, stays: boolean) {
    this.output = new Readable({ read() {} });
    this.output.on("error", () => {});
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.output.push(output);
    if (stays) return;
    this.output.push(null);
    this.#settle();
  }

  async feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of input) this.input += Buffer.from(chunk);
  }

  stop(): void {
    this.stopped++;
    this.output.destroy();
    this.#settle();
  }

  failure(): undefined {}
}

interface Fake {
  readonly app: App;
  readonly runs: FakeRun[];
  readonly variables: Variables[];
}

/** An app of programs that write this, one at a time. */
function fake(output: string, options: ProgramOptions = {}, stays = false): Fake {
  const runs: FakeRun[] = [];
  const variables: Variables[] = [];
  const app = programApp(
    {
      name: "fake",
      limit: [1, "most"],
      start(given) {
        const run = new FakeRun(output, stays);
        runs.push(run);
        variables.push(given);
        return run;
      },
    },
    { timeout: 2_000, ...options },
  );
  return { app, runs, variables };
}

const HI = "A: 1\n\nhi";
const ANSWER = "200 OK\na: 1\n\nhi";

test("program app: a run for each request, one after another", async () => {
  const { app, runs, variables } = fake(HI, { env: { EXTRA: "x" } });
  for (let round = 0; round < 3; round++) {
    assert.equal(await transcript(app, "/a", { method: "POST", body: "abc" }), ANSWER);
  }
  assert.deepEqual(
    runs.map(({ input, stopped }) => [input, stopped]),
    [
      ["abc", 0],
      ["abc", 0],
      ["abc", 0],
    ],
  );
  const { PATH_INFO, CONTENT_LENGTH, EXTRA } = variables[0] as Variables;
  assert.deepEqual([PATH_INFO, CONTENT_LENGTH, EXTRA], ["/a", "3", "x"]);
});

test("program app: a path that variables cannot hold starts nothing", async () => {
  const { app, runs } = fake(HI);
  assert.match(await transcript(app, "/a%2Fb"), /^404 Not Found\n/);
  assert.equal(runs.length, 0);
});

test("program app: a program that cannot be started occupies nothing", async () => {
  const failing = [() => badGateway("could not be started"), () => new TypeError("a mistake")];
  for (const error of failing) {
    const app = programApp(
      {
        name: "fake",
        limit: [1, "most"],
        start() {
          throw error();
        },
      },
      { timeout: 1_000 },
    );
    for (let round = 0; round < 3; round++) {
      if (error() instanceof TypeError) await assert.rejects(reported(app), { message: "a mistake" });
      else {
        const [response, errors] = await reported(app);
        assert.match(response, /^502 Bad Gateway\n/);
        assert.equal(errors, "fake: could not be started\n");
      }
    }
  }
});

test("program app: a response that is refused stops its run, and the next one starts", async () => {
  const { app, runs } = fake(HI, {}, true);
  const refuse: App = (environ) =>
    app(environ, () => {
      throw new Error("refused");
    });
  for (let round = 1; round <= 3; round++) {
    await assert.rejects(transcript(refuse, "/"), { message: "refused" });
    assert.deepEqual([runs.length, runs[round - 1]?.stopped], [round, 1]);
  }
});

test("program app: a head that is refused stops its run, and the next one starts", async () => {
  const { app, runs } = fake("hello\n\n", {}, true);
  for (let round = 1; round <= 3; round++) {
    assert.match(await transcript(app, "/"), /^502 Bad Gateway\n/);
    assert.deepEqual([runs.length, runs[round - 1]?.stopped], [round, 1]);
  }
});

/** Calls an app with an exchange that the test makes. */
const within =
  (app: App, exchange: (environ: Environ) => Exchange): App =>
  (environ, startResponse) =>
    app({ ...environ, "tsgi.exchange": exchange(environ) }, startResponse);

test("program app: an exchange whose onAbort throws is the app's error, and occupies nothing", async () => {
  const { app, runs } = fake(HI, {}, true);
  const broken = within(app, () => ({
    onAbort() {
      throw new Error("broken");
    },
  }));
  for (let round = 1; round <= 3; round++) await assert.rejects(transcript(broken, "/"), { message: "broken" });
  assert.deepEqual(
    runs.map(({ stopped }) => stopped),
    [1, 1, 1],
  );
});

test("program app: an exchange without onAbort will do", async () => {
  assert.equal(
    await transcript(
      within(fake(HI).app, () => ({})),
      "/",
    ),
    ANSWER,
  );
});

test("program app: a client that leaves stops the run", async () => {
  const { app, runs } = fake("", {}, true);
  const leaving = new AbortController();
  const response = transcript(app, "/", { signal: leaving.signal });
  await eventually(() => runs.length === 1);
  leaving.abort();
  await assert.rejects(response, { name: "AbortError" });
  assert.equal(runs[0]?.stopped, 1);
});

test("program app: variables that are not strings are refused", () => {
  assert.throws(() => fake(HI, { env: { A: 1 } as never }), {
    code: "TSGI_BAD_OPTION",
    message: /^the variable A of env/,
  });
});
