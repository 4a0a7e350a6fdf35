/** A proxy that takes HTTP/1.1 and speaks HTTP/2 to a server, so that clients of WebSockets which know HTTP/1.1 alone can be used. */

import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { eventually } from "./raw-client.ts";

/** RFC 6455 §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const HOP_BY_HOP = new Set(["connection", "upgrade", "host", "keep-alive", "transfer-encoding", "sec-websocket-key"]);

function forwarded(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

function plain(headers: IncomingHttpHeaders): [name: string, value: string | string[]][] {
  return Object.entries(headers).filter(([name]) => !name.startsWith(":")) as [string, string][];
}

/** Starts one over a session; gives its URL. */
export async function startBridge(t: TestContext, session: ClientHttp2Session): Promise<string> {
  await eventually(() => session.remoteSettings?.enableConnectProtocol === true);
  const bridge = createServer((request, response) => {
    const pseudo = { ":method": request.method, ":path": request.url, ":authority": request.headers.host };
    const stream = session.request({ ...forwarded(request.headers), ...pseudo });
    stream.on("response", (headers) => {
      response.writeHead(Number(headers[":status"]), Object.fromEntries(plain(headers)));
      stream.pipe(response);
    });
    stream.on("error", () => response.destroy());
    response.on("close", () => stream.close());
    request.pipe(stream);
  });
  bridge.on("upgrade", (request, socket, head) => {
    const { "sec-websocket-key": key, host } = request.headers;
    const stream = session.request(
      {
        ...forwarded(request.headers),
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": request.url,
        ":authority": host,
      },
      { endStream: false },
    );
    stream.on("response", (headers) => {
      const status = Number(headers[":status"]);
      const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
      const first =
        status === 200
          ? ["101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`]
          : [`${status} Refused`, "Connection: close"];
      const lines = plain(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
      socket.write(`HTTP/1.1 ${[...first, ...lines].join("\r\n")}\r\n\r\n`, "latin1");
      stream.pipe(socket);
      if (status === 200) socket.pipe(stream);
      else stream.end();
    });
    stream.on("error", () => socket.destroy());
    stream.on("close", () => stream.rstCode !== 0 && socket.destroy());
    socket.on("error", () => stream.close(8));
    socket.on("close", () => stream.close(stream.writableEnded ? 0 : 8));
    if (head.length > 0) socket.unshift(head);
  });
  await new Promise<void>((resolve) => bridge.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    bridge.close();
    bridge.closeAllConnections();
  });
  return `http://127.0.0.1:${(bridge.address() as AddressInfo).port}`;
}
