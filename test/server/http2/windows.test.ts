import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../../../src/gateway.ts";
import { openRequests } from "../../../src/server/serve.ts";
import {
  ACK,
  block,
  DATA,
  END_HEADERS,
  END_STREAM,
  type FrameClient,
  frame,
  GOAWAY,
  HEADERS,
  PING,
  pseudo,
  RST_STREAM,
  SETTINGS,
  settings,
  uint32,
  WINDOW_UPDATE,
} from "../../support/frames.ts";
import { startHttp2 } from "../../support/http2-client.ts";
import { Random } from "../../support/random.ts";
import { eventually } from "../../support/raw-client.ts";

/** How many times as many streams one connection has. By hand: `TSGI_FUZZ=200`. */
const ROUNDS = Number(process.env.TSGI_FUZZ ?? 1);
const STREAMS = 300;
const PADDED = 8;
const FIRST_WINDOW = 65_535;
const WINDOW = 1 << 20;
const MOST_HELD = 4 << 20;
const PIECE = Buffer.alloc(16_000);

const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/** What the apps have seen. */
interface Log {
  started: number;
  ended: number;
  /** How many tunnels are open. */
  tunnels: number;
  /** How often something was told again. */
  tooOften: number;
}

/** What an app may do with a body, and when. */
function anyReader(random: Random, log: Log): App {
  return async (environ, startResponse) => {
    if (environ.PATH_INFO === "/never") return new Promise(() => {});
    const exchange = environ["tsgi.exchange"];
    log.started++;
    let [ends, aborts] = [0, 0];
    exchange.onEnd?.(() => {
      log.ended++;
      if (++ends > 1) log.tooOften++;
    });
    exchange.onAbort?.(() => {
      if (++aborts > 1) log.tooOften++;
    });
    const kind = random.below(9);
    if (random.below(2) === 0) await sleep(random.below(8));
    const input = environ["tsgi.input"];
    if (exchange.upgrade !== undefined && environ.HTTP_UPGRADE !== undefined) {
      const connection = exchange.upgrade() as Duplex;
      connection.on("error", () => {});
      log.tunnels++;
      connection.on("close", () => log.tunnels--);
      if (kind < 6) connection.write(SWITCHED);
      if (kind < 3) connection.pipe(connection);
      else if (kind < 5) setTimeout(() => connection.end("bye"), random.below(9));
      else setTimeout(() => connection.destroy(), random.below(9));
      if (kind === 3) connection.resume();
      setTimeout(() => connection.destroy(), 100);
      return;
    }
    if (kind === 0) throw new Error("at once");
    if (kind === 1) for await (const _ of input) break;
    if (kind === 2) for await (const _ of input) await sleep(1);
    if (kind === 3) for await (const _ of input);
    if (kind === 4)
      void input[Symbol.asyncIterator]()
        .next()
        .catch(() => {});
    startResponse("200 OK", []);
    if (kind === 5) return input;
    if (kind === 6) return "x".repeat(random.below(200_000));
    if (kind === 7)
      return (async function* () {
        yield "half";
        await sleep(2);
        throw new Error("amid");
      })();
    return "hello";
  };
}

/** A client that keeps to the windows, and knows what it may send. */
class Honest {
  readonly #client: FrameClient;
  window = FIRST_WINDOW;
  readonly windows = new Map<number, number>();
  readonly #over = new Set<number>();
  /** What the server may send: on the connection, on a new stream, on each; and settings that it has not confirmed. */
  #taken = FIRST_WINDOW;
  #first = FIRST_WINDOW;
  readonly #takes = new Map<number, number>();
  readonly #settings: (number | undefined)[] = [undefined];
  /** Whose end has come. */
  readonly #ended = new Set<number>();

