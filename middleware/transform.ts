/**
 * Reworks what an app answers before it is sent.
 *
 * ```ts
 * const framed = transform(site, ({ status, headers, body }) => ({
 *   status,
 *   headers: [...headers, ["X-Frame-Options", "DENY"]],
 *   body,
 * }));
 * const changes = [
 *   mapText("text/html", (text) => text.toUpperCase()),
 *   replaceText("text/html", "http://old.example", "https://new.example"),
 *   mapJson((value) => ({ version: 2, value })),
 * ];
 *
 * export const app = changes.reduce(transform, framed);
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { BodyReader, closeBody, failAfter, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import { reportError } from "../src/exchange/report.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Environ, HeaderList } from "../src/gateway.ts";
import { parseStatus } from "../src/http/status.ts";
import { immediate } from "../src/immediate.ts";
import { andThen, callOut, isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import type { Change } from "./transform/change.ts";
import { headersOfNewBody, headersOfNoBody, isUnchanged, NO_BODY } from "./transform/new-body.ts";
import { hidesType, isSelected, mayAskAgain, wholeRequest } from "./transform/selection.ts";

export { type Change, hasType, isTransformable, mapChunks } from "./transform/change.ts";
export { mapText, type ReplaceTextOptions, replaceText, type TextOptions } from "./transform/map-text.ts";
export {
  type DocumentOptions,
  mapDocument,
  mapJson,
  replaceBody,
  type WholeBodyOptions,
} from "./transform/whole-body.ts";

/**
 * transform calls `change` with each response that the app has started, and sends what it returns. Where that has another
 * body, the headers that described the old one go with it: `Content-Length` (the server adds the new one where it is
 * known), `Accept-Ranges`, digests, and the `ETag` and `Last-Modified` of the app, which stay the same when the change becomes another
 * one; those that a change sets itself stay. Put `conditional` around it for new ones. The app's body is closed once, whatever the
 * change did with it.
 *
 * A changed resource has one representation. Where the app answers `Range` or `Accept-Encoding` with a part of a body, or an
 * encoded one, that the change would take, it is asked again for the whole (GET and HEAD without a body), and the client gets
 * that changed, as a 200; what the change leaves alone keeps its ranges and encodings.
 *
 * A change that throws is the app's error: 500. Responses to HEAD, 101, 204 and 304 go through the change as well, for their
 * headers, and never have a body. A change of bytes asks `isTransformable` first; those that `transform` comes with do.
 * When only the headers change, intercepting `startResponse` is cheaper. Throws `TSGI_BAD_CHANGE` for a change that is not a
 * function, and for one that returns something else than a response.
 */
export function transform(app: App, change: Change): App {
  checkApp(app, "transform");
  if (typeof change !== "function") {
    throw new TsgiError("TSGI_BAD_CHANGE", `a change is a function, not ${typeof change}`, {
      hint: "Pass ({ status, headers, body }) => ({ status, headers, body }).",
    });
  }

  const takes = change.takes && immediate("takes of a change", change.takes);

  const outer: App = function transform(environ, startResponse) {
    return andThen(capture(app, environ), (response) =>
      andThen(isTakenOver(response, environ) ? response : changed(response, environ), ({ status, headers, body }) =>
        respond({ status, headers, body }, startResponse),
      ),
    );
  };
  return wrapping(outer, app);

  function changed(response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
    const mayBePart = isSelected(response) && mayAskAgain(environ);
    if (mayBePart && hidesType(response)) return unlessTaken(response, environ);
    const original = new Original(response, environ);
    if (!mayBePart) return changeResponse(original, change, environ);
    // A change that does not say which responses it takes is asked with the part: a new body is one made of a part.
    if (takes === undefined) return changeResponse(original, change, environ, () => changedWhole(environ));
    return orClosing(original, () =>
      takes(original.response, environ)
        ? original.drop(() => changedWhole(environ))
        : changeResponse(original, change, environ),
    );
  }

  function changedWhole(environ: Environ): AppResponse | Promise<AppResponse> {
    const whole = wholeRequest(environ);
    return andThen(capture(app, whole), (response) => changeResponse(new Original(response, environ), change, whole));
  }

  /** Only the whole tells whether the change takes a resource of which the response does not name the type. */
  function unlessTaken(part: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
    const whole = wholeRequest(environ);
    const originalPart = new Original(part, environ);
    const keepPart = () => changeResponse(originalPart, change, environ);
    return orClosing(originalPart, () =>
      andThen(capture(app, whole), (response) => {
        const original = new Original(response, environ);
        return orClosing(original, () => {
          if (takes?.(original.response, whole) === false) return original.drop(keepPart);
          return andThen(changeResponse(original, change, whole), (changed) =>
            changed.body === original.response.body ? original.drop(keepPart) : originalPart.drop(() => changed),
          );
        });
      }),
    );
  }
}

