import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { HELLO, pathOf, report } from "../report.js";
import { FILES } from "./files.js";

// Everything is ready before the first request: no server that looks for a file can be faster on this node:http.
const answers = new Map(
  readdirSync(FILES).map((name) => {
    const path = join(FILES, name);
    const body = readFileSync(path);
    const { mtime } = statSync(path);
    const etag = `"${body.length.toString(16)}-${mtime.getTime().toString(16)}"`;
    // All that a 304 has to repeat (RFC 9110 §15.4.5).
    const unchanged = { ETag: etag, "Cache-Control": "no-cache" };
    const headers = {
      "Content-Type": name.endsWith(".txt") ? "text/plain; charset=utf-8" : "application/octet-stream",
      "Content-Length": body.length,
      "Last-Modified": mtime.toUTCString(),
      "Accept-Ranges": "bytes",
      "X-Content-Type-Options": "nosniff",
      ...unchanged,
    };
    return [`/${name}`, { etag, unchanged, headers, body }];
  }),
);

const server = createServer((request, response) => {
  const answer = answers.get(pathOf(request.url));
  if (answer === undefined) {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) });
    response.end(HELLO);
  } else if (request.headers["if-none-match"] === answer.etag) {
    response.writeHead(304, answer.unchanged);
    response.end();
  } else {
    response.writeHead(200, answer.headers);
    response.end(answer.body);
  }
});
server.listen(0, "127.0.0.1", () => report(server.address().port));
