import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ProgramOutput } from "../../../src/adapters/program/program-output.ts";
import type { ProgramRun } from "../../../src/adapters/program/program-run.ts";
import { eventually } from "../../support/raw-client.ts";

/** A run whose output the test writes. */
class FakeRun implements ProgramRun {
  readonly output = new Readable({ read() {} });
  readonly over: Promise<void>;
  stopped = 0;
  failing: string | undefined;
  #settle!: () => void;

  constructor(...chunks: (string | null)[]) {
    this.output.on("error", () => {});
    this.over = new Promise((resolve) => {
      this.#settle = resolve;
    });
    for (const chunk of chunks) this.output.push(chunk);
  }

  async feed(): Promise<void> {}

  stop(): void {
    this.stopped++;
    this.output.destroy();
    this.finish();
  }

  failure(): string | undefined {
    return this.failing;
  }

  finish(): void {
    this.#settle();
  }
}

async function textOf(output: ProgramOutput): Promise<string> {
  let text = "";
  for (let chunk = await output.next(); chunk !== undefined; chunk = await output.next()) text += Buffer.from(chunk);
  return text;
}

for (const [what, chunks] of [
  ["in one piece", ["A: 1\r\n\r\nhello"]],
  ["with line feeds alone", ["A: 1\n\nhello"]],
  ["byte by byte", [..."A: 1\r\n\r\nhello"]],
  ["cut in the empty line", ["A: 1\r\n\r", "\nhello"]],
  ["without a body in the same chunk", ["A: 1\r\n\r\n", "hello"]],
] as const) {
  test(`program output: head and body ${what}`, async () => {
    const run = new FakeRun(...chunks, null);
    const output = new ProgramOutput("x", run, 60_000);
    assert.deepEqual(await output.head(), { status: "200 OK", headers: [["A", "1"]] });
    assert.equal(await textOf(output), "hello");
    run.finish();
    assert.equal(run.stopped, 0);
  });
}

test("program output: a head that never ends is a 502", async () => {
  const run = new FakeRun("x".repeat(70_000));
  await assert.rejects(new ProgramOutput("x", run, 60_000).head(), {
    code: "TSGI_BAD_GATEWAY",
    message: "its head is longer than 65536 bytes",
  });
});

test("program output: a program that stalls in its head is stopped, a 504", async () => {
  const run = new FakeRun("A: 1\n");
  await assert.rejects(new ProgramOutput("x", run, 20).head(), { code: "TSGI_GATEWAY_TIMEOUT" });
  assert.equal(run.stopped, 1);
});

test("program output: a program that stalls in its body is stopped, and its body fails", async () => {
  const run = new FakeRun("A: 1\n\nhi");
  const output = new ProgramOutput("x", run, 20);
  await output.head();
  await assert.rejects(textOf(output), { code: "TSGI_GATEWAY_TIMEOUT" });
  assert.equal(run.stopped, 1);
});

test("program output: a program that reads makes progress", async () => {
  const run = new FakeRun();
  const output = new ProgramOutput("x", run, 60);
  const head = output.head();
  const body = (async function* () {
    for (let piece = 0; piece < 8; piece++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield Buffer.from("x");
    }
  })();
  for await (const _ of output.watch(body));
  run.output.push("A: 1\n\n");
  assert.deepEqual(await head, { status: "200 OK", headers: [["A", "1"]] });
  output.close();
  run.stop();
});

test("program output: a request body that fails stops the program, and is the failure of its head", async () => {
  const run = new FakeRun();
  const output = new ProgramOutput("x", run, 60_000);
  const head = output.head();
  const broken = (async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x");
    throw new Error("broken");
  })();
  const fed = (async () => {
    for await (const _ of output.watch(broken));
  })();
  await assert.rejects(fed, { message: "broken" });
  await assert.rejects(head, { message: "broken" });
  assert.equal(run.stopped, 1);
});

test("program output: a program that fails after its head fails its body", async () => {
  const run = new FakeRun("A: 1\n\nhi", null);
  run.failing = "exited with 2";
  const output = new ProgramOutput("x", run, 60_000);
  await output.head();
  await assert.rejects(textOf(output), { code: "TSGI_BAD_GATEWAY", message: "x: exited with 2 after its head" });
  run.finish();
});

test("program output: an error page is complete however the program ends", async () => {
  const run = new FakeRun("Status: 500\n\noh", null);
  run.failing = "exited with 255";
  const output = new ProgramOutput("x", run, 60_000);
  await output.head();
  assert.equal(await textOf(output), "oh");
  run.finish();
});

test("program output: a program that goes on after its output is stopped after `timeout`", async () => {
  const run = new FakeRun("A: 1\n\nhi", null);
  const output = new ProgramOutput("x", run, 20);
  await output.head();
  assert.equal(await textOf(output), "hi");
  await eventually(() => run.stopped === 1);
});

test("program output: closing it lets the program write to its end", async () => {
  const run = new FakeRun("A: 1\n\nhi");
  const output = new ProgramOutput("x", run, 60_000);
  await output.head();
  output.close();
  output.close();
  for (let chunk = 0; chunk < 10; chunk++) run.output.push("x".repeat(20_000));
  run.output.push(null);
  await eventually(() => run.output.readableEnded);
  run.finish();
  await turn();
  assert.equal(run.stopped, 0);
});

test("program output: a program that goes on for too long after it was closed is stopped", async () => {
  const run = new FakeRun("A: 1\n\nhi");
  const output = new ProgramOutput("x", run, 20);
  await output.head();
  output.close();
  await eventually(() => run.stopped > 0);
});
