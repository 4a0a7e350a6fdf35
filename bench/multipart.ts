/**
 * A form with a file of 32 MiB, in milliseconds of CPU time: `node --import tsx bench/multipart.ts`; and, with `disk`, what an upload
 * of 1 GiB over a socket to a file adds to the memory of the server.
 *
 * The form is in memory, in the pieces in which a socket gives it. Each way is asked in turn; of all rounds the least counts.
 */

import { fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy } from "@fastify/busboy";
import { text } from "../src/apps.ts";
import { multipart } from "../src/body/multipart.ts";
import type { App, Environ } from "../src/gateway.ts";
import { serve } from "../src/server/serve.ts";

const MiB = 1024 * 1024;
const PIECE = 64 * 1024;
const BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
const HEAD = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`,
);
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

function piecesOf(size: number): Buffer[] {
  const form = Buffer.concat([HEAD, randomBytes(size), TAIL]);
  return Array.from({ length: Math.ceil(form.length / PIECE) }, (_, at) => form.subarray(at * PIECE, (at + 1) * PIECE));
}

const pieces = process.argv.length > 2 ? [] : piecesOf(32 * MiB);

async function* asInput(): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function byLibrary(): Promise<number> {
  let size = 0;
  const parser = new Busboy({ headers: { "content-type": TYPE }, limits: { fileSize: 1024 * MiB } });
  parser.on("file", (_name, file) => {
    file.on("data", (chunk: Buffer) => {
      size += chunk.length;
    });
  });
  const isOver = new Promise((resolve) => parser.on("finish", resolve));
  for await (const piece of asInput()) {
    if (!parser.write(piece)) await new Promise((resolve) => parser.once("drain", resolve));
  }
  parser.end();
  await isOver;
  return size;
}

async function byMultipart(): Promise<number> {
  let size = 0;
  const environ = { CONTENT_TYPE: TYPE, "tsgi.input": asInput() } as unknown as Environ;
  for await (const { body } of multipart(environ, { fileSize: 1024 * MiB })) {
    for await (const chunk of body) size += chunk.length;
  }
  return size;
}

async function byFormData(): Promise<number> {
  const response = new Response(Readable.toWeb(Readable.from(asInput())) as ReadableStream, {
    headers: { "Content-Type": TYPE },
  });
  return ((await response.formData()).get("file") as File).size;
}

const WAYS = { "@fastify/busboy alone": byLibrary, multipart: byMultipart, "formData()": byFormData };

async function compare(): Promise<void> {
  const least = new Map<string, number>();
  for (let round = 0; round < 30; round++) {
    for (const [name, way] of Object.entries(WAYS)) {
      const start = process.cpuUsage();
      const size = await way();
      const { user, system } = process.cpuUsage(start);
      if (size !== 32 * MiB) throw new Error(`${name} has read ${size} bytes`);
      least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, (user + system) / 1000));
    }
  }
  console.log(`Node ${process.version}`);
  for (const [name, milliseconds] of least) console.log(`${name.padEnd(24)}${milliseconds.toFixed(1).padStart(7)} ms`);
}

/** Sends one piece again and again, in a process of its own. */
async function send(url: string, size: number): Promise<void> {
  const piece = randomBytes(PIECE);
  const outgoing = httpRequest(url, { method: "POST", headers: { "Content-Type": TYPE, Connection: "close" } });
  const answered = new Promise<void>((resolve, reject) =>
    outgoing.on("error", reject).on("response", (response) => response.resume().on("end", resolve)),
  );
  outgoing.write(HEAD);
  for (let sent = 0; sent < size; sent += PIECE) {
    if (!outgoing.write(piece)) await new Promise((resolve) => outgoing.once("drain", resolve));
  }
  outgoing.end(TAIL);
  await answered;
}

async function toDisk(): Promise<void> {
  const path = join(tmpdir(), randomUUID());
  const app: App = async (environ, startResponse) => {
    for await (const { body } of multipart(environ, { fileSize: 2048 * MiB }))
      await pipeline(body, createWriteStream(path));
    return text("done")(environ, startResponse);
  };
  const server = await serve(app, { port: 0 });
  const receive = async (size: number): Promise<void> => {
    const [code] = await once(fork(import.meta.filename, ["client", server.url, String(size)]), "exit");
    if (code !== 0) throw new Error("the client has failed");
  };
  try {
    await receive(64 * MiB);
    const before = process.memoryUsage().rss;
    let most = before;
    const watching = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
    const start = process.cpuUsage();
    await receive(1024 * MiB);
    const { user, system } = process.cpuUsage(start);
    clearInterval(watching);
    const grown = ((most - before) / MiB).toFixed(1);
    console.log(`1 GiB to disk: ${grown} MiB of memory more, ${((user + system) / 1e6).toFixed(1)} s of CPU time`);
  } finally {
    await server.close({ grace: 0 });
    await rm(path, { force: true });
  }
}

const [what, url = "", size] = process.argv.slice(2);
if (what === "client") await send(url, Number(size));
else await (what === "disk" ? toDisk() : compare());
