/** One stack of guards and limits around every framework, programs and a folder: their clients see the same. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import { bodyLimit } from "../../middleware/body-limit.ts";
import { compress } from "../../middleware/compress.ts";
import { contentLength } from "../../middleware/content-length.ts";
import { cors } from "../../middleware/cors.ts";
import { csrf } from "../../middleware/csrf.ts";
import { range } from "../../middleware/range.ts";
import { rateLimit } from "../../middleware/rate-limit.ts";
import { secureHeaders } from "../../middleware/secure-headers.ts";
import { session, sessionOf } from "../../middleware/session.ts";
import { setHeaders } from "../../middleware/set-headers.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { timeout } from "../../middleware/timeout.ts";
import { cgi } from "../../src/adapters/cgi.ts";
import { text } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { stack } from "../../src/stack.ts";
import { decode } from "../support/codings.ts";
import { fileTree } from "../support/file-tree.ts";
import { eventually } from "../support/raw-client.ts";
import { digestOf, FRAMEWORKS } from "./matrix/frameworks.ts";
import { type Asked, SERVERS } from "./matrix/servers.ts";

const ORIGIN = "https://app.example.com";

/** How many requests there are before one is too much. */
const LIMIT = 15;

/** What each of them gets around it, from the outside in. */
function guarded(app: App, departure: Departure): App {
  return stack()
    .use(secureHeaders)
    .use(cors, { origins: [ORIGIN], methods: ["GET", "POST"], credentials: true })
    .use(rateLimit, { limit: LIMIT, window: 600_000 })
    .use(csrf, { trustedOrigins: [ORIGIN] })
    .use(session, { keys: ["a secret of 32 characters or more"] })
    .use(counted)
    .use(compress, { threshold: 0, encodings: ["gzip"] })
    .use(bodyLimit, { limit: 1000 })
    .use(timeout, { after: 6000 })
    .use(range)
    .use(contentLength)
    .run(noticing(withoutHabits(app), departure));
}

/** What became of the request whose client leaves. */
interface Departure {
  state: "" | "begun" | "left";
}

function noticing(app: App, departure: Departure): App {
  return (environ, startResponse) => {
    if (environ.QUERY_STRING === "leaves") {
      departure.state = "begun";
      environ["tsgi.exchange"].onAbort?.(() => {
        departure.state = "left";
      });
    }
    return app(environ, startResponse);
  };
}

/** Counts the visits of a client. */
function counted(app: App): App {
  return async (environ, startResponse) => {
    const visitor = await sessionOf<{ visits: number }>(environ);
    const visits = (visitor.get("visits") ?? 0) + 1;
    visitor.set("visits", visits);
    return app(environ, (status, headers, error) =>
      startResponse(status, [...headers, ["Visits", String(visits)]], error),
    );
  };
}

/** What every framework says in its own way. */
function withoutHabits(app: App): App {
  const habits = ["Accept-Ranges", "Cache-Control", "ETag", "Last-Modified", "Server", "X-Content-Type-Options"];
  return setHeaders(app, {
    "Content-Type": "text/plain; charset=utf-8",
    ...Object.fromEntries(habits.map((name) => [name, null])),
  });
}

/** The same site as that of the frameworks. */
const own: App = async (environ, startResponse) => {
  if (environ.PATH_INFO === "/hang") return new Promise(() => {});
  return text(digestOf(await readBytes(environ)))(environ, startResponse);
};

const PROGRAM = `
case $PATH_INFO in
  /hang) exec sleep 60 ;;
  /echo) printf 'Content-Type: text/plain\\n\\n'; printf '%s %s' "$CONTENT_LENGTH" "$(sha1sum | cut -d ' ' -f 1)" ;;
  *) printf 'Content-Type: text/plain\\n\\nhello' ;;
esac`;

const FLASK = `
import hashlib, time
from wsgiref.handlers import CGIHandler
from flask import Flask, Response, request

app = Flask(__name__)

@app.get("/hello")
def hello():
    return Response("hello", mimetype="text/plain")

@app.post("/echo")
def echo():
    body = request.get_data()
    return f"{len(body)} {hashlib.sha1(body).hexdigest()}"

@app.get("/hang")
def hang():
    time.sleep(60)

CGIHandler().run(app)
`;

