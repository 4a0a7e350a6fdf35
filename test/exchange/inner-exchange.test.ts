import assert from "node:assert/strict";
import { test } from "node:test";
import { InnerExchange } from "../../src/exchange/inner-exchange.ts";
import type { Environ, Exchange } from "../../src/gateway.ts";

test("inner exchange: it leaves by itself, and with the client", () => {
  const callbacks: (() => void)[] = [];
  const outer: Exchange = { onAbort: (callback) => void callbacks.push(callback) };
  const environ = { "tsgi.exchange": outer, "tsgi.state": {} } as unknown as Environ;
  for (const leave of [(each: InnerExchange) => each.leave(), () => callbacks.at(-1)?.()]) {
    const told: string[] = [];
    const inner = new InnerExchange(environ, () => true);
    inner.onAbort(() => told.push("callback"));
    assert.equal(inner.signal.aborted, false);
    leave(inner);
    leave(inner);
    assert.deepEqual([told, inner.signal.aborted], [["callback"], true]);
  }
});

test("inner exchange: a flush is passed on where it may be", () => {
  let flushes = 0;
  const outer: Exchange = { flush: () => void flushes++ };
  for (const isPassedOn of [false, true]) {
    new InnerExchange({ "tsgi.exchange": outer } as unknown as Environ, () => isPassedOn).flush();
  }
  assert.equal(flushes, 1);
});

test("inner exchange: all else is that of the server", () => {
  const server = {};
  const addTrailers = () => {};
  const outer: Exchange & { innermost?: unknown } = { server, headers: [["a", "b"]], isUpgraded: true, addTrailers };
  const inner = new InnerExchange({ "tsgi.exchange": outer } as unknown as Environ, () => true);
  inner.innermost = {} as Environ;
  assert.equal(outer.innermost, inner.innermost);
  assert.deepEqual(
    [inner.server, inner.headers, inner.isUpgraded, inner.addTrailers, inner.upgrade],
    [server, [["a", "b"]], true, addTrailers, undefined],
  );
});
