/**
 * Reworks what an app answers before it is sent.
 *
 * ```ts
 * transform(app, ({ status, headers, body }) => ({ status, headers: [...headers, ["X-Frame-Options", "DENY"]], body }));
 * transform(app, mapText("text/html", (text) => text.replaceAll("http://", "https://")));
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { BodyReader, closeBody, failAfter, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import type { App, AppResponse, Body, Environ, HeaderList } from "../src/gateway.ts";
import { getHeader, removeHeaders, setHeader } from "../src/http/headers.ts";
import { parseStatus } from "../src/http/status.ts";
import { isPromise } from "../src/promise.ts";
import type { Change } from "./transform/change.ts";

export {
  type Change,
  type DocumentOptions,
  hasType,
  isTransformable,
  mapChunks,
  mapDocument,
  mapText,
} from "./transform/change.ts";

/**
 * transform calls `change` with each response that the app has started, and sends what it returns. Where that has another
 * body, the headers that described the old one go with it: `Content-Length` (the server adds the new one where it is
 * known), `Accept-Ranges` and digests, and a strong `ETag` becomes weak (RFC 9110 §8.8.1). The app's body is finished once,
 * whatever the change did with it.
 *
 * A change that throws is the app's error: 500. Responses to HEAD, 204 and 304 go through the change as well, for their
 * headers, and never have a body. A change of bytes asks `isTransformable` first; `mapText`, `mapDocument` and `mapChunks` do.
 * When only the headers change, intercepting `startResponse` is cheaper. Throws `TSGI_BAD_CHANGE` for a change that is no
 * function.
 */
export function transform(app: App, change: Change): App {
  checkApp(app, "transform");
  if (typeof change !== "function") {
    throw new TsgiError("TSGI_BAD_CHANGE", `a change is a function, not ${typeof change}`, {
      hint: "Pass ({ status, headers, body }) => ({ status, headers, body }).",
    });
  }
  return function transform(environ, startResponse) {
    const send = ({ status, headers, body }: AppResponse): Body | Promise<Body> => {
      try {
        startResponse(status, status.startsWith("304 ") ? withKnownTag(headers, environ) : headers);
        return body;
      } catch (error) {
        return failAfter(() => closeBody(body), error);
      }
    };
    const rework = (captured: AppResponse) => changeResponse(captured, change, environ);
    const captured = capture(app, environ);
    const changed = isPromise<AppResponse>(captured) ? captured.then(rework) : rework(captured);
    return isPromise<AppResponse>(changed) ? changed.then(send) : send(changed);
  };
}

function changeResponse(captured: AppResponse, change: Change, environ: Environ): AppResponse | Promise<AppResponse> {
  const inner = new InnerBody(captured.body);
  const fail = (error: unknown): Promise<never> => failAfter(() => inner.finish(), error);
  const settle = (changed: AppResponse) => withNewBody({ ...captured, body: inner.body }, changed, inner, environ);
  try {
    const changed = change({ ...captured, body: inner.body }, environ);
    return isPromise<AppResponse>(changed) ? Promise.resolve(changed).then(settle).catch(fail) : settle(changed);
  } catch (error) {
    return fail(error);
  }
}

/** The body that a change is given: however often it is dropped or read, the app's own is finished once. */
class InnerBody {
  readonly body: Body;
  readonly #reader: BodyReader | undefined;

  constructor(body: Body) {
    this.#reader = knownChunks(body) === undefined ? new BodyReader(body) : undefined;
    this.body = this.#reader === undefined ? body : toStream(this.#reader);
  }

  finish(): Promise<unknown> | undefined {
    return this.#reader?.close();
  }
}

function withNewBody(
  before: AppResponse,
  changed: AppResponse,
  inner: InnerBody,
  environ: Environ,
): AppResponse | Promise<AppResponse> {
  if (changed.body === before.body) return changed;
  const headers = headersOfNewBody(before.headers, changed.headers);
  if (environ.REQUEST_METHOD === "HEAD" || parseStatus(changed.status).bodiless) {
    // The length of a body that is not sent is not known: an app may answer HEAD with less than it would GET.
    const response = { ...changed, headers, body: NO_BODY };
    const finishing = finishBoth(() => closeBody(changed.body), inner);
    return finishing === undefined ? response : finishing.then(() => response);
  }
  if (knownChunks(changed.body) === undefined) return { ...changed, headers, body: finishingBoth(changed.body, inner) };
  const finishing = inner.finish();
  const response = { ...changed, headers };
  return finishing === undefined ? response : finishing.then(() => response);
}

/** An empty body of unknown length. */
const NO_BODY: Iterable<never> = { [Symbol.iterator]: () => [][Symbol.iterator]() };

function finishingBoth(body: Body, inner: InnerBody): Body {
  const reader = new BodyReader(body);
  return toStream({
    isAsync: reader.isAsync,
    next: () => reader.next(),
    close: () => finishBoth(() => reader.close(), inner),
  });
}

/** Finishes the app's body too where finishing the new one fails. */
function finishBoth(finishNew: () => Promise<unknown> | undefined, inner: InnerBody): Promise<unknown> | undefined {
  const finishing = [finishNew, () => inner.finish()]
    .map((finishOne) => {
      try {
        return finishOne();
      } catch (error) {
        return Promise.reject(error);
      }
    })
    .filter((each) => each !== undefined);
  return finishing.length === 0 ? undefined : Promise.all(finishing);
}

/** A 304 of an app knows the strong tag of its own body; a client that has the changed one knows it as a weak tag. */
function withKnownTag(headers: HeaderList, environ: Environ): HeaderList {
  const tag = getHeader(headers, "ETag");
  const isKnownAsWeak = tag?.startsWith('"') && environ.HTTP_IF_NONE_MATCH?.includes(`W/${tag}`);
  return isKnownAsWeak ? setHeader(headers, "ETag", `W/${tag}`) : headers;
}

function headersOfNewBody(before: HeaderList, changed: HeaderList): HeaderList {
  const headers = removeHeaders(
    changed,
    "Content-Length",
    "Accept-Ranges",
    "Content-MD5",
    "Digest",
    "Content-Digest",
    "Repr-Digest",
  );
  const tag = getHeader(headers, "ETag");
  const isStale = tag !== undefined && tag === getHeader(before, "ETag") && !tag.startsWith("W/");
  return isStale ? setHeader(headers, "ETag", `W/${tag}`) : headers;
}
