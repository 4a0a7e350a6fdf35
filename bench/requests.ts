/** The requests of a scenario: a thousand that differ, so that a server gains nothing from the head of the last one. */

import { createHash } from "node:crypto";
import type { Scenario } from "./scenarios.ts";

export interface Request {
  readonly method: "GET" | "POST";
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const COUNT = 1000;
const HOST = "www.example.com";

/** What `requests.lua` replaces: by what no other request has, and by some digit. */
const NEW = "~";
const DIGIT = "^";
const NAMES = ["Tint", "Trace", "Shard", "Tenant", "Flavour", "Locale", "Ticket", "Origin-Zone", "Hop", "Build"];

/** The requests, each with some more headers. */
export function requestsOf(scenario: Scenario, more: Record<string, string> = {}): readonly Request[] {
  return Array.from({ length: COUNT }, (_, index) => requestOf(scenario, index, more));
}

function requestOf(scenario: Scenario, index: number, more: Record<string, string>): Request {
  const { path, head = "browser", posts = false } = scenario;
  // The same in each run, and like nothing else.
  const id = createHash("sha256").update(String(index)).digest("hex");
  const target = `${path.replace("*", id.slice(0, 6 + (index % 20)))}?page=${index}&from=${id.slice(26, 34)}`;
  const headers = { Host: HOST, ...HEADS[head](id, index) };
  if (!posts) return { method: "GET", target, headers: { ...headers, ...more } };
  const body = `${index} ${id.repeat(16)}`.slice(0, 1024);
  const sent = { "Content-Length": String(body.length), Origin: `http://${HOST}`, "Content-Type": "text/plain" };
  return { method: "POST", target, headers: { ...headers, ...sent, ...more }, body };
}

const HEADS: Record<NonNullable<Scenario["head"]>, (id: string, index: number) => Record<string, string>> = {
  none: () => ({}),
  /** What Chromium sends where somebody follows a link. */
  browser: (id, index) => ({
    Connection: "keep-alive",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent":
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    Referer: `http://${HOST}/pages/${id.slice(34, 50)}?page=${index - 1}`,
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
    Cookie: `session=${id.slice(0, 32)}; theme=dark; seen=${index * 7919}`,
  }),
  newNames: (id, index) => ({ ...HEADS.browser(id, index), ...tenHeaders(NEW, id) }),
  newSets: (id, index) => ({ ...HEADS.browser(id, index), ...tenHeaders(DIGIT, id) }),
};

function tenHeaders(suffix: string, id: string): Record<string, string> {
  return Object.fromEntries(NAMES.map((name, nth) => [`X-${name}-${suffix}`, id.slice(nth, nth + 8)]));
}

/** The requests as a file for `requests.lua`: what is sent at a time, `depth` requests. */
export function luaOf(requests: readonly Request[], depth: number): string {
  const sent: string[] = [];
  for (let from = 0; from + depth <= requests.length; from += depth) {
    sent.push(
      requests
        .slice(from, from + depth)
        .map(bytesOf)
        .join(""),
    );
  }
  // JSON's strings are Lua's where they are ASCII.
  return `return {\n${sent.map((text) => JSON.stringify(text)).join(",\n")}\n}\n`;
}

/** A request as it goes over the wire; all of it is ASCII. */
export function bytesOf({ method, target, headers, body = "" }: Request): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
