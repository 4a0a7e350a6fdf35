/** The environ, checked key by key. */

import type { Environ } from "../../src/gateway.ts";
import { TOKEN } from "../../src/http/field-rules.ts";
import { canonicalPath } from "../../src/http/path.ts";
import type { Rule } from "./rules.ts";
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
const OBJECTS = ["tsgi.exchange", "tsgi.params", "tsgi.state"] as const;

/** Throws `TSGI_LINT_ENVIRON` for an environ that breaks the contract. */
export function checkEnviron(environ: Environ): void {
  must(typeof environ === "object" && environ !== null, "the environ is not an object", "plainObject");
  const prototype = Object.getPrototypeOf(environ);
  must(prototype === Object.prototype || prototype === null, "the environ has a prototype", "plainObject");
  checkCgi(environ);
  checkPathParts(environ);
  for (const key in environ) if (key.startsWith("HTTP_")) checkHeader(key, environ[key as keyof Environ]);
  checkOwn(environ);
}

function must(holds: boolean, problem: string, rule: Rule): void {
  if (!holds) throw violation("ENVIRON", problem, rule);
}

function checkCgi(environ: Environ): void {
  const { SERVER_PROTOCOL: protocol, SERVER_PORT: port, CONTENT_LENGTH: length } = environ;
  for (const key of STRINGS) must(typeof environ[key] === "string", `${key} is ${typeof environ[key]}`, "strings");
  must(TOKEN.test(environ.REQUEST_METHOD), "REQUEST_METHOD is not a token", "strings");
  must(/^HTTP\/\d(\.\d)?$/.test(protocol), `SERVER_PROTOCOL is ${protocol}`, "strings");
  must(/^\d{0,5}$/.test(port), `SERVER_PORT is ${port}`, "strings");
  must(length === undefined || /^\d+$/.test(length), `CONTENT_LENGTH is ${length}`, "strings");
}

function checkPathParts({ SCRIPT_NAME: mount, PATH_INFO: path, REQUEST_METHOD: method }: Environ): void {
  const isMount = mount === "" || (mount.startsWith("/") && !mount.endsWith("/"));
  must(isMount, `SCRIPT_NAME is ${JSON.stringify(mount)}`, "pathParts");
  if (path === "*") {
    must(method === "OPTIONS" && mount === "", 'PATH_INFO is "*"', "pathParts");
    return;
  }
  must(path === "" || path.startsWith("/"), `PATH_INFO is ${JSON.stringify(path)}`, "pathParts");
  const whole = mount + path;
  must(whole !== "", "SCRIPT_NAME and PATH_INFO are both empty", "canonicalPath");
  const isCanonical = canonicalPath(whole, false) === whole;
  must(isCanonical, `the path ${JSON.stringify(whole)} is not canonical`, "canonicalPath");
}

function checkHeader(key: string, value: unknown): void {
  must(!/[a-z-]/.test(key), `${key} is not in upper case`, "headerKeys");
  must(key !== "HTTP_CONTENT_TYPE" && key !== "HTTP_CONTENT_LENGTH", `there is ${key}`, "headerKeys");
  must(typeof value === "string" || value === undefined, `${key} is ${typeof value}`, "headerKeys");
}

function checkOwn(environ: Environ): void {
  const version = environ["tsgi.version"] as readonly number[] | undefined;
  must(version?.[0] === 1 && version?.[1] === 0, `tsgi.version is ${version}`, "strings");
  const scheme = environ["tsgi.url_scheme"];
  must(scheme === "http" || scheme === "https", `tsgi.url_scheme is ${scheme}`, "strings");
  const route = environ["tsgi.route"];
  must(route === undefined || typeof route === "string", `tsgi.route is ${typeof route}`, "strings");
  for (const key of FLAGS) must(typeof environ[key] === "boolean", `${key} is ${typeof environ[key]}`, "objects");
  for (const key of OBJECTS) must(isObject(environ[key]), `${key} is ${typeof environ[key]}`, "objects");
  const { "tsgi.input": input, "tsgi.errors": errors } = environ;
  must(isObject(input) && Symbol.asyncIterator in input, "tsgi.input cannot be iterated", "input");
  must(isObject(errors) && typeof errors.write === "function", "tsgi.errors has no write", "errors");
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
