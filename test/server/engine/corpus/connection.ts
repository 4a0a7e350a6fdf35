import { accepts, get, got, head, type Subject } from "./notation.ts";

/** Connection lines after which the connection is closed, or is kept. */
function keeps(keepsAlive: boolean, section: string, name: string, ...values: string[]): ReturnType<typeof accepts> {
  const lines = values.map((value) => `Connection: ${value}`);
  return accepts(section, name, get("/", ...lines), got({ more: lines, keepsAlive }));
}

/** The same in HTTP/1.0. */
function keepsOld(keepsAlive: boolean, section: string, name: string, ...lines: string[]): ReturnType<typeof accepts> {
  return accepts(section, name, head("GET / HTTP/1.0", ...lines), got({ protocol: "HTTP/1.0", lines, keepsAlive }));
}

function upgrades(isUpgrade: boolean, section: string, name: string, ...lines: string[]): ReturnType<typeof accepts> {
  return accepts(section, name, get("/", ...lines) + get("/b"), got({ more: lines, isUpgrade }), got({ target: "/b" }));
}

export const connections: Subject = {
  title: "connection",
  cases: [
    keeps(false, "9112 §9.6", "close", "close"),
    keeps(false, "9112 §9.6", "close in upper case", "CLOSE"),
    keeps(false, "9112 §9.6", "close in both cases", "Close"),
    keeps(false, "9112 §9.6", "close after another option", "TE, close"),
    keeps(false, "9112 §9.6", "close before another option", "close, TE"),
    keeps(false, "9112 §9.6", "close without spaces around it", "TE,close,X"),
    keeps(false, "9112 §9.6", "close with tabs around it", "TE\t,\tclose\t,\tX"),
    keeps(false, "9110 §5.6.1", "close among empty members", ",, close ,"),
    keeps(false, "9112 §9.3", "close beats keep-alive after it", "close, keep-alive"),
    keeps(false, "9112 §9.3", "close beats keep-alive before it", "keep-alive, close"),
    keeps(false, "9110 §5.3", "close on a second line", "keep-alive", "close"),
    keeps(false, "9110 §5.3", "close on a first line", "close", "keep-alive"),
    keeps(true, "9112 §9.3", "keep-alive", "keep-alive"),
    keeps(true, "9112 §9.3", "an option that nobody knows", "X-Y"),
    keeps(true, "9112 §9.3", "no option", ""),
    keeps(true, "9110 §7.6.1", "an option that begins with close", "closed"),
    keeps(true, "9110 §7.6.1", "an option that ends with close", "x-close"),
    keeps(true, "9110 §7.6.1", "close as a part of a list without commas", "TE close"),
    keeps(true, "9110 §7.6.1", "quotes around close", '"close"'),
    keeps(true, "9110 §7.6.1", "a parameter of close", "close;a=b"),
    keeps(true, "9110 §7.6.1", "a no-break space before close", "\xa0close"),
    keeps(true, "9110 §7.6.1", "a no-break space after close", "TE, close\xa0"),
    keeps(true, "9110 §7.6.1", "a byte beyond ASCII before close", "\xffclose"),
    accepts(
      "9110 §7.6.1",
      "Host is not dropped where it is an option",
      get("/", "Connection: Host"),
      got({ more: ["Connection: Host"], seen: { HTTP_HOST: "a" } }),
    ),
    accepts(
      "9110 §7.6.1",
      "a length counts where it is an option",
      `${get("/", "Connection: Content-Length", "Content-Length: 1")}x${get("/b")}`,
      got({ more: ["Connection: Content-Length", "Content-Length: 1"], body: "x" }),
      got({ target: "/b" }),
    ),
    accepts(
      "9110 §5.1",
      "other headers that have close",
      get("/", "X-Connection: close", "Proxy-Connection: close", "Keep-Alive: close"),
      got({ more: ["X-Connection: close", "Proxy-Connection: close", "Keep-Alive: close"] }),
    ),
    accepts(
      "9112 §9.6",
      "its name in lower case",
      get("/", "connection: close"),
      got({ more: ["connection: close"], keepsAlive: false }),
    ),
    accepts(
      "9112 §9.6",
      "close after a body",
      `${get("/", "Content-Length: 1", "Connection: close")}x`,
      got({ more: ["Content-Length: 1", "Connection: close"], body: "x", keepsAlive: false }),
    ),
    accepts(
      "9112 §9.6",
      "what follows a request that closes is parsed, and not run",
      get("/", "Connection: close") + get("/b"),
      got({ more: ["Connection: close"], keepsAlive: false }),
      got({ target: "/b" }),
    ),
    keepsOld(false, "9112 §9.3", "nothing in HTTP/1.0", "X: y"),
    keepsOld(true, "9112 §9.3", "keep-alive in HTTP/1.0", "Connection: keep-alive"),
    keepsOld(true, "9112 §9.3", "keep-alive in HTTP/1.0, in both cases", "Connection: Keep-Alive"),
    keepsOld(true, "9112 §9.3", "keep-alive in HTTP/1.0, after another option", "Connection: TE, keep-alive"),
    keepsOld(true, "9112 §9.3", "keep-alive in HTTP/1.0, on a second line", "Connection: TE", "Connection: keep-alive"),
    keepsOld(false, "9112 §9.3", "close in HTTP/1.0", "Connection: close"),
    keepsOld(false, "9112 §9.3", "keep-alive and close in HTTP/1.0", "Connection: keep-alive, close"),
    keepsOld(
      false,
      "9112 §9.3",
      "keep-alive and close in HTTP/1.0, on two lines",
      "Connection: keep-alive",
      "Connection: close",
    ),
    keepsOld(false, "9112 §9.3", "another option in HTTP/1.0", "Connection: keep-alives"),
    keepsOld(false, "9112 §C.2.2", "Proxy-Connection in HTTP/1.0", "Proxy-Connection: keep-alive"),
    keepsOld(false, "9112 §C.2.2", "Keep-Alive without an option in HTTP/1.0", "Keep-Alive: timeout=5"),
    accepts(
      "9112 §9.3",
      "HTTP/1.0 that is kept, then HTTP/1.1",
      head("GET / HTTP/1.0", "Connection: keep-alive") + get("/b"),
      got({ protocol: "HTTP/1.0", lines: ["Connection: keep-alive"], keepsAlive: true }),
      got({ target: "/b" }),
    ),
    accepts(
      "9112 §9.3",
      "HTTP/1.1, then HTTP/1.0 that is not kept",
      get("/") + head("GET / HTTP/1.0"),
      got(),
      got({ protocol: "HTTP/1.0", lines: [] }),
    ),

    upgrades(
      true,
      "9112 §9.3.2",
      "what follows an upgrade that nobody takes over is the next request",
      "Connection: Upgrade",
      "Upgrade: x",
    ),
    upgrades(
      true,
      "9110 §7.8",
      "the option in lower case, after another",
      "Upgrade: x",
      "Connection: keep-alive, upgrade",
    ),
    upgrades(
      true,
      "9110 §7.8",
      "the option on a line of its own",
      "Connection: keep-alive",
      "Connection: upgrade",
      "Upgrade: x",
    ),
    upgrades(true, "9110 §7.8", "several protocols", "Connection: upgrade", "Upgrade: x/1, y"),
    upgrades(
      true,
      "9113 §3.1",
      "h2c, which is not spoken here",
      "Connection: Upgrade, HTTP2-Settings",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABk",
    ),
    upgrades(false, "9110 §7.8", "an upgrade without its option", "Upgrade: x"),
    upgrades(false, "9110 §7.8", "an upgrade with another option", "Upgrade: x", "Connection: keep-alive"),
    upgrades(false, "9110 §7.8", "the option without an upgrade", "Connection: Upgrade"),
    upgrades(
      false,
      "9110 §7.8",
      "an option that begins with it",
      "Upgrade: x",
      "Connection: upgrade-insecure-requests",
    ),
    accepts(
      "9110 §7.8",
      "an upgrade in HTTP/1.0 is ignored",
      head("GET / HTTP/1.0", "Connection: upgrade", "Upgrade: x"),
      got({ protocol: "HTTP/1.0", lines: ["Connection: upgrade", "Upgrade: x"] }),
    ),
    accepts(
      "9110 §7.8",
      "an upgrade after a body",
      `${get("/", "Connection: Upgrade", "Upgrade: x", "Content-Length: 1")}x${get("/b")}`,
      got({ more: ["Connection: Upgrade", "Upgrade: x", "Content-Length: 1"], body: "x", isUpgrade: true }),
      got({ target: "/b" }),
    ),
    accepts(
      "9112 §9.6",
      "an upgrade and close",
      get("/", "Connection: upgrade, close", "Upgrade: x"),
      got({ more: ["Connection: upgrade, close", "Upgrade: x"], isUpgrade: true, keepsAlive: false }),
    ),
  ],
};
