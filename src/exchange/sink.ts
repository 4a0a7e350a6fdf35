/** Where a response goes, and what a server does about errors: the two things that a `Responder` is made with. */

import type { Chunk, Environ, HeaderList, StatusLine } from "../gateway.ts";
import type { Status } from "../http/status.ts";

/**
 * A `Sink` sends one response. Its methods are called in this order: `writeHead`, then `write` any number of times, then `end`
 * or `abort`; each of the others at most once, but `addTrailers`.
 */
export interface Sink {
  /** Whether the client is gone, so that nothing can be sent any more. */
  readonly closed: boolean;
  /**
   * Takes status and headers, which have been checked. The sink adds `Date` if it is missing, and `Content-Length` with
   * `length`, in bytes, unless that is -1.
   */
  writeHead(status: Status, headers: HeaderList, length: number): void;
  /** Sends the head without waiting for a chunk. */
  flush(): void;
  /** Sends a chunk. A promise means "full": it settles when there is room again or the client is gone. */
  write(chunk: Chunk): void | Promise<void>;
  /**
   * Takes the trailer lines that are to follow the body, which have been checked; of several calls the last counts, and an empty
   * list takes them back. Called at any time before `end`, `writeHead` included. The sink drops them where the request does not
   * accept them or the framing has no room for them. It knows in `writeHead` whether that will be so, and then drops a `Trailer`
   * header too. Absent where there are no trailers; then the responder drops that header.
   */
  addTrailers?(trailers: HeaderList): void;
  /** Ends the response, with a last chunk if there is one. */
  end(chunk?: Chunk): void;
  /** Ends the connection in such a way that the response cannot look whole. */
  abort(): void;
  /**
   * Calls back once if the client disconnects before `end`. Called only for responses that continue after the app has
   * returned.
   */
  onClose(callback: () => void): void;
  /**
   * Calls back once what was handed over is with the operating system, or its client has left before that, with the number of
   * bytes that were left. Called before `end`, only for responses whose end somebody wants to know. Absent where `end` is all
   * that is known.
   */
  onSent?(callback: (isSent: boolean, unsent: number) => void): void;
  /** How many of the bytes that were handed over have not been sent, if it is known. */
  readonly unsent?: number;
  /**
   * Calls back once the chunk that was handed over last has left the process, so that its memory can be used for another; not where
   * the client leaves before that. Absent where it is not known.
   */
  onTaken?(callback: () => void): void;
  /** The request's header lines as sent, if the server knows them: `headers` of the `Exchange`. */
  readonly requestHeaders?: HeaderList;
  /** The request's trailer lines, if the server supports them: `trailers` of the `Exchange`. */
  readonly requestTrailers?: HeaderList;
  /** The Node server that took the request, if it is one: `server` of the `Exchange`. */
  readonly server?: object | undefined;
  /** Gives the connection away, if the server can and the request asks for it: `upgrade` of the `Exchange`. */
  readonly upgrade?: (() => object) | undefined;
  /** Calls back once when the server begins to close, if it tells; the callback does not throw: `onServerClose` of the `Exchange`. */
  readonly onServerClose?: ((callback: () => void) => () => void) | undefined;
  /** Sends an informational response, if the server supports them: `inform` of the `Exchange`. */
  inform?(status: StatusLine, headers: HeaderList): void;
}

/** `ResponderOptions` say what a server does about errors. */
export interface ResponderOptions {
  /** Called with each error that is reported to `tsgi.errors`. Default none. */
  onError?: ((error: unknown, environ: Environ) => void) | undefined;
  /** Makes the body of an error response. Default, and for undefined: the status line as plain text. */
  errorPage?: ((status: StatusLine, error: unknown, environ: Environ) => ErrorPage | undefined) | undefined;
}

/** The headers and the body of an error response. */
export interface ErrorPage {
  readonly headers: HeaderList;
  readonly body: string;
}
