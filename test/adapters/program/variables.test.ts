import assert from "node:assert/strict";
import { test } from "node:test";
import { checkVariables, variablesOf } from "../../../src/adapters/program/variables.ts";
import type { Environ } from "../../../src/gateway.ts";

const environ = {
  REQUEST_METHOD: "GET",
  SCRIPT_NAME: "",
  PATH_INFO: "/",
  QUERY_STRING: "",
  REQUEST_URI: "/",
  SERVER_NAME: "localhost",
  SERVER_PORT: "80",
  SERVER_PROTOCOL: "HTTP/1.1",
  REMOTE_ADDR: "127.0.0.1",
  REMOTE_PORT: "50000",
  "tsgi.url_scheme": "http",
} as Environ;

const PLAIN = {
  GATEWAY_INTERFACE: "CGI/1.1",
  SERVER_SOFTWARE: "tsgi",
  SERVER_NAME: "localhost",
  SERVER_PORT: "80",
  SERVER_PROTOCOL: "HTTP/1.1",
  REQUEST_METHOD: "GET",
  REQUEST_SCHEME: "http",
  REQUEST_URI: "/",
  SCRIPT_NAME: "",
  PATH_INFO: "/",
  QUERY_STRING: "",
  REMOTE_ADDR: "127.0.0.1",
  REMOTE_HOST: "127.0.0.1",
  REMOTE_PORT: "50000",
};

for (const [what, changes, length, extra, expected] of [
  ["a plain request", {}, undefined, {}, {}],
  [
    "a client certificate",
    { SSL_CLIENT_VERIFY: "SUCCESS", SSL_CLIENT_S_DN: "CN=Ünï 多" },
    undefined,
    {},
    { SSL_CLIENT_VERIFY: "SUCCESS", SSL_CLIENT_S_DN: "CN=Ünï 多" },
  ],
  ["a length", {}, "5", {}, { CONTENT_LENGTH: "5" }],
  ["a length of the client is not the program's", { CONTENT_LENGTH: "7" }, undefined, {}, {}],
  ["https", { "tsgi.url_scheme": "https" }, undefined, {}, { REQUEST_SCHEME: "https", HTTPS: "on" }],
  ["a type", { CONTENT_TYPE: "text/x" }, undefined, {}, { CONTENT_TYPE: "text/x" }],
  [
    "paths decoded",
    { SCRIPT_NAME: "/a%20b", PATH_INFO: "/%C3%A9" },
    undefined,
    {},
    { SCRIPT_NAME: "/a b", PATH_INFO: "/é" },
  ],
  ["headers", { HTTP_X_Y1: "z" }, undefined, {}, { HTTP_X_Y1: "z" }],
  ["bytes of UTF-8 in a header", { HTTP_X: "caf\u00c3\u00a9" }, undefined, {}, { HTTP_X: "café" }],
  ["other bytes in a header", { HTTP_X: "caf\u00e9" }, undefined, {}, { HTTP_X: "café" }],
  ["no Proxy header", { HTTP_PROXY: "evil" }, undefined, {}, {}],
  ["no connection-specific header", { HTTP_CONNECTION: "x", HTTP_TE: "x", HTTP_KEEP_ALIVE: "x" }, undefined, {}, {}],
  ["no header with other characters", { "HTTP_X%": "x", HTTP_é: "x" }, undefined, {}, {}],
  [
    "the user of a middleware",
    { REMOTE_USER: "ada", AUTH_TYPE: "Basic", OTHER: "x" },
    undefined,
    {},
    { REMOTE_USER: "ada", AUTH_TYPE: "Basic" },
  ],
  ["extra variables, which replace", {}, undefined, { A: "1", REQUEST_URI: "/x" }, { A: "1", REQUEST_URI: "/x" }],
  ["a function of the environ", {}, undefined, ({ PATH_INFO }: Environ) => ({ A: PATH_INFO }), { A: "/" }],
] as const) {
  test(`variables: ${what}`, () => {
    assert.deepEqual(variablesOf({ ...environ, ...changes } as Environ, length, extra), { ...PLAIN, ...expected });
  });
}

for (const path of ["/a%2Fb", "/%FF", "/%C3"]) {
  test(`variables: ${path} has none, as path or as mount`, () => {
    assert.equal(variablesOf({ ...environ, PATH_INFO: path }, undefined, {}), undefined);
    assert.equal(variablesOf({ ...environ, SCRIPT_NAME: path }, undefined, {}), undefined);
  });
}

for (const bad of [null, "A=1", { A: 1 }, { A: undefined }, { A: "\0" }, { "A=B": "1" }, Promise.resolve({})]) {
  test(`variables: ${JSON.stringify(bad)} is refused`, () => {
    assert.throws(() => checkVariables(bad as never), { code: "TSGI_BAD_OPTION" });
    assert.throws(() => variablesOf(environ, undefined, () => bad as never), { code: "TSGI_BAD_OPTION" });
  });
}