  constructor(client: FrameClient) {
    this.#client = client;
    client.answersPings = true;
    client.onFrame = ({ type, id, payload, flags }) => {
      this.#check(type, flags, id, payload.length);
      if (type === WINDOW_UPDATE && id === 0) this.window += payload.readUInt32BE(0);
      else if (type === WINDOW_UPDATE) {
        assert.ok(!client.of(RST_STREAM, id).length, "a window after the reset");
        this.windows.set(id, (this.windows.get(id) ?? 0) + payload.readUInt32BE(0));
      } else if (type === RST_STREAM) this.#over.add(id);
      if (type !== DATA || payload.length === 0) return;
      this.grow(payload.length);
      if (this.#ended.has(id)) return;
      this.#takes.set(id, (this.#takes.get(id) as number) + payload.length);
      client.send(frame(WINDOW_UPDATE, 0, id, uint32(payload.length)));
    };
  }

  /** Has the server send more. */
  grow(count: number): void {
    this.#taken += count;
    this.#client.send(frame(WINDOW_UPDATE, 0, 0, uint32(count)));
  }

  resize(first: number): void {
    this.#settings.push(first);
    this.#client.send(settings([4, first]));
  }

  resizeTable(size: number): void {
    this.#settings.push(undefined);
    this.#client.send(settings([1, size]));
  }

  /** What a client takes for an error. */
  #check(type: number, flags: number, id: number, length: number): void {
    if (type === SETTINGS && flags === ACK) {
      const first = this.#settings.shift();
      if (first === undefined) return;
      for (const [stream, window] of this.#takes) this.#takes.set(stream, window + first - this.#first);
      this.#first = first;
    } else if (type === DATA || type === HEADERS) {
      assert.ok(!this.#ended.has(id), `${type} after the end of ${id}`);
      if ((flags & END_STREAM) !== 0) this.#ended.add(id);
      if (type === HEADERS) return;
      this.#taken -= length;
      const left = (this.#takes.get(id) as number) - length;
      this.#takes.set(id, left);
      assert.ok(length === 0 || (left >= 0 && this.#taken >= 0), `more than the window of ${id}`);
    } else if (type === RST_STREAM) {
      assert.equal(this.#client.of(RST_STREAM, id).length, 1);
      this.#ended.add(id);
    }
  }

  async stream(id: number, random: Random): Promise<void> {
    const client = this.#client;
    this.windows.set(id, FIRST_WINDOW);
    this.#takes.set(id, this.#first);
    const isTunnel = random.below(5) === 0;
    const lines = isTunnel
      ? block([...pseudo("CONNECT"), [":protocol", "websocket"]])
      : block(pseudo(random.below(9) === 0 ? "HEAD" : "POST"));
    client.send(frame(HEADERS, END_HEADERS, id, lines));
    for (let pieces = random.below(12); pieces > 0; pieces--) {
      if (random.below(3) === 0) await sleep(random.below(5));
      if (random.below(12) === 0) {
        client.send(frame(RST_STREAM, 0, id, uint32(8)));
        this.#over.add(id);
      }
      if (this.#over.has(id)) return;
      const padding = random.below(3) === 0 ? random.below(256) : -1;
      const length = random.pick([1, 20, 2000, 16_000]);
      const size = length + padding + 1;
      if (size > 16_384 || size > this.window || size > (this.windows.get(id) as number)) continue;
      this.window -= size;
      this.windows.set(id, (this.windows.get(id) as number) - size);
      const bytes = Buffer.alloc(size);
      if (padding >= 0) bytes[0] = padding;
      client.send(frame(DATA, padding >= 0 ? PADDED : 0, id, bytes));
    }
    if (random.below(8) === 0) client.send(frame(RST_STREAM, 0, id, uint32(8)));
    else if (!this.#over.has(id)) client.send(frame(DATA, END_STREAM, id));
  }

  /** Sends bodies that nobody reads, from a stream on, and gives how much that could be: what has leaked is missing there. */
  async sendUnread(first: number): Promise<number> {
    const client = this.#client;
    let sent = 0;
    for (let id = first; ; id += 2) {
      client.send(frame(HEADERS, END_HEADERS, id, block(pseudo("POST", "/never"))));
      if (this.window < 5 * PIECE.length) {
        const pings = client.of(PING).length;
        client.send(frame(PING, 0, 0, Buffer.alloc(8)));
        await client.until(PING, 0, pings + 1);
        if (this.window < 5 * PIECE.length) return sent;
      }
      for (let piece = 0; piece < 4; piece++) client.send(frame(DATA, 0, id, PIECE));
      this.window -= 4 * PIECE.length;
      sent += 4 * PIECE.length;
    }
  }
}

test("windows: nothing of what was sent counts for ever, and each exchange ends once", async (t) => {
  const log: Log = { started: 0, ended: 0, tunnels: 0, tooOften: 0 };
  const { frames, server } = await startHttp2(t, anyReader(new Random(1), log), { onError: () => {} });
  const random = new Random(ROUNDS);
  const client = await frames();
  const honest = new Honest(client);
  await client.until(WINDOW_UPDATE, 0);
  const streams: Promise<void>[] = [];
  for (let index = 0; index < STREAMS * ROUNDS; index++) {
    streams.push(honest.stream(2 * index + 1, random));
    if (random.below(2) === 0) await sleep(random.below(3));
    if (random.below(40) === 0) honest.resize(random.pick([0, 1000, 65_535, 200_000]));
    if (random.below(60) === 0) honest.resizeTable(random.pick([0, 100, 4096]));
  }
  honest.resize(1 << 20);
  honest.grow(1 << 28);
  await Promise.all(streams);
  await eventually(() => openRequests(server).length === 0 && log.started === log.ended && log.tunnels === 0);
  assert.deepEqual([log.tooOften, client.end, client.of(GOAWAY)], [0, undefined, []]);
  assert.ok((await honest.sendUnread(2 * STREAMS * ROUNDS + 1)) > MOST_HELD + WINDOW / 2 - 5 * PIECE.length);
});