const PHP = `<?php
switch ($_SERVER["PATH_INFO"]) {
  case "/hang": sleep(60); break;
  case "/echo": $body = file_get_contents("php://input"); echo strlen($body), " ", sha1($body); break;
  default: echo "hello";
}
`;

const folder = await fileTree({ hello: "hello", "index.php": PHP });

/** Programs that are not everywhere: what finds each, and its app. */
const PROGRAMS: Readonly<Record<string, { readonly finds: readonly [string, ...string[]]; readonly make: () => App }>> =
  {
    Flask: {
      finds: ["/usr/bin/python3", "-c", "import flask"],
      make: () => cgi(["/usr/bin/python3", "-c", FLASK]),
    },
    PHP: {
      finds: ["php-cgi", "--version"],
      make: () => cgi(["php-cgi"], { env: { SCRIPT_FILENAME: join(folder, "index.php"), REDIRECT_STATUS: "200" } }),
    },
  };

const SITES: Readonly<Record<string, () => App>> = {
  ...Object.fromEntries(Object.entries(FRAMEWORKS).map(([name, make]) => [name, () => make({ ended() {} })])),
  "a CGI program": () => cgi(["sh", "-c", PROGRAM]),
  ...Object.fromEntries(
    Object.entries(PROGRAMS)
      .filter(
        ([
          ,
          {
            finds: [program, ...args],
          },
        ]) => spawnSync(program, args).status === 0,
      )
      .map(([name, { make }]) => [name, make]),
  ),
  "a folder before an app": () => staticFiles(own, { "/": folder }),
};

const post = (length: number, headers: Record<string, string> = {}): Asked => ({
  method: "POST",
  body: Buffer.alloc(length, "x"),
  headers: { "Content-Type": "application/octet-stream", ...headers },
});

/** Stands for the cookie that was set last. */
const COOKIE = "the cookie";

/** What is asked of each, in this order; the first one waits while the others go on. */
const REQUESTS: readonly (readonly [path: string, asked: Asked])[] = [
  ["/hang", {}],
  ["/hello", {}],
  ["/hello", { headers: { Origin: ORIGIN, "Accept-Encoding": "gzip" } }],
  ["/hello", { headers: { Cookie: COOKIE } }],
  ["/hello", { method: "HEAD", headers: { Origin: "https://other.example" } }],
  ["/hello", { headers: { Range: "bytes=1-3" } }],
  ["/hello", { headers: { Range: "bytes=-2", "Accept-Encoding": "gzip", Origin: ORIGIN } }],
  ["/hello", { headers: { Range: "bytes=5-" } }],
  ["/hello", { method: "HEAD", headers: { Range: "bytes=1-3" } }],
  ["/echo", post(1000, { Origin: ORIGIN, "Sec-Fetch-Site": "cross-site" })],
  ["/echo", post(1001)],
  ["/echo", post(1001, { "Transfer-Encoding": "chunked" })],
  ["/echo", post(5, { "Sec-Fetch-Site": "cross-site" })],
  ["/echo", { method: "OPTIONS", headers: { Origin: ORIGIN, "Access-Control-Request-Method": "POST" } }],
  ["/hello", {}],
  ["/hello", { headers: { Origin: ORIGIN } }],
];

/** What depends on the time, on the connection, and on whether a body was there as a whole; of HEAD nobody knows that. */
const LEFT_OUT = ["date", "connection", "keep-alive", "content-length", "transfer-encoding", "accept-ranges"];

/** The headers of secureHeaders, which are the same everywhere. */
const SECURE = /^(?:content-security-policy|cross-origin-|origin-agent|referrer-|x-)/;

