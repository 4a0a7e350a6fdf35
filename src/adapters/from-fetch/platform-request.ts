/** A Fetch `Request` of the platform, whatever it costs: every class and function that takes one takes it. */

import { GatewayRequest } from "../../body/gateway-request.ts";
import { requestHeadersOf, requestInit } from "../../body/input.ts";
import type { Environ } from "../../gateway.ts";
import { innerUrlOf, urlOf } from "../../http/url.ts";
import { PlatformRequest, platformOf } from "./platform.ts";

/** A request whose URL is that below the mount, or the full one. */
export function platformRequest(environ: Environ, isFullUrl: boolean): Request {
  const url = isFullUrl ? urlOf(environ) : innerUrlOf(environ);
  const init = requestInit(environ, requestHeadersOf(environ), Number.POSITIVE_INFINITY);
  // Another implementation, as undici's `install` puts it there, takes only requests of its own.
  const Request = platformOf(globalThis.Request);
  return Request === PlatformRequest ? (new GatewayRequest(url, init) as unknown as Request) : new Request(url, init);
}
