/** Where a response goes, and what a server does about errors: the two things that a `Responder` is made with. */

import type { Chunk, Environ, HeaderList, StatusLine } from "../gateway.ts";
import type { Status } from "../http/status.ts";

/** Where a response goes. Calls come in this order: `head`, `write`…, then `end` or `cut`, each at most once but `write`. */
export interface Sink {
  /** Whether the client is gone, so that nothing can be sent any more. */
  readonly closed: boolean;
  /** Takes status and headers. Adds `Date` where it is missing, and `Content-Length` where `length` is not -1. */
  writeHead(status: Status, headers: HeaderList, length: number): void;
  /** Sends the head without waiting for a chunk. */
  flush(): void;
  /** Sends a chunk. A promise means "full": it settles when there is room again or the client is gone. */
  write(chunk: Chunk): void | Promise<void>;
  /** Ends the response, with a last chunk if there is one. */
  end(chunk?: Chunk): void;
  /** Ends the connection so that the response cannot look whole. */
  abort(): void;
  /** Calls back once if the client goes away before `end`. Asked for only by what runs on after the app has returned. */
  onClose(callback: () => void): void;
  /** What this server offers beyond the contract: members of `Exchange`. */
  readonly requestHeaders?: HeaderList;
  readonly requestTrailers?: HeaderList;
  inform?(status: StatusLine, headers: HeaderList): void;
}

/** What a server does about errors. */
export interface ResponderOptions {
  /** Told each error that is reported to `tsgi.errors`. */
  onError?: ((error: unknown, environ: Environ) => void) | undefined;
  /** The body of an error response. By default the status line as plain text. */
  errorPage?: ((status: StatusLine, error: unknown, environ: Environ) => ErrorPage | undefined) | undefined;
}

export interface ErrorPage {
  readonly headers: HeaderList;
  readonly body: string;
}
