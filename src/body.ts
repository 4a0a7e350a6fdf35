/**
 * Entry point `tsgi/body`: reading bodies, deriving one from another, and closing them. The built-in middlewares use these
 * functions, and yours can too. Everything here runs on any JavaScript runtime.
 *
 * ```ts
 * const { status, headers, body } = await capture(app, environ);
 * startResponse(status, removeHeaders(headers, "Content-Length"));
 * return mapBody(body, { chunk: (chunk) => chunk, end: () => "<!-- the end -->\n" });
 * ```
 */

export { byteLength, checkChunk, isChunk, joinBytes, toBytes } from "./body/chunk.ts";
export { type ReadOptions, readBytes, toRequest } from "./body/input.ts";
export { type FormPart, type MultipartOptions, multipart } from "./body/multipart.ts";
export { readForm, readJson } from "./body/parsed.ts";
export {
  BodyReader,
  type ChunkReader,
  closeBody,
  failAfter,
  knownChunks,
  readBody,
  readText,
} from "./body/reader.ts";
export { type BodyMap, type ChunkStream, mapBody, resume, toStream } from "./body/stream.ts";
