/** Replaces `Response`, `Request` and `fetch`, once for the process, by ones that make and know lazy objects. */

import { named } from "./delegate.ts";
import { LazyResponse } from "./lazy-response.ts";
import { acceptInstances, isReplaced, PLATFORM, PlatformRequest, PlatformResponse, REAL_REQUEST } from "./platform.ts";

type Input = ConstructorParameters<typeof Request>[0];

/** The platform's request where a lazy one was given. */
function realOf(input: unknown): Input {
  const lazy = input as { [REAL_REQUEST]?(): Request } | null | undefined;
  return typeof input === "object" && lazy?.[REAL_REQUEST] !== undefined ? lazy[REAL_REQUEST]() : (input as Input);
}

/** The platform's `Request`, which takes a lazy one too: the platform itself looks for private members. */
class ReplacedRequest extends PlatformRequest {
  constructor(...[input, ...init]: ConstructorParameters<typeof Request>) {
    super(realOf(input), ...init);
  }
}
named(ReplacedRequest, PlatformRequest);
acceptInstances(ReplacedRequest, PlatformRequest);
Object.defineProperty(ReplacedRequest, PLATFORM, { value: PlatformRequest });

/** Replaces each of the three that has not been replaced yet. */
export function replaceGlobals(): void {
  const { fetch: platformFetch } = globalThis;
  if (globalThis.Response === PlatformResponse) globalThis.Response = LazyResponse as unknown as typeof Response;
  if (globalThis.Request === PlatformRequest) globalThis.Request = ReplacedRequest;
  if (typeof platformFetch === "function" && !isReplaced(platformFetch)) {
    const fetch = (...[input, ...init]: Parameters<typeof platformFetch>) => platformFetch(realOf(input), ...init);
    Object.defineProperty(named(fetch, platformFetch), PLATFORM, { value: platformFetch });
    globalThis.fetch = fetch as typeof platformFetch;
  }
}

/**
 * Whether `new Request(request)` and `fetch(request)` take a lazy request. Somebody may have put others there since, as tools
 * for tests do that intercept `fetch`.
 */
export function takesLazyRequests(): boolean {
  return isReplaced(globalThis.Request) && isReplaced(globalThis.fetch);
}
