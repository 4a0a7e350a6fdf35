/** Bodies that are encoded, as tests read them. */

import { createHook } from "node:async_hooks";
import * as zlib from "node:zlib";
import { transform } from "../../middleware/transform.ts";
import { readBody } from "../../src/body/reader.ts";
import type { App } from "../../src/gateway.ts";
import { getHeader, removeHeaders } from "../../src/http/headers.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { eventually } from "./raw-client.ts";

/** What `node:zlib` has had since Node 22.15, and its types for older ones do not have. */
const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: (bytes: Uint8Array) => Buffer };

/** Whether this version of Node has Zstandard. */
export const HAS_ZSTD: boolean = zstdDecompressSync !== undefined;

/** The bytes that a coding stands for. Throws where they are incomplete or malformed. */
export function decode(coding: string | null | undefined, bytes: Uint8Array): Buffer {
  switch (coding) {
    case "br":
      return zlib.brotliDecompressSync(bytes);
    case "gzip":
      return zlib.gunzipSync(bytes);
    case "deflate":
      return zlib.inflateSync(bytes);
    case "zstd":
      return zstdDecompressSync?.(bytes) as Buffer;
    default:
      return Buffer.from(bytes);
  }
}

/** A response with its body decoded: coding, length as declared, and text. */
export interface Decoded {
  readonly response: Response & { readonly errors: string; readonly finished: number };
  readonly coding: string | null;
  readonly text: string;
}

/** Asks an app for `/`, in a coding. */
export async function ask(app: App, accept: string | undefined, options: RequestOptions = {}): Promise<Decoded> {
  const own = accept === undefined ? {} : { "Accept-Encoding": accept };
  const response = await request(app, "/", { ...options, headers: { ...own, ...(options.headers as object) } });
  const coding = response.headers.get("Content-Encoding");
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { response, coding, text: bytes.length === 0 ? "" : decode(coding, bytes).toString() };
}

/** An app that is asked for a coding by a client of its own, which decodes what it gets: as if nothing were encoded. */
export function thereAndBack(app: App, coding: string): App {
  const asking: App = (environ, startResponse) => app({ ...environ, HTTP_ACCEPT_ENCODING: coding }, startResponse);
  const decoding = transform(asking, async (response) => {
    const given = getHeader(response.headers, "Content-Encoding");
    if (given === undefined) return response;
    const headers = removeHeaders(response.headers, "Content-Encoding");
    const bytes = await readBody(response.body);
    return { ...response, headers, body: bytes.length === 0 ? "" : decode(given, bytes) };
  });
  // With the client's own header, transform would ask again for a body that is not encoded.
  return (environ, startResponse) => decoding({ ...environ, HTTP_ACCEPT_ENCODING: undefined }, startResponse);
}

/** Runs a test body, and waits until every codec that it has opened is freed. */
export async function countingCodecs<T>(run: () => Promise<T>): Promise<{ opened: number; closed: number; result: T }> {
  const counts = { opened: 0, closed: 0 };
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type !== "ZLIB") return;
      counts.opened++;
      const { close } = resource as { close(): void };
      Object.assign(resource, {
        close(this: object) {
          counts.closed++;
          close.call(this);
        },
      });
    },
  }).enable();
  try {
    const result = await run();
    await eventually(() => counts.closed === counts.opened);
    return { ...counts, result };
  } finally {
    hook.disable();
  }
}
