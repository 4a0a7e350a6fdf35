import assert from "node:assert/strict";
import { existsSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { canBind } from "../../src/supervisor/bound-socket.ts";
import type { Settings } from "../../src/supervisor/settings.ts";
import { appointSuccessor } from "../../src/supervisor/succession.ts";
import { Supervisor } from "../../src/supervisor/supervisor.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-supervisor-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A supervisor that does not come to its workers. */
function supervisorOf(settings: Pick<Settings, "listen" | "onBound" | "log">): Supervisor {
  return new Supervisor({
    program: "none.js",
    env: process.env,
    task: {},
    workers: 1,
    backlog: 511,
    timeout: 0,
    bootTimeout: 0,
    drainDelay: 0,
    linger: 0,
    grace: 0,
    maxRequests: 0,
    maxRequestsJitter: 0,
    maxMemory: 0,
    ...settings,
  });
}

/** What a new supervisor has of a former one beside its sockets. */
const nothing = {
  ticketKeys: new Uint8Array(48),
  statusFd: undefined,
  statusPort: undefined,
  events: { deaths: 0, hangs: 0, reloads: 0 },
};

test("Supervisor: where it may not begin after all, it leaves no socket", async () => {
  const unix = join(scratch, "socket");
  let wasThere = false;
  const supervisor = supervisorOf({
    listen: [{ unix }],
    onBound() {
      wasThere = existsSync(unix);
      throw new Error("not today");
    },
    log() {},
  });
  await assert.rejects(supervisor.start(), { message: "not today" });
  assert.deepEqual([wasThere, existsSync(unix)], [true, false]);
});

test("Supervisor: a new one that cannot bind leaves the sockets of the former one where they are", async () => {
  const [unix, taken] = [join(scratch, "passed-on"), createServer()];
  writeFileSync(unix, "");
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const supervisor = supervisorOf({ listen: [{ unix }, { port }], log() {} });
  const passedOn = { address: { socket: `unix:${unix}` as const }, isShared: true, isHanded: false };
  const fds = [openSync(unix, "r")];
  await assert.rejects(supervisor.start({ ...nothing, places: [{ ...passedOn, fds }] }), {
    code: "TSGI_PORT_IN_USE",
  });
  taken.close();
  assert.equal(existsSync(unix), true);
});

test("Supervisor: what a new one inherits and does not need it closes", async () => {
  const fd = openSync(scratch, "r");
  const supervisor = supervisorOf({
    listen: [{ port: 0 }],
    onBound() {
      assert.throws(() => fstatSync(fd), { code: "EBADF" });
      throw new Error("enough");
    },
    log() {},
  });
  const places = [{ address: { name: "other.example", port: 1 }, isShared: true, isHanded: false, fds: [fd] }];
  await assert.rejects(supervisor.start({ ...nothing, places }), { message: "enough" });
});

test("Supervisor: connections that cannot be accepted are told of, once for each reason", {
  skip: canBind && "this Node binds without listening",
}, async () => {
  const lines: string[] = [];
  const supervisor: Supervisor = supervisorOf({
    listen: [{ port: 0 }],
    onBound() {
      const [server] = supervisor.legacy.descriptors.flat() as Server[];
      for (const message of ["accept EMFILE", "accept EMFILE", "accept ENFILE"]) {
        server?.emit("error", new Error(message));
      }
      throw new Error("enough");
    },
    log: (line) => lines.push(line),
  });
  await assert.rejects(supervisor.start(), { message: "enough" });
  assert.deepEqual(lines, [
    "a connection was not accepted: accept EMFILE",
    "a connection was not accepted: accept ENFILE",
  ]);
});

test("appointSuccessor: where the system refuses to start a program, the reason is given", async () => {
  const supervisor = supervisorOf({ listen: [], log() {} });
  const { signal } = new AbortController();
  const env = { LONG: "x".repeat(2 ** 18) };
  const legacy = { env, signal, statusFd: undefined, statusPort: undefined };
  const outcome = await appointSuccessor(supervisor, ["none.js"], legacy);
  assert.deepEqual(outcome, { ok: false, reason: "spawn E2BIG" });
});
