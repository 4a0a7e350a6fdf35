/**
 * Random requests against a tree that changes under them. `TSGI_FUZZ=100000` sends as many requests for each configuration,
 * `TSGI_FUZZ_SEED` repeats a run, as far as the clock allows.
 */

import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { allClosed, fileTree } from "../../support/file-tree.ts";
import { start } from "../../support/raw-client.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 1500);
const SEED = Number(process.env.TSGI_FUZZ_SEED ?? Date.now() % 1_000_000);
const SECRET = "the secret that lies outside";
const BLOCK = 32;

/** A generator of numbers from 0 up to 1 (mulberry32). */
function randomness(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Random = <Item>(items: readonly Item[]) => Item;

/** The files of the tree: each version repeats a block of its own, so that every slice tells which version it is of. */
class Versions {
  readonly #contents = new Map<string, Buffer[]>();
  #count = 0;

  next(name: string, size: number): Buffer {
    const content = Buffer.alloc(size, `[${name}|${this.#count++}]`.padEnd(BLOCK, "."));
    this.remember(name, content);
    return content;
  }

  remember(name: string, content: Buffer): void {
    const known = this.#contents.get(name) ?? [];
    known.push(content);
    this.#contents.set(name, known);
  }

  latest(name: string): Buffer {
    return this.#contents.get(name)?.at(-1) ?? Buffer.alloc(0);
  }

  /** Whether bytes are a slice of a version of any file, of that size as a whole. */
  has(bytes: Buffer, first: number, size: number): boolean {
    if (size === 0) return bytes.length === 0;
    for (const versions of this.#contents.values()) {
      for (let index = versions.length - 1; index >= 0; index--) {
        const version = versions[index] as Buffer;
        if (version.length === size && version.subarray(first, first + bytes.length).equals(bytes)) return true;
      }
    }
    return false;
  }
}

const NAMES = [
  "small.txt",
  "page.html",
  "app.js",
  "large.bin",
  "huge.bin",
  "sub/inner.txt",
  "swap/file.txt",
  "link.txt",
];
const SIZES: Readonly<Record<string, readonly number[]>> = {
  "large.bin": [70_000, 200_000],
  "huge.bin": [300_000, 700_000],
};

/** Changes the tree in some way. What a name stands for changes in one step, or within one system call. */
function change(root: string, versions: Versions, pick: Random): void {
  const name = pick(NAMES);
  const path = join(root, name);
  const size = () => pick(SIZES[name] ?? [0, 5, 100, 3000, 20_000]);
  const write = (content: Buffer) => {
    writeFileSync(`${root}-new`, content);
    renameSync(`${root}-new`, path);
  };
  try {
    pick([
      ...Array<() => void>(8).fill(() => write(versions.next(name, size()))),
      () => overwrite(path, versions.next(name, contentOf(path).length)),
      () => {
        const content = contentOf(path);
        const shorter = content.subarray(0, Math.ceil(content.length / 2));
        versions.remember(name, shorter);
        truncateSync(path, shorter.length);
      },
      () => rmSync(path, { force: true }),
      () => {
        for (const [extension, compress] of [
          [".br", brotliCompressSync],
          [".gz", gzipSync],
        ] as const) {
          const compressed = compress(versions.latest(name));
          versions.remember(`${name}${extension}`, compressed);
          writeFileSync(`${root}-new`, compressed);
          renameSync(`${root}-new`, path + extension);
        }
      },
      () => {
        for (const extension of [".br", ".gz"]) rmSync(path + extension, { force: true });
      },
      () => link(join(root, "link.txt"), pick(["small.txt", "../outside/secret.txt", "nowhere", "sub"])),
      () => {
        if (existsSync(join(root, "moved"))) {
          rmSync(join(root, "swap"), { recursive: true, force: true });
          renameSync(join(root, "moved"), join(root, "swap"));
        } else {
          renameSync(join(root, "swap"), join(root, "moved"));
          link(join(root, "swap"), pick(["../outside", "sub", "moved"]));
        }
      },
      () => {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path);
        writeFileSync(join(path, "index.html"), versions.next(`${name}/index.html`, 50));
      },
      () => rmSync(path, { recursive: true, force: true }),
    ])();
  } catch {
    // What it was to be done to was not there.
  }
}

