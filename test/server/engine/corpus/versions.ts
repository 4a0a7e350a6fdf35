import { accepts, bytesThat, chunks, get, got, gotChunks, head, refuses, type Subject } from "./notation.ts";

function version(text: string, ...lines: string[]): string {
  return head(`GET / ${text}`, "Host: a", ...lines);
}

export const versions: Subject = {
  title: "versions",
  cases: [
    accepts("9112 §2.3", "HTTP/1.0", version("HTTP/1.0"), got({ protocol: "HTTP/1.0" })),
    accepts(
      "9112 §2.3",
      "HTTP/1.0 without a header line",
      head("GET / HTTP/1.0"),
      got({ protocol: "HTTP/1.0", lines: [] }),
    ),
    accepts("9110 §2.5", "HTTP/1.2 is read as 1.1", version("HTTP/1.2"), got()),
    accepts("9110 §2.5", "HTTP/1.9 is read as 1.1", version("HTTP/1.9"), got()),
    accepts(
      "9110 §2.5",
      "HTTP/1.2 has chunked bodies, as 1.1 has",
      chunks("1\r\nx\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.2"),
      gotChunks("x"),
    ),
    refuses(400, "9110 §7.2", "HTTP/1.2 asks for Host, as 1.1 does", head("GET / HTTP/1.2")),
    refuses(505, "9110 §15.6.6", "HTTP/2.0", version("HTTP/2.0")),
    refuses(505, "9110 §15.6.6", "HTTP/2.0 without Host", head("GET / HTTP/2.0")),
    refuses(505, "9113 §3.4", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refuses(505, "9110 §15.6.6", "HTTP/2.1", version("HTTP/2.1")),
    refuses(505, "9110 §15.6.6", "HTTP/3.0", version("HTTP/3.0")),
    refuses(505, "9110 §15.6.6", "HTTP/9.9", version("HTTP/9.9")),
    refuses(505, "9110 §15.6.6", "a major version of two digits", version("HTTP/10.1")),
    refuses(505, "9110 §15.6.6", "HTTP/2.10", version("HTTP/2.10")),
    refuses(400, "9112 §2.3", "a zero before the version 2", version("HTTP/02.0")),
    refuses(400, "9112 §2.3", "HTTP/0.9", version("HTTP/0.9")),
    refuses(400, "9112 §2.3", "HTTP/0.0", version("HTTP/0.0")),
    refuses(400, "9112 §2.3", "two digits after the dot", version("HTTP/1.10")),
    refuses(400, "9112 §2.3", "a zero before the version", version("HTTP/01.1")),
    refuses(400, "9112 §2.3", "no minor version", version("HTTP/1")),
    refuses(400, "9112 §2.3", "no minor version of HTTP/2", version("HTTP/2")),
    refuses(400, "9112 §2.3", "a dot, and no minor version", version("HTTP/1.")),
    refuses(400, "9112 §2.3", "no major version", version("HTTP/.1")),
    refuses(400, "9112 §2.3", "no version after the slash", version("HTTP/")),
    refuses(400, "9112 §2.3", "three numbers", version("HTTP/1.1.1")),
    refuses(400, "9112 §2.3", "a sign", version("HTTP/+1.1")),
    refuses(400, "9112 §2.3", "the name in lower case", version("http/1.1")),
    refuses(400, "9112 §2.3", "the name in both cases", version("Http/1.1")),
    refuses(400, "9112 §2.3", "another name", version("RTSP/1.0")),
    refuses(400, "9112 §2.3", "another name of four letters, version 2.0", version("HTTQ/2.0")),
    refuses(400, "9112 §2.3", "a name that ends in HTTP", version("XHTTP/1.1")),
    refuses(400, "9112 §2.3", "HTTPS/1.1", version("HTTPS/1.1")),
    refuses(400, "9112 §2.3", "a backslash", version("HTTP\\1.1")),
    refuses(400, "9112 §2.3", "something after it", version("HTTP/1.1x")),
    refuses(
      400,
      "9112 §2.3",
      "every byte in place of the minor version that is not a digit",
      bytesThat((byte) => !/\d/.test(byte)).map((byte) => version(`HTTP/1.${byte}`)),
    ),
    refuses(
      400,
      "9112 §2.3",
      "every byte in place of the major version that is not a digit",
      bytesThat((byte) => !/\d/.test(byte)).map((byte) => version(`HTTP/${byte}.1`)),
    ),
    refuses(
      400,
      "9112 §2.3",
      "every other byte in place of the dot",
      bytesThat((byte) => byte !== ".").map((byte) => version(`HTTP/1${byte}1`)),
    ),
    refuses(505, "9110 §15.6.6", "HTTP/2.0 after a request of 1.1", get("/") + version("HTTP/2.0"), got()),
  ],
};
