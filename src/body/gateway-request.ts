/** Fetch requests of the gateway: nothing that their body does ends the process, and what is malformed is a 400. */

import { TsgiError } from "../errors.ts";
import { mayBeDropped } from "../promise.ts";

/** What is overridden; some type libraries declare these as properties, which no class can override. */
interface Overridden {
  get signal(): AbortSignal;
  text(): Promise<string>;
  json(): Promise<unknown>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  formData(): Promise<FormData>;
  clone(): Request;
}

type RequestArguments = ConstructorParameters<typeof Request>;
const Platform = Request as unknown as new (
  ...args: RequestArguments
) => Omit<Request, keyof Overridden | "bytes"> & Overridden;

/** A `Request` whose reads need not be awaited: one that fails because the client has left ends nothing. */
export class GatewayRequest extends Platform {
  readonly #signal: AbortSignal | undefined;

  constructor(...[input, init]: RequestArguments) {
    super(input, init);
    this.#signal = init?.signal ?? undefined;
  }

  /** The signal that it was made with, that of the exchange: what a listener of the platform's copy throws ends the process. */
  override get signal(): AbortSignal {
    return this.#signal ?? super.signal;
  }

  override text(): Promise<string> {
    return mayBeDropped(super.text());
  }

  override json(): Promise<unknown> {
    return mayBeDropped(super.json());
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return mayBeDropped(super.arrayBuffer());
  }

  /** Newer than Node 20. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return mayBeDropped(super.arrayBuffer().then((buffer) => new Uint8Array(buffer)));
  }

  override blob(): Promise<Blob> {
    return mayBeDropped(super.blob());
  }

  override formData(): Promise<FormData> {
    return mayBeDropped(super.formData());
  }

  override clone(): Request {
    return new GatewayRequest(super.clone(), { signal: this.signal }) as unknown as Request;
  }
}

/**
 * A request as `toRequest` gives it: `json()` and `formData()` of a malformed body reject with `TSGI_MALFORMED_BODY`, which the
 * server answers with 400.
 */
export class ParsedRequest extends GatewayRequest {
  override json(): Promise<unknown> {
    return mayBeDropped(this.#json());
  }

  async #json(): Promise<unknown> {
    const text = await super.text();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw malformed("JSON", cause);
    }
  }

  override formData(): Promise<FormData> {
    return mayBeDropped(this.#formData());
  }

  async #formData(): Promise<FormData> {
    const body = await super.arrayBuffer();
    const type = this.headers.get("Content-Type");
    try {
      return await new Response(body, type === null ? {} : { headers: { "Content-Type": type } }).formData();
    } catch (cause) {
      throw malformed("a form", cause);
    }
  }

  override clone(): Request {
    return new ParsedRequest(super.clone(), { signal: this.signal }) as unknown as Request;
  }
}

// To those who ask, and to `util.inspect`, they are requests of the platform.
for (const { prototype } of [GatewayRequest, ParsedRequest]) {
  Object.defineProperty(prototype, "constructor", { value: Request, writable: true, configurable: true });
}

function malformed(expected: string, cause: unknown): TsgiError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TsgiError("TSGI_MALFORMED_BODY", `the request body is not ${expected}: ${reason}`, {
    status: "400 Bad Request",
    cause,
  });
}