/** What is in a regular file. */
function contentOf(path: string): Buffer {
  if (!lstatSync(path).isFile()) throw new Error("no file");
  return readFileSync(path);
}

/** Writes over a file in place, in one system call. */
function overwrite(path: string, content: Buffer): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, content, 0, content.length, 0);
  closeSync(descriptor);
}

function link(path: string, target: string): void {
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

const PATHS = [
  ...NAMES.map((name) => `/${name}`),
  ...NAMES.map((name) => `/${name}`),
  ...NAMES.map((name) => `/${name}/`),
  ..."/ /sub /sub/ /swap/ /swap /.env /.git/config /link.txt/../small.txt /%2e%2e/outside/secret.txt".split(" "),
  ..."/../outside/secret.txt /..%2foutside%2fsecret.txt /sub/..%5c..%5coutside /%00 /%ff /a%".split(" "),
  ..."/swap/secret.txt /small.txt%00.html //outside/secret.txt /small.txt?query=1 /small.txt.br /app.js.gz".split(" "),
  `/${"long".repeat(200)}`,
  `/${"a/".repeat(500)}`,
];

const RANGES =
  "0-0 0-99 -5 50- 100-50 0-9,20-29 0-9,-9,500-600 999999- x 0-,0- 10-19999 65530-65600 131000-140000".split(" ");
const ENCODINGS = [
  "br",
  "gzip",
  "gzip, deflate, br, zstd",
  "br;q=0.1, gzip",
  "identity;q=0, *",
  "*;q=0",
  "identity",
  "zzz",
];

interface Answer {
  readonly response: IncomingMessage & { readonly req: ClientRequest };
  readonly body: Buffer;
  readonly isComplete: boolean;
}

function send(
  port: number,
  agent: Agent,
  path: string,
  method: string,
  headers: Record<string, string>,
  leaves: boolean,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const outgoing = httpRequest({ port, agent, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => {
        chunks.push(chunk);
        if (leaves) outgoing.destroy();
      });
      response.on("error", () => {});
      response.on("close", () =>
        resolve({
          response: response as Answer["response"],
          body: Buffer.concat(chunks),
          isComplete: response.complete,
        }),
      );
    });
    outgoing.on("error", () => resolve(undefined));
    outgoing.end();
  });
}

/** Throws where an answer is wrong, whatever the tree has been like meanwhile. */
function check({ response, body, isComplete }: Answer, method: string, versions: Versions, tags: Set<string>): void {
  const { statusCode = 0, headers } = response;
  assert.ok([200, 206, 301, 304, 400, 404, 406, 412, 416, 503].includes(statusCode), `status ${statusCode}`);
  assert.ok(
    !body.includes(SECRET) && !body.subarray(0, 200).toString().includes(SECRET),
    "a file from outside was sent",
  );
  if (headers.etag !== undefined && statusCode === 200) tags.add(headers.etag);
  if (statusCode === 304 && response.req.getHeader("If-None-Match") !== undefined) {
    assert.ok(tags.has(headers.etag as string), "304 for a tag that nobody was given");
  }
  if (!isComplete || method !== "GET" || headers["accept-ranges"] === undefined) return;
  const coding = headers["content-encoding"];
  if (statusCode === 200) {
    assert.ok(versions.has(body, 0, Number(headers["content-length"])), "the whole of no version was sent as a whole");
    if (coding === "br") assert.ok(wholeOf(versions, brotliDecompressSync(body)));
    if (coding === "gzip") assert.ok(wholeOf(versions, gunzipSync(body)));
  } else if (statusCode === 206) {
    for (const { first, size, bytes } of partsOf(headers, body)) {
      assert.ok(versions.has(bytes, first, size), `bytes ${first}+${bytes.length}/${size} are of no version`);
    }
  }
}

function wholeOf(versions: Versions, content: Buffer): boolean {
  return versions.has(content, 0, content.length);
}

interface Part {
  readonly first: number;
  readonly size: number;
  readonly bytes: Buffer;
}

