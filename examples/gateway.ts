// A local app, an Express app and two balanced processes under one dispatcher; it needs `npm install express undici@7`.
// $ npx tsgi examples/gateway.ts
// $ curl http://127.0.0.1:8000/processes/a
// process 1: /a
// $ curl http://127.0.0.1:8000/processes/b
// process 2: /b
// $ curl --silent http://127.0.0.1:8000/
// <!doctype html><title>Who answers</title><meta name="color-scheme" content="light dark"><ul>
// <li><a href="/local/">/local</a>: a local app
// <li><a href="/express/">/express</a>: Express
// <li><a href="/processes/">/processes</a>: process 1: /
// </ul>

import { type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import express from "express";
import { type App, capture, escapeHtml, fromNode, html, text } from "tsgi";
import { readText } from "tsgi/body";
import { balancer, dispatcher } from "tsgi/middleware";

/** They would run on other hosts, and need not be JavaScript. */
const PROGRAM = `const [, name] = process.argv;
const server = require("node:http").createServer((request, response) => response.end(name + ": " + request.url + "\\n"));
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
process.on("disconnect", () => process.exit());`;

async function target(name: string): Promise<string> {
  const stdio: StdioOptions = ["ignore", "inherit", "inherit", "ipc"];
  const child = spawn(process.execPath, ["--eval", PROGRAM, name], { stdio });
  const [port] = await once(child, "message");
  child.unref();
  child.channel?.unref();
  return `http://127.0.0.1:${port}`;
}

const mounts = {
  "/local": text("a local app\n"),
  "/express": fromNode(express().use((_request, response) => void response.send("Express\n"))),
  "/processes": balancer([await target("process 1"), await target("process 2")], { balance: "roundRobin" }),
};

const whoAnswers: App = async (environ, startResponse) => {
  const rows = Object.entries(mounts).map(async ([mount, mounted]) => {
    const { body } = await capture(mounted, { ...environ, SCRIPT_NAME: mount, PATH_INFO: "/" });
    return `<li><a href="${mount}/">${mount}</a>: ${escapeHtml(await readText(body))}`;
  });
  const head = '<!doctype html><title>Who answers</title><meta name="color-scheme" content="light dark">';
  return html(`${head}<ul>\n${(await Promise.all(rows)).join("")}</ul>\n`)(environ, startResponse);
};

export const app = dispatcher(whoAnswers, mounts);
