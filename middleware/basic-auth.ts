/**
 * Lets in who knows a name and a password.
 *
 * ```ts
 * export const app = basicAuth(site, { users: { ann: annsPassword } });
 *
 * export const checked = basicAuth(site, {
 *   realm: "Staff",
 *   verify: (name, password) => directory.verify(name, password),
 * });
 * ```
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { authenticated } from "../src/exchange/authenticated.ts";
import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions, FUNCTION, type Kind, type Kinds } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/** Who is let in: one of `users` and `verify` is required. */
export interface BasicAuthOptions {
  /** Passwords by name. They are compared in constant time. */
  users?: Readonly<Record<string, string>>;
  /** Decides instead, for passwords that are stored as hashes: gives true, or a promise of it. */
  verify?: (name: string, password: string, environ: Environ) => boolean | Promise<boolean>;
  /** What the browser says the password is for. Default `"Restricted"`. */
  realm?: string;
}

const USERS: Kind = {
  expected: 'passwords by name: { ann: "secret" }, none of them empty and no name with a colon',
  accepts: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(
      ([name, password]) => !name.includes(":") && typeof password === "string" && password !== "",
    ),
};

const REALM: Kind = {
  expected: "printable ASCII without quotes and backslashes",
  accepts: (value) => typeof value === "string" && /^[ !#-[\]-~]+$/.test(value),
};

const KINDS: Kinds<BasicAuthOptions> = { users: USERS, verify: FUNCTION, realm: REALM };

/**
 * basicAuth answers with 401 and `WWW-Authenticate` (RFC 7617) unless the request has a name and a password that are right. Then
 * the app gets an environ with `REMOTE_USER` and `AUTH_TYPE: "Basic"`, and responses without a `Cache-Control` of their own get
 * `Cache-Control: private`. Names and passwords are read as UTF-8.
 *
 * Browsers send the password with each request, so it needs TLS. It does not protect from guessing, which is what `rateLimit`
 * outside of it is for, nor from requests that other sites have a browser send (`csrf`). What `verify` fails with is the failure of
 * the app. It needs Node.
 *
 * Throws `TSGI_BAD_OPTION`, also for an empty password, which a missing variable often is.
 */
export function basicAuth(app: App, options: BasicAuthOptions): App {
  checkApp(app, "basicAuth");
  checkOptions("basicAuth", options, KINDS);
  const { users, realm = "Restricted" } = options;
  if ((users === undefined) === (options.verify === undefined)) {
    throw new TsgiError("TSGI_BAD_OPTION", "basicAuth needs either users or verify", {
      hint: 'Give passwords by name: { users: { ann: "secret" } }.',
    });
  }
  const verify = options.verify ?? verifierOf(users as Readonly<Record<string, string>>);
  const refuse = text("Unauthorized\n", {
    status: "401 Unauthorized",
    headers: [["WWW-Authenticate", `Basic realm="${realm}", charset="UTF-8"`]],
  });

  const outer: App = function basicAuth(environ, startResponse) {
    const found = credentialsOf(environ.HTTP_AUTHORIZATION);
    if (found === undefined) return refuse(environ, startResponse);
    const verdict = verify(found.name, found.password, environ);
    return isPromise(verdict)
      ? Promise.resolve(verdict).then((isRight) => decide(isRight, found.name, environ, startResponse))
      : decide(verdict, found.name, environ, startResponse);
  };
  return wrapping(outer, app);

  function decide(
    isRight: boolean,
    name: string,
    environ: Environ,
    startResponse: StartResponse,
  ): Body | Promise<Body> {
    if (isRight !== true) return refuse(environ, startResponse);
    return app(authenticated(environ, name, "Basic"), (status, headers, error) =>
      startResponse(
        status,
        headers.some(([header]) => header.toLowerCase() === "cache-control")
          ? headers
          : [...headers, ["Cache-Control", "private"]],
        error,
      ),
    );
  }
}

interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** `token68` without what could not be base64 (RFC 7617 §2, RFC 9110 §11.2). */
const BASIC = /^basic +([A-Za-z\d+/]{1,4096}={0,2})$/i;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The name and the password of a header; undefined where it has none. */
function credentialsOf(header: string | undefined): Credentials | undefined {
  const encoded = BASIC.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  let decoded: string;
  try {
    decoded = utf8.decode(Buffer.from(encoded, "base64"));
  } catch {
    return undefined;
  }
  const colon = decoded.indexOf(":");
  // A control character could pass for the end of a line in a log (RFC 7617 §2).
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (colon < 0 || /[\x00-\x1f\x7f]/.test(decoded)) return undefined;
  return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Hashes are of one length, so that comparing them tells nothing of the passwords; a name that nobody has takes as long. */
function verifierOf(users: Readonly<Record<string, string>>): (name: string, password: string) => boolean {
  const key = randomBytes(32);
  const hashOf = (password: string): Buffer => createHmac("sha256", key).update(password).digest();
  const hashes = new Map(Object.entries(users).map(([name, password]) => [name, hashOf(password)]));
  const nobody = randomBytes(32);
  return (name, password) => {
    const isEqual = timingSafeEqual(hashOf(password), hashes.get(name) ?? nobody);
    return isEqual && hashes.has(name);
  };
}
