import { accepts, get, got, head, refuses, refusesAbove, type Subject } from "./notation.ts";

function host(value: string): string {
  return head("GET / HTTP/1.1", `Host: ${value}`);
}

/** A value that is a host, and perhaps a port. */
function taken(section: string, name: string, value: string): ReturnType<typeof accepts> {
  return accepts(section, name, host(value), got({ lines: [`Host: ${value}`], seen: { HTTP_HOST: value } }));
}

export const hosts: Subject = {
  title: "host",
  cases: [
    refuses(400, "9112 §3.2", "none in HTTP/1.1", head("GET / HTTP/1.1")),
    refuses(400, "9112 §3.2", "none among other lines", head("GET / HTTP/1.1", "X-Host: a", "Hosts: a", "Hos: a")),
    refuses(400, "9112 §3.2", "two that are equal", get("/", "Host: a")),
    refuses(400, "9112 §3.2", "two that differ", get("/", "Host: b")),
    refuses(400, "9112 §3.2", "two that differ in the case of their names", get("/", "HOST: b")),
    refuses(400, "9112 §3.2", "an empty one and another", head("GET / HTTP/1.1", "Host:", "Host: a")),
    refuses(400, "9112 §3.2", "three", get("/", "Host: a", "Host: a")),
    refuses(400, "9112 §3.2", "two that are far apart", get("/", "X: y", "Y: z", "Host: b")),
    refuses(400, "9112 §3.2", "none in the second request", get("/") + head("GET / HTTP/1.1"), got()),
    refuses(400, "9112 §3.2", "two in HTTP/1.0", head("GET / HTTP/1.0", "Host: a", "Host: b")),
    refuses(
      400,
      "9112 §3.2",
      "none, and one in the body",
      `${head("POST / HTTP/1.1", "Content-Length: 11")}Host: a\r\n\r\n`,
    ),
    accepts("9110 §5.1", "its name in lower case", head("GET / HTTP/1.1", "host: a"), got({ lines: ["host: a"] })),
    accepts("9110 §5.1", "its name in upper case", head("GET / HTTP/1.1", "HOST: a"), got({ lines: ["HOST: a"] })),
    accepts(
      "9110 §7.2",
      "names that begin with it",
      get("/", "Host-Name: b", "Hostx: c"),
      got({ more: ["Host-Name: b", "Hostx: c"] }),
    ),
    accepts("9110 §5.5", "spaces around it", host("  a \t"), got({ lines: ["Host: a"], seen: { HTTP_HOST: "a" } })),
    taken("9112 §3.2", "an empty one", ""),
    taken("9110 §7.2", "a name with dots and a port", "www.example.com:8080"),
    taken("9110 §7.2", "an empty port", "a:"),
    taken("9110 §7.2", "a port alone", ":80"),
    taken("3986 §3.2.2", "an IPv4 address", "127.0.0.1"),
    taken("3986 §3.2.2", "an IPv6 address", "[2001:db8::1]"),
    taken("3986 §3.2.2", "an IPv6 address and a port", "[::1]:80"),
    taken("3986 §3.2.2", "an address of a later version", "[v1.a:b]"),
    taken("3986 §3.2.2", "the other characters of a registered name", "a_b-c~d!e$f&g'h(i)j*k+l,m;n=o"),
    taken("3986 §3.2.2", "an escape", "a%2fb"),
    taken("3986 §3.2.2", "upper case", "EXAMPLE.com"),
    refusesAbove("9112 §3.2", "a space inside it", host("a b")),
    refusesAbove("9112 §3.2", "a tab inside it", host("a\tb")),
    refusesAbove("9112 §3.2", "a path", host("a/b")),
    refusesAbove("9112 §3.2", "a URL", host("http://a")),
    refusesAbove("9112 §3.2", "a query", host("a?b")),
    refusesAbove("9112 §3.2", "a fragment", host("a#b")),
    refusesAbove("9112 §3.2", "a user", host("u@a")),
    refusesAbove("9112 §3.2", "a backslash", host("a\\b")),
    refusesAbove("9112 §3.2", "a list", host("a, b")),
    refusesAbove("9112 §3.2", "a quoted name", host('"a"')),
    refusesAbove("9112 §3.2", "a port of letters", host("a:b")),
    refusesAbove("9112 §3.2", "a negative port", host("a:-1")),
    refusesAbove("9112 §3.2", "two ports", host("a:80:80")),
    refusesAbove("9112 §3.2", "an IPv6 address without brackets", host("::1")),
    refusesAbove("9112 §3.2", "an IPv6 address without its last bracket", host("[::1")),
    refusesAbove("9112 §3.2", "something after an IPv6 address", host("[::1]a")),
    refusesAbove("9112 §3.2", "a zone", host("[fe80::1%25eth0]")),
    refusesAbove("9112 §3.2", "empty brackets", host("[]")),
    refusesAbove("9112 §3.2", "a malformed escape", host("a%2")),
    refusesAbove("9112 §3.2", "bytes beyond ASCII", host("\xe4")),
    refusesAbove("9112 §3.2", "markup", host("<a>")),
    refuses(400, "9110 §5.5", "NUL inside it", host("a\0b")),
  ],
};
