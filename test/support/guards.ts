/** Middleware that refuses requests, in front of requests that it lets in. */

import { createHmac } from "node:crypto";
import { basicAuth } from "../../middleware/basic-auth.ts";
import { bearer } from "../../middleware/bearer.ts";
import { cors } from "../../middleware/cors.ts";
import { csrf } from "../../middleware/csrf.ts";
import { httpsRedirect } from "../../middleware/https-redirect.ts";
import { ipFilter } from "../../middleware/ip-filter.ts";
import { secureHeaders } from "../../middleware/secure-headers.ts";
import { memorySessionStore, session, sessionOf } from "../../middleware/session.ts";
import { trustedHosts } from "../../middleware/trusted-hosts.ts";
import type { App } from "../../src/gateway.ts";

/** An app that takes each request for one with a body of unknown length. */
export function asIfChunked(app: App): App {
  return (environ, startResponse) => app({ ...environ, HTTP_TRANSFER_ENCODING: "chunked" }, startResponse);
}

/** An app behind all guards, with requests that pass each of them. */
export function allLetIn(inner: App): App {
  let app = basicAuth(inner, { users: { ann: "secret" } });
  app = secureHeaders(csrf(app), { nonce: true });
  app = cors(app, { origins: ["https://ann.example"], credentials: true });
  app = ipFilter(trustedHosts(httpsRedirect(app), { hosts: ["example.com"] }), { allow: ["192.0.2.7"] });
  const authorization = `Basic ${btoa("ann:secret")}`;
  return (environ, startResponse) =>
    app(
      {
        ...environ,
        "tsgi.url_scheme": "https",
        REMOTE_ADDR: "192.0.2.7",
        HTTP_AUTHORIZATION: authorization,
        HTTP_HOST: "example.com",
        HTTP_ORIGIN: "https://ann.example",
        HTTP_SEC_FETCH_SITE: "same-origin",
      },
      startResponse,
    );
}

/** An app whose session changes with each request, in a cookie or in a store that takes its time. */
export function inSession(inner: App, isStored: boolean): App {
  const app: App = (environ, startResponse) => {
    const opened = sessionOf(environ);
    if (opened instanceof Promise) {
      return opened.then((found) => {
        found.set("visited", true);
        return inner(environ, startResponse);
      });
    }
    opened.set("visited", true);
    return inner(environ, startResponse);
  };
  if (!isStored) return session(app, { keys: ["k".repeat(32)] });
  const memory = memorySessionStore();
  return session(app, { store: { ...memory, create: async (...args) => memory.create(...args) } });
}

const secret = Buffer.from("k".repeat(32));
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = `${encode({ alg: "HS256" })}.${encode({ sub: "ann", exp: 9_999_999_999 })}`;
const token = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;

/** An app behind `bearer`, with requests whose token is verified. */
export function withToken(inner: App): App {
  const app = bearer(inner, { keys: secret, algorithms: ["HS256"] });
  return (environ, startResponse) => app({ ...environ, HTTP_AUTHORIZATION: `Bearer ${token}` }, startResponse);
}