function partsOf(headers: IncomingMessage["headers"], body: Buffer): Part[] {
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(headers["content-type"] ?? "")?.[1];
  if (boundary === undefined) return [partOf(headers["content-range"] as string, body)];
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const head = body.indexOf("\r\n\r\n", at);
    if (head < 0) return parts;
    const range = /Content-Range: (.+)/.exec(body.subarray(at, head).toString("latin1"))?.[1] as string;
    const { first, last } = numbersOf(range);
    parts.push(partOf(range, body.subarray(head + 4, head + 4 + last - first + 1)));
    at = head + 4 + last - first + 1;
  }
}

function partOf(range: string, bytes: Buffer): Part {
  const { first, last, size } = numbersOf(range);
  assert.equal(bytes.length, last - first + 1);
  return { first, size, bytes };
}

function numbersOf(range: string): { first: number; last: number; size: number } {
  const [, first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? []).map(Number);
  return { first: first as number, last: last as number, size: size as number };
}

for (const [what, options] of Object.entries({
  "as it is": {},
  "looking each time": { memory: { interval: 0 } },
  "without memory": { memory: false },
  "with little memory, and listings": { memory: { totalSize: 30_000, interval: 5 }, listing: true, immutable: true },
} satisfies Record<string, StaticFilesOptions>)) {
  test(`static files, ${what}: no answer mixes versions, leaves the folder or is a 500 (seed ${SEED})`, {
    timeout: 3_600_000,
  }, async (t) => {
    const random = randomness(SEED);
    const pick: Random = (items) => items[Math.floor(random() * items.length)] as (typeof items)[number];
    const versions = new Versions();
    const tree = await fileTree({
      "outside/secret.txt": SECRET.repeat(20),
      "outside/file.txt": SECRET,
      "root/sub/": "",
      "root/swap/": "",
    });
    const root = join(tree, "root");
    for (const name of NAMES) writeFileSync(join(root, name), versions.next(name, pick(SIZES[name] ?? [3000])));
    writeFileSync(join(root, ".env"), SECRET);
    const { server, log } = await start(t, staticFiles(notFound, { "/": root }, options));
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const tags = new Set<string>(['"x"']);
    const statuses = new Map<number | undefined, number>();
    let isOver = false;
    let problem: unknown;
    const changing = (async () => {
      while (!isOver) {
        change(root, versions, pick);
        await sleep(random() * 8);
      }
    })();
    const one = async () => {
      const path = pick(PATHS);
      const method = pick(["GET", "GET", "GET", "GET", "HEAD", "POST"]);
      const headers: Record<string, string> = {};
      if (random() < 0.3) headers.Range = `bytes=${pick(RANGES)}`;
      if (random() < 0.3) headers["Accept-Encoding"] = pick(ENCODINGS);
      if (random() < 0.2) headers[pick(["If-None-Match", "If-Match", "If-Range"])] = pick([...tags].slice(-20));
      if (random() < 0.05) headers[pick(["If-Modified-Since", "If-Unmodified-Since"])] = new Date().toUTCString();
      if (random() < 0.1) headers.Accept = "application/json";
      const answer = await send(server.port, agent, path, method, headers, random() < 0.05);
      const status = answer?.response.statusCode;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      try {
        if (answer !== undefined) check(answer, method, versions, tags);
      } catch (error) {
        problem ??= new Error(`${method} ${path} ${JSON.stringify(headers)}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    };
    let left = COUNT;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0 && problem === undefined) await one();
      }),
    );
    isOver = true;
    await changing;
    t.diagnostic([...statuses].map(([status, count]) => `${status}: ${count}`).join(", "));
    if (problem !== undefined) {
      t.diagnostic(log.slice(-5).join(""));
      throw problem;
    }
    assert.ok((statuses.get(200) ?? 0) > COUNT / 20, "hardly anything was sent");
    agent.destroy();
    await allClosed(tree);
    const unexpected = log.filter(
      (line) => !/TSGI_FILE_CHANGED|was changed while it was being sent|ENAMETOOLONG/.test(line),
    );
    assert.deepEqual(unexpected, []);
  });
}