/** Whether there is no response to change, as the connection was taken over before it. */
function isTakenOver({ status }: AppResponse, environ: Environ): boolean {
  return isSwitching(status) && environ["tsgi.exchange"].isUpgraded === true;
}

/** Changes a response; `instead`, where it is given, is what is sent in place of one that gets another body. */
function changeResponse(
  original: Original,
  change: Change,
  environ: Environ,
  instead?: () => AppResponse | Promise<AppResponse>,
): AppResponse | Promise<AppResponse> {
  const before = original.response;
  const settle = (changed: AppResponse) => {
    const { body } = checkResponse(changed);
    if (instead === undefined || body === before.body) return withNewBody(original, changed, environ);
    dropBody(body, environ);
    return original.drop(instead);
  };
  return orClosing(original, () => andThen(change(before, environ), settle));
}

/** What a call gives; where the call fails, the original is closed, which nobody else knows of then. */
function orClosing<T>(original: Original, call: () => T | Promise<T>): T | Promise<T> {
  const fail = (error: unknown): Promise<never> => failAfter(() => original.close(), error);
  try {
    const result = call();
    return isPromise(result) ? Promise.resolve(result).catch(fail) : result;
  } catch (error) {
    return fail(error);
  }
}

function checkResponse(changed: unknown): AppResponse {
  if (typeof changed === "object" && changed !== null && "status" in changed && "headers" in changed) {
    if (typeof changed.status === "string") return changed as AppResponse;
    throw new TsgiError(
      "TSGI_BAD_CHANGE",
      `a change returns a response, whose status is not ${typeof changed.status}`,
      {
        hint: 'Write status and reason: "200 OK".',
      },
    );
  }
  throw new TsgiError(
    "TSGI_BAD_CHANGE",
    `a change returns a response, not ${changed === null ? "null" : typeof changed}`,
    {
      hint: "Return { status, headers, body }, or the response that it was given.",
    },
  );
}

/** The response that a change is given: however often its body is dropped or read, the app's own is closed once. */
class Original {
  readonly response: AppResponse;
  readonly #environ: Environ;
  readonly #reader: BodyReader | undefined;

  constructor(response: AppResponse, environ: Environ) {
    this.#environ = environ;
    this.#reader = knownChunks(response.body) === undefined ? new BodyReader(response.body) : undefined;
    this.response = this.#reader === undefined ? response : { ...response, body: toStream(this.#reader) };
  }

  close(): Promise<unknown> | undefined {
    return this.#reader?.close();
  }

  /** Closes it and gives what is sent instead. Nothing waits for the closing; what it fails with is reported. */
  drop<T>(instead: () => T): T {
    callOut(
      () => this.close(),
      (error) => reportError(this.#environ, error),
    );
    return instead();
  }
}

function withNewBody(original: Original, changed: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
  if (changed.body === original.response.body) return changed;
  let headers: HeaderList = changed.headers;
  let isBodiless: boolean;
  try {
    const hasNone = isSwitching(changed.status) || parseStatus(changed.status).bodiless;
    isBodiless = hasNone || environ.REQUEST_METHOD === "HEAD";
    if (hasNone) headers = headersOfNoBody(headers);
    else if (!isUnchanged(changed.body)) headers = headersOfNewBody(original.response.headers, headers);
  } catch (error) {
    return failAfter(() => closeBody(changed.body), error);
  }
  if (isBodiless) {
    // The length of a body that is not sent is not known: an app may answer HEAD with less than it would GET.
    dropBody(changed.body, environ);
    return original.drop(() => ({ ...changed, headers, body: NO_BODY }));
  }
  if (knownChunks(changed.body) === undefined)
    return { ...changed, headers, body: closingBoth(changed.body, original) };
  return original.drop(() => ({ ...changed, headers }));
}

function closingBoth(body: Body, original: Original): Body {
  const reader = new BodyReader(body);
  return toStream({
    isAsync: reader.isAsync,
    next: () => reader.next(),
    close() {
      const closing = reader.close();
      return original.drop(() => closing);
    },
  });
}
