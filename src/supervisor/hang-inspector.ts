/**
 * A program: pauses the process whose inspector listens on a port of this machine, and prints what it was doing, as JSON. It is a
 * process of its own, as Node 20 has a WebSocket client only behind a flag.
 */

import { SourceMap, type SourceMapPayload } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { RequestUnderWay } from "./messages.ts";

/** What a process was doing. */
export interface Hang {
  /** The functions that it was in, the innermost first. */
  readonly frames: readonly { readonly name: string; readonly where: string }[];
  readonly requests: readonly RequestUnderWay[];
}

/** What the inspector says of a function (Chrome DevTools Protocol, `Debugger.CallFrame`). */
interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

/** A script that V8 has parsed (`Debugger.scriptParsed`). */
interface Script {
  readonly scriptId: string;
  readonly url: string;
  readonly sourceMapURL?: string;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Partial<Script> & { readonly callFrames?: readonly CallFrame[] };
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/** How often the inspector is tried, and how long the pause is between; in milliseconds. */
const TRIES = 40;
const PAUSE = 20;

const REQUESTS = `JSON.stringify(globalThis[Symbol.for("tsgi.openRequests")]?.() ?? [])`;

/** Frames in the modules of Node and of tsgi do not help to find a mistake. */
const PACKAGE = new URL("../..", import.meta.url).href;

function isForeign(url: string): boolean {
  return url !== "" && !url.startsWith("node:") && !/^(?:src|middleware)\//.test(afterPrefix(url, PACKAGE));
}

function afterPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : "";
}

async function main(port: number): Promise<void> {
  const socket = await connect(await debuggerUrl(port));
  const scripts = new Map<string, Script>();
  let paused: ((frames: readonly CallFrame[]) => void) | undefined;
  const frames = new Promise<readonly CallFrame[]>((resolve) => {
    paused = resolve;
  });
  const answers = new Map<number, (message: Message) => void>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) answers.get(message.id)?.(message);
    if (message.method === "Debugger.scriptParsed") {
      const script = message.params as Script;
      scripts.set(script.scriptId, script);
    }
    if (message.method === "Debugger.paused") paused?.(message.params?.callFrames ?? []);
  });
  let last = 0;
  const ask = (method: string, params: object = {}) =>
    new Promise<Message>((resolve) => {
      answers.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  await ask("Debugger.enable");
  void ask("Debugger.pause");
  const found = await frames;
  const { result } = await ask("Debugger.evaluateOnCallFrame", {
    callFrameId: found[0]?.callFrameId,
    expression: REQUESTS,
    returnByValue: true,
  });
  const hang: Hang = {
    frames: found.flatMap(({ functionName, location }) => {
      const script = scripts.get(location.scriptId);
      if (script === undefined || !isForeign(script.url)) return [];
      return [{ name: functionName, where: placeOf(script, location) }];
    }),
    requests: JSON.parse(String(result?.result?.value ?? "[]")) as RequestUnderWay[],
  };
  process.stdout.write(JSON.stringify(hang), () => process.exit());
}

/** The URL of the one target that a process has, once its inspector listens. */
async function debuggerUrl(port: number): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`);
      const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    } catch (error) {
      if (tries >= TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** The part of the standard's WebSocket that is used here; the types of Node 20 have none. */
interface Connection {
  addEventListener(type: "open" | "error" | "message", listener: (event: { data?: unknown }) => void): void;
  send(text: string): void;
}

function connect(url: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string) => Connection };
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new Error("the inspector does not answer")));
  });
}

/** Where a function is in its source: `site.ts:4:7`. */
function placeOf({ url, sourceMapURL }: Script, location: CallFrame["location"]): string {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  const near = relative(process.cwd(), path);
  const file = near.startsWith("..") ? path : near;
  const { lineNumber, columnNumber } = location;
  const original = sourceMapURL ? originOf(sourceMapURL, lineNumber, columnNumber) : undefined;
  const [line, column] = original ?? [lineNumber, columnNumber];
  return `${file}:${line + 1}:${column + 1}`;
}

/** The line and column in the source, by a map that the script carries itself. */
function originOf(sourceMap: string, line: number, column: number): [line: number, column: number] | undefined {
  const encoded = /^data:application\/json[^,]*;base64,(.*)$/.exec(sourceMap)?.[1];
  if (encoded === undefined) return undefined;
  const payload = JSON.parse(Buffer.from(encoded, "base64").toString("utf8")) as SourceMapPayload;
  const entry = new SourceMap(payload).findEntry(line, column);
  return "originalLine" in entry ? [entry.originalLine, entry.originalColumn] : undefined;
}

await main(Number(process.argv[2]));