async function transcriptOf(app: App): Promise<string[]> {
  const departure: Departure = { state: "" };
  const site = await (SERVERS.tsgi as (typeof SERVERS)[string])(guarded(app, departure));
  let cookie = "";
  const tell = async ([path, asked]: (typeof REQUESTS)[number]): Promise<string> => {
    const withCookie = asked.headers?.Cookie === COOKIE ? { ...asked, headers: { Cookie: cookie } } : asked;
    const { status, headers, body } = await site.ask(path, withCookie);
    cookie = headers["set-cookie"]?.[0]?.split(";", 1)[0] ?? cookie;
    const lines = Object.entries(headers).filter(([name]) => !LEFT_OUT.includes(name) && !SECURE.test(name));
    const secured = Object.keys(headers).filter((name) => SECURE.test(name)).length;
    const coding = headers["content-encoding"] as string | undefined;
    const shown = lines
      .map(([name, value]) => `${name}: ${name === "retry-after" ? "#" : value}`.replace(/(?<=session=)[^;]+/, "#"))
      .sort();
    return [
      `${asked.method ?? "GET"} ${path}: ${status}, ${secured} headers of protection`,
      ...shown,
      decode(coding, body),
    ].join("\n");
  };
  try {
    const [first, ...others] = REQUESTS as [(typeof REQUESTS)[number], ...typeof REQUESTS];
    const hanging = tell(first);
    hanging.catch(() => {});
    const told: string[] = [];
    const leave = new AbortController();
    const leaving = site.ask("/hang?leaves", { signal: leave.signal }).then(
      () => "answered",
      () => "left",
    );
    await eventually(() => departure.state === "begun");
    leave.abort();
    told.push(`GET /hang: ${await leaving}`);
    await eventually(() => departure.state === "left");
    for (const each of others) told.push(await tell(each));
    return [await hanging, ...told];
  } finally {
    await site.close();
  }
}

const MAY_READ = `access-control-allow-credentials: true\naccess-control-allow-origin: ${ORIGIN}\n`;
const PLAIN = "content-type: text/plain; charset=utf-8\n";
const GUARDED = "11 headers of protection\n";

/** The headers of a response that has passed the guards. */
const visit = (visits: number, readable = "", encoded = "", vary = "Accept-Encoding, Cookie, Origin"): string =>
  `${GUARDED}${readable}cache-control: private\n${encoded}${PLAIN}set-cookie: session=#; Path=/; HttpOnly; SameSite=Lax\n` +
  `vary: ${vary}\nvisits: ${visits}\n`;

/** Those of a part, which is not compressed. */
const part = (bytes: string, readable = ""): string =>
  visit(1, readable, `content-range: bytes ${bytes}/5\n`, "Cookie, Origin");

const EXPECTED = [
  `GET /hang: 504, ${visit(1)}Gateway Timeout\n`,
  "GET /hang: left",
  `GET /hello: 200, ${visit(1)}hello`,
  `GET /hello: 200, ${visit(1, MAY_READ, "content-encoding: gzip\n")}hello`,
  `GET /hello: 200, ${visit(2)}hello`,
  `HEAD /hello: 200, ${visit(1)}`,
  `GET /hello: 206, ${part("1-3")}ell`,
  `GET /hello: 206, ${part("3-4", MAY_READ)}lo`,
  `GET /hello: 416, ${part("*")}Range Not Satisfiable\n`,
  `HEAD /hello: 200, ${visit(1)}`,
  `POST /echo: 200, ${visit(1, MAY_READ)}${digestOf(Buffer.alloc(1000, "x"))}`,
  `POST /echo: 413, ${visit(1)}Content Too Large\n`,
  `POST /echo: 413, ${visit(1)}Content Too Large\n`,
  `POST /echo: 403, ${GUARDED}${PLAIN}vary: Origin\nForbidden: the request comes from another site\n`,
  `OPTIONS /echo: 204, ${GUARDED}${MAY_READ.replace("\n", "\naccess-control-allow-methods: GET, POST\n")}access-control-max-age: 7200\nvary: Origin\n`,
  `GET /hello: 200, ${visit(1)}hello`,
  `GET /hello: 429, ${GUARDED}${MAY_READ}${PLAIN}retry-after: #\nvary: Origin\nToo Many Requests\n`,
];

/** All of them at once, as each waits for what hangs. */
let told: Readonly<Record<string, string[] | Error>> = {};

before(async () => {
  const entries = Object.entries(SITES).map(async ([name, make]) => {
    return [name, await transcriptOf(make()).catch((error: Error) => error)] as const;
  });
  told = Object.fromEntries(await Promise.all(entries));
});

for (const name of Object.keys(SITES)) {
  test(`one stack: around ${name}, clients see what they see around all others`, () => {
    assert.deepEqual(told[name], EXPECTED);
  });
}
