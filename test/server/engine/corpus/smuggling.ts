/** Shapes by which a request has passed a proxy inside another one. */

import { accepts, chunks, crlf, get, got, gotChunks, gotPart, head, post, refuses, type Subject } from "./notation.ts";

const INNER = get("/admin");

/** A request that two readers end at different places. */
function refused(section: string, name: string, input: string): ReturnType<typeof refuses> {
  return refuses(400, section, name, input);
}

/** A chunked body that two readers end at different places. */
function refusedBody(section: string, name: string, ...body: string[]): ReturnType<typeof refuses> {
  return refuses(400, section, name, chunks(...body), gotPart(""));
}

export const smuggling: Subject = {
  title: "smuggling",
  cases: [
    refused(
      "9112 §6.3",
      "CL.TE: the length covers a chunked body and more",
      `${post("Content-Length: 6", "Transfer-Encoding: chunked")}0\r\n\r\nG`,
    ),
    refused(
      "9112 §6.3",
      "TE.CL: the length covers the first size",
      `${post("Content-Length: 4", "Transfer-Encoding: chunked")}${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`,
    ),
    refused(
      "9112 §6.3",
      "CL.TE in HTTP/1.0",
      `${head("POST / HTTP/1.0", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${INNER}`,
    ),
    refused(
      "9112 §6.3",
      "CL.0: the length covers a request, beside an empty one",
      post(`Content-Length: ${INNER.length}`, "Content-Length:") + INNER,
    ),
    refused(
      "9112 §6.3",
      "a second length of zero",
      post(`Content-Length: ${INNER.length}`, "Content-Length: 0") + INNER,
    ),
    refused(
      "9112 §6.1",
      "TE.TE: a second coding that one reader ignores",
      `${post("Transfer-Encoding: chunked", "Transfer-encoding: cow")}5c\r\n${INNER}\r\n0\r\n\r\n`,
    ),
    refused(
      "9112 §6.1",
      "a coding hidden behind a bare CR in another value",
      `${post("X: y\rTransfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n${INNER}`,
    ),
    refused("9112 §2.2", "a head that ends in CR CR for one reader", `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r${INNER}`),
    refused(
      "9112 §2.2",
      "a head that ends in LF CR LF for one reader",
      `GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n${INNER}`,
    ),
    refused(
      "9112 §2.2",
      "a head that ends in CR LF LF for one reader",
      `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n${INNER}`,
    ),
    refused(
      "9112 §2.2",
      "a head that ends in NUL for one reader",
      `GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n${INNER}`,
    ),
    refused(
      "9112 §5.2",
      "a request that is folded into a value",
      `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n GET /admin HTTP/1.1\r\n\r\n`,
    ),
    refused(
      "9112 §5.1",
      "a length that a space before its colon hides",
      `${post(`Content-Length : ${INNER.length}`)}${INNER}`,
    ),
    refused("9112 §6.2", "a length that a sign hides", `${post(`Content-Length: +${INNER.length}`)}${INNER}`),
    refused(
      "9112 §3",
      "a space in the target that ends it for one reader",
      `GET / HTTP/1.1 /admin HTTP/1.1\r\nHost: a\r\n\r\n`,
    ),
    refused("9112 §3.2", "a second Host behind a space", get("/", "Host : b")),
    refused("9112 §3.2", "a second Host that is folded", get("/", " Host: b")),
    accepts(
      "9112 §6.3",
      "a chunked body that the length of another name covers",
      `${post("Content_Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${INNER}`,
      gotChunks("", { more: ["Content_Length: 5", "Transfer-Encoding: chunked"] }),
      got({ target: "/admin" }),
    ),
    accepts(
      "9112 §6.3",
      "a sized body that the coding of another name covers",
      `${post("Transfer_Encoding: chunked", `Content-Length: ${INNER.length}`)}${INNER}`,
      got({ method: "POST", more: ["Transfer_Encoding: chunked", `Content-Length: ${INNER.length}`], body: INNER }),
    ),
    accepts(
      "9110 §9.3.1",
      "the body of a GET is not the next request",
      get("/", `Content-Length: ${INNER.length}`) + INNER,
      got({ more: [`Content-Length: ${INNER.length}`], body: INNER }),
    ),
    accepts(
      "9110 §7.8",
      "the body of an upgrade is not the next request",
      get("/", "Connection: Upgrade", "Upgrade: h2c", `Content-Length: ${INNER.length}`) + INNER,
      got({
        more: ["Connection: Upgrade", "Upgrade: h2c", `Content-Length: ${INNER.length}`],
        body: INNER,
        isUpgrade: true,
      }),
    ),
    accepts(
      "9112 §7.1",
      "the body of a chunk is not the next request",
      chunks(`${INNER.length.toString(16)};a="${INNER.length}"\r\n${INNER}\r\n0\r\n\r\n`),
      gotChunks(INNER),
    ),
    refusedBody("9112 §7.1.1", "an extension that a bare LF ends for one reader", `2;\nxx\r\n4c\r\n0\r\n\r\n${INNER}`),
    refusedBody("9112 §7.1.1", "an extension that a bare CR ends for one reader", `2;a\rxx\r\n0\r\n\r\n${INNER}`),
    refusedBody("9112 §7.1", "a size that ends in NUL for one reader", `0\0\r\n\r\n${INNER}`),
    refusedBody("9112 §7.1", "a size whose digits one reader cuts off", `1${"0".repeat(16)}\r\n\r\n${INNER}`),
    refuses(
      400,
      "9112 §7.1",
      "a chunk whose line end one reader skips unseen",
      chunks(`1\r\nxXX0\r\n\r\n${INNER}`),
      gotPart("x"),
    ),
    refusedBody("9112 §7.1.2", "a trailer section that one reader does not read", `0\r\n${INNER}`),
    refusedBody("9112 §7.1.2", "trailers that end in a bare LF for one reader", `0\r\nX: y\n\r\n${INNER}`),
    accepts(
      "9110 §6.5.1",
      "a length in the trailers does not take from the next request",
      chunks(`0\r\n${crlf(`Content-Length: ${INNER.length}`, "")}${INNER}`),
      gotChunks("", { trailers: [`Content-Length: ${INNER.length}`] }),
      got({ target: "/admin" }),
    ),
  ],
};
