// An app for every runtime, with what the package has without Node.

import { readText, text, toFetch, urlOf } from "../../../dist/src/fetch.js";

async function* slowly(_environ, startResponse) {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  for (const chunk of ["one ", "two ", "three"]) {
    yield chunk;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function echo(environ, startResponse) {
  const body = await readText(environ["tsgi.input"]);
  startResponse("200 OK", [
    ["Content-Type", "text/plain"],
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
  ]);
  return body;
}

const facts = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return JSON.stringify([
    environ.PATH_INFO,
    environ.QUERY_STRING,
    new URL(urlOf(environ)).pathname,
    environ.REMOTE_ADDR,
  ]);
};

/** "zipped", by gzip. */
const ZIPPED = Uint8Array.from(atob("H4sIAAAAAAAAA6vKLChITQEAV2jC4gYAAAA="), (character) => character.charCodeAt(0));

const zipped = (_environ, startResponse) => {
  startResponse("200 OK", [
    ["Content-Type", "text/plain"],
    ["Content-Encoding", "gzip"],
  ]);
  return ZIPPED;
};

const apps = {
  "/zipped": zipped,
  "/hello": text("hello"),
  "/slowly": slowly,
  "/echo": echo,
  "/fail": () => {
    throw new Error("mine");
  },
};

export const app = (environ, startResponse) => (apps[environ.PATH_INFO] ?? facts)(environ, startResponse);
export const handler = toFetch(app, { errors: { write() {} } });
