/** A response with its body encoded: in one go where all of it is there, else while it is sent. */

import { checkChunks, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { BodyReader, failAfter, knownChunks } from "../../src/body/reader.ts";
import { toStream } from "../../src/body/stream.ts";
import { clientGone } from "../../src/errors.ts";
import { reportError } from "../../src/exchange/report.ts";
import { dropBody } from "../../src/exchange/respond.ts";
import type { AppResponse, Environ, HeaderList } from "../../src/gateway.ts";
import { addVary, getHeader, removeHeaders } from "../../src/http/headers.ts";
import { callOut } from "../../src/promise.ts";
import { headersOfEncodedBody, NO_BODY } from "../transform/new-body.ts";
import { PieceReader } from "../transform/pieces.ts";
import { Ahead } from "./ahead.ts";
import { EncodedBody } from "./encoded-body.ts";
import type { Encoder } from "./encoders.ts";
import { inTurn } from "./turns.ts";

/** How a body is encoded. */
export interface Encoding {
  readonly encoder: Encoder;
  /** The smallest body that is encoded, in bytes. */
  readonly threshold: number;
  /** Whether the response is an event stream: open for long, and flushed with each pause. */
  readonly isLive: boolean;
}

/** The largest body that is encoded before it is sent, in bytes. */
const WHOLE = 1024 * 1024;

/** How much of a body is read before its head is sent, as long as it does not pause, in bytes. */
const LOOK_AHEAD = 32 * 1024;

/** encodeResponse gives a response with its body encoded, or as it was where the body is too small. */
export function encodeResponse(
  response: AppResponse,
  environ: Environ,
  encoding: Encoding,
): AppResponse | Promise<AppResponse> {
  const { body } = response;
  const chunks = knownChunks(body);
  const declared = Number(getHeader(response.headers, "Content-Length") ?? -1);
  const length = chunks === undefined ? declared : checkChunks(chunks);
  if (environ.REQUEST_METHOD === "HEAD") return encodeHead(response, environ, encoding, length > 0 ? length : declared);
  if (length >= 0 && (length === 0 || length < encoding.threshold)) return unencoded(response);
  if (chunks === undefined) return encodeStream(response, environ, encoding, declared);
  // What is not as long as it says is left to the server, which tells the client.
  if (declared >= 0 && declared !== length) return unencoded(response);
  if (length <= WHOLE) return encodeWhole(response, environ, encoding, joinBytes(chunks.map(toBytes)));
  return encodedWhile(response, encoding, aheadOf(response, environ, encoding, declared));
}

/** The head that a GET would have, as far as it is known: an app may answer HEAD without a body. */
function encodeHead(
  response: AppResponse,
  environ: Environ,
  encoding: Encoding,
  length: number,
): AppResponse | Promise<AppResponse> {
  if (length >= 0 && length < encoding.threshold) return unencoded(response);
  const headers = encodedHeaders(response.headers, encoding.encoder);
  dropBody(response.body, environ);
  return { ...response, headers, body: NO_BODY };
}

function unencoded(response: AppResponse): AppResponse {
  return { ...response, headers: addVary(response.headers, "Accept-Encoding") };
}

function encodedHeaders(headers: HeaderList, { coding }: Encoder): HeaderList {
  // An app may say "identity".
  const own = removeHeaders(headersOfEncodedBody(headers), "Content-Encoding");
  return addVary([...own, ["Content-Encoding", coding]], "Accept-Encoding");
}

function encodeWhole(
  response: AppResponse,
  environ: Environ,
  { encoder }: Encoding,
  bytes: Uint8Array,
): AppResponse | Promise<AppResponse> {
  const headers = encodedHeaders(response.headers, encoder);
  if (bytes.byteLength <= encoder.immediateSize) return { ...response, headers, body: encoder.encode(bytes) };
  return inTurn(environ, () => encoder.encodeLater(bytes)).then((body) => ({ ...response, headers, body }));
}

async function encodeStream(
  response: AppResponse,
  environ: Environ,
  encoding: Encoding,
  declared: number,
): Promise<AppResponse> {
  const ahead = aheadOf(response, environ, encoding, declared);
  if (encoding.isLive) return encodedWhile(response, encoding, ahead);
  // Nobody else closes the body as long as there is no response.
  environ["tsgi.exchange"].onAbort?.(() =>
    callOut(
      () => ahead.close(),
      (error) => reportError(environ, error),
    ),
  );
  try {
    const stop = await ahead.read(LOOK_AHEAD);
    if (ahead.isClosed) throw clientGone();
    if (stop !== "end") return encodedWhile(response, encoding, ahead, stop);
  } catch (error) {
    return failAfter(() => ahead.close(), error);
  }
  const bytes = joinBytes(ahead.take(ahead.size));
  callOut(
    () => ahead.close(),
    (error) => reportError(environ, error),
  );
  if (bytes.byteLength > 0 && bytes.byteLength >= encoding.threshold) {
    return encodeWhole(response, environ, encoding, bytes);
  }
  return { ...unencoded(response), body: bytes };
}

function aheadOf(response: AppResponse, environ: Environ, encoding: Encoding, declared: number): Ahead {
  return new Ahead(new PieceReader(new BodyReader(response.body)), {
    declared,
    worthSending: encoding.threshold,
    isLive: encoding.isLive,
    onError: (error) => reportError(environ, error),
  });
}

function encodedWhile(
  response: AppResponse,
  { encoder, isLive }: Encoding,
  ahead: Ahead,
  stop?: "enough" | "pause",
): AppResponse {
  const headers = encodedHeaders(response.headers, encoder);
  return { ...response, headers, body: toStream(new EncodedBody(ahead, encoder, isLive, stop)) };
}
