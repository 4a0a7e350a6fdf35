/** The environ, checked key by key. */

import type { Environ } from "../../src/gateway.ts";
import { TOKEN } from "../../src/http/field-rules.ts";
import { canonicalPath } from "../../src/http/path.ts";
import { violation } from "./violation.ts";

const STRINGS = [
  "REQUEST_METHOD",
  "SCRIPT_NAME",
  "PATH_INFO",
  "QUERY_STRING",
  "REQUEST_URI",
  "SERVER_NAME",
  "SERVER_PORT",
  "SERVER_PROTOCOL",
  "REMOTE_ADDR",
  "REMOTE_PORT",
] as const;
const FLAGS = ["tsgi.multithread", "tsgi.multiprocess", "tsgi.run_once"] as const;
const OBJECTS = ["tsgi.input", "tsgi.errors", "tsgi.exchange", "tsgi.params", "tsgi.state"] as const;

/** Throws `TSGI_LINT_ENVIRON` for an environ that breaks the contract. */
export function checkEnviron(environ: Environ): void {
  const must = (holds: boolean, problem: string, rule: string): void => {
    if (!holds) throw violation("ENVIRON", problem, rule);
  };
  must(typeof environ === "object" && environ !== null, "the environ is no object", "A plain object");
  const prototype = Object.getPrototypeOf(environ);
  must(
    prototype === Object.prototype || prototype === null,
    "the environ has a prototype",
    "A plain object … never `Object.create(environ)`",
  );
  for (const key of STRINGS)
    must(typeof environ[key] === "string", `${key} is ${typeof environ[key]}`, `${key} is a string`);
  for (const key of FLAGS)
    must(typeof environ[key] === "boolean", `${key} is ${typeof environ[key]}`, `${key} is a boolean`);
  for (const key of OBJECTS) {
    must(
      typeof environ[key] === "object" && environ[key] !== null,
      `${key} is ${typeof environ[key]}`,
      `${key} is an object`,
    );
  }
  must(TOKEN.test(environ.REQUEST_METHOD), "REQUEST_METHOD is no token", 'as sent, `"GET"`');
  checkPath(environ, must);
  must(
    /^HTTP\/\d(\.\d)?$/.test(environ.SERVER_PROTOCOL),
    `SERVER_PROTOCOL is ${environ.SERVER_PROTOCOL}`,
    '`"HTTP/1.1"`',
  );
  must(
    /^\d{0,5}$/.test(environ.SERVER_PORT),
    `SERVER_PORT is ${environ.SERVER_PORT}`,
    "SERVER_PORT is a decimal number",
  );
  const length = environ.CONTENT_LENGTH;
  must(
    length === undefined || /^\d+$/.test(length),
    `CONTENT_LENGTH is ${length}`,
    "a decimal number, where the client sent it",
  );
  for (const key in environ) {
    if (!key.startsWith("HTTP_")) continue;
    must(!/[a-z-]/.test(key), `${key} is not in upper case`, "`HTTP_*`: upper case, `-` as `_`");
    must(key !== "HTTP_CONTENT_TYPE" && key !== "HTTP_CONTENT_LENGTH", `there is ${key}`, "never also as `HTTP_…`");
    must(
      typeof environ[key] === "string" || environ[key] === undefined,
      `${key} is ${typeof environ[key]}`,
      "a header is a string",
    );
  }
  const version = environ["tsgi.version"] as readonly number[] | undefined;
  must(version?.[0] === 1 && version?.[1] === 0, `tsgi.version is ${version}`, "`[1, 0]`");
  must(
    ["http", "https"].includes(environ["tsgi.url_scheme"]),
    `tsgi.url_scheme is ${environ["tsgi.url_scheme"]}`,
    '`"http"` or `"https"`',
  );
  must(Symbol.asyncIterator in environ["tsgi.input"], "tsgi.input cannot be iterated", "`AsyncIterable<Uint8Array>`");
  must(
    typeof environ["tsgi.errors"].write === "function",
    "tsgi.errors has no write",
    "`{ write(text: string): void }`",
  );
}

function checkPath(environ: Environ, must: (holds: boolean, problem: string, rule: string) => void): void {
  const { SCRIPT_NAME: mount, PATH_INFO: path } = environ;
  must(
    mount === "" || (mount.startsWith("/") && !mount.endsWith("/")),
    `SCRIPT_NAME is ${JSON.stringify(mount)}`,
    '`""` at the root; never ends in `/`',
  );
  if (path === "*") {
    must(environ.REQUEST_METHOD === "OPTIONS" && mount === "", 'PATH_INFO is "*"', '`"*"` for `OPTIONS *`');
    return;
  }
  must(path === "" || path.startsWith("/"), `PATH_INFO is ${JSON.stringify(path)}`, '`""` or starts with `/`');
  const whole = mount + path;
  must(
    whole !== "",
    "SCRIPT_NAME and PATH_INFO are both empty",
    "`SCRIPT_NAME + PATH_INFO` is the canonical path of the request.",
  );
  must(
    canonicalPath(whole, false) === whole,
    `the path ${JSON.stringify(whole)} is not canonical`,
    "`SCRIPT_NAME + PATH_INFO` is the canonical path of the request.",
  );
}
