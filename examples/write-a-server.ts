// A server of your own on `tsgi/server`: HTTP/1.0 over TCP, without request bodies, limits and timeouts.
// $ npx tsx examples/write-a-server.ts
// $ curl "http://127.0.0.1:8000/a/../%68ello?name=Ada"
// Hello from /hello
// $ curl --include --head http://127.0.0.1:8000/ | grep -i length
// Content-Length: 13

import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { type App, text } from "tsgi";
import { environBuilder, Responder, type Sink } from "tsgi/server";

const app: App = (environ, startResponse) => text(`Hello from ${environ.PATH_INFO}\n`)(environ, startResponse);

const sinkFor = (socket: Socket): Sink => ({
  get closed() {
    return socket.destroyed;
  },
  writeHead({ code, reason }, headers, length) {
    const ownLines = [`HTTP/1.0 ${code} ${reason}`, `Date: ${new Date().toUTCString()}`];
    if (length >= 0) ownLines.push(`Content-Length: ${length}`);
    socket.write(`${[...ownLines, ...headers.map((line) => line.join(": "))].join("\r\n")}\r\n\r\n`, "latin1");
  },
  flush() {},
  write: (chunk) =>
    socket.write(chunk) ? undefined : new Promise((room) => socket.on("drain", room).on("close", room)),
  end: (chunk = "") => void socket.end(chunk),
  abort: () => void socket.resetAndDestroy(),
  onClose: (callback) => void socket.once("close", callback),
});

const { PORT = "8000" } = process.env;
const buildEnviron = environBuilder({ name: "127.0.0.1", port: PORT, scheme: "http", errors: process.stderr });

const server = createServer(async (socket) => {
  socket.setEncoding("latin1").on("error", () => {});
  const lines: string[] = [];
  for await (const line of createInterface(socket)) if (lines.push(line) && line === "") break;
  const [method = "", target = "", protocol = ""] = lines.shift()?.split(" ") ?? [];
  const headers = lines.slice(0, -1).flatMap((line) => (/^(.*?):\s*(.*)$/.exec(line) ?? ["", "", ""]).slice(1));
  const exchange = new Responder(sinkFor(socket.resume()), {});
  const peer = { address: socket.remoteAddress ?? "", port: `${socket.remotePort}` };
  const environ = buildEnviron(method, target, protocol, headers, peer, exchange);
  if (environ === undefined) socket.end("HTTP/1.0 400 Bad Request\r\n\r\n");
  else exchange.run(app, environ);
});

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
