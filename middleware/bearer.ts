/**
 * Lets in who has a token: a JSON Web Token that an issuer has signed.
 *
 * ```ts
 * const api: App = (environ, startResponse) => json({ user: environ.REMOTE_USER })(environ, startResponse);
 *
 * export const app = bearer(api, {
 *   keys: "https://id.example.com/.well-known/jwks.json",
 *   algorithms: ["RS256"],
 *   issuer: "https://id.example.com",
 *   audience: "https://api.example.com",
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { codeOf, TsgiError } from "../src/errors.ts";
import { authenticated } from "../src/exchange/authenticated.ts";
import { writeError } from "../src/exchange/report.ts";
import type { App, Body, Environ, StartResponse, StatusLine } from "../src/gateway.ts";
import { checkOptions, count, either, type Kind, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { areOfIssuer, type BearerKeys, isKeySet, keysFor } from "./bearer/keys.ts";
import { type BearerClaims, loadJose } from "./bearer/package.ts";
import { Refusal, type Verified, Verifier } from "./bearer/verifier.ts";

export type { BearerKeys } from "./bearer/keys.ts";
export type { BearerClaims } from "./bearer/package.ts";

/** Which tokens are good. */
export interface BearerOptions {
  /**
   * What tokens are verified with. Required: the URL of a key set, which is loaded when it is needed, every ten minutes, and for a
   * key that is not in it (once in 30 seconds); a key set as an object; a public key of `node:crypto` or WebCrypto; a secret of
   * HMAC as bytes; or a function of `jose` that finds a key.
   */
  keys: BearerKeys;
  /** The algorithms that tokens may be signed with, `["RS256"]`. Required: a token that chose its own could be forged. */
  algorithms: readonly string[];
  /** Who has made the tokens, `iss`. Required where `keys` is a URL, a set or a function. */
  issuer?: string | readonly string[];
  /** Whom the tokens are for, `aud`: a token for another service of the issuer is none. Required as `issuer` is. */
  audience?: string | readonly string[];
  /** The type of the tokens, `typ`: `"at+jwt"` keeps out identity tokens (RFC 9068). Default any. */
  type?: string;
  /** What tokens have to be good for, all of it: `["orders:read"]`. Default nothing. */
  scope?: string | readonly string[];
  /** By how much the clocks of issuer and server may differ, in milliseconds, counted in whole seconds. Default 5000. */
  clockTolerance?: number;
  /**
   * How long a token that was verified is believed without verifying it again, in milliseconds. Default until it expires: a key that
   * the issuer withdraws counts for the tokens of before. 0 verifies each time.
   */
  remember?: number;
  /** What `WWW-Authenticate` calls what the token is for. Default `"Restricted"`. */
  realm?: string;
}

const PUBLIC = /^(?:RS|PS|ES)(?:256|384|512)$|^(?:EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/;
const SECRET = /^HS(?:256|384|512)$/;

const ALGORITHMS: Kind = {
  expected: 'names of RFC 7518 §3.1, ["RS256"]; not "none", and not those of secrets beside those of public keys',
  accepts: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    [PUBLIC, SECRET].some((names) => value.every((each) => typeof each === "string" && names.test(each))),
};

const KEYS: Kind = {
  expected: "a URL, a key set, a key, bytes or a function",
  accepts: (value) => (typeof value === "object" && value !== null) || ["string", "function"].includes(typeof value),
};

const NON_EMPTY: Kind = { expected: "a string", accepts: (value) => typeof value === "string" && value !== "" };
const TEXTS: Kind = either(NON_EMPTY, {
  expected: "a list of strings",
  accepts: (value) => Array.isArray(value) && value.length > 0 && listOf(NON_EMPTY).accepts(value),
});

const SCOPES: Kind = {
  expected: 'scopes as RFC 6749 §3.3 has them: ["orders:read"]',
  accepts: (value) => [value].flat().every((each) => typeof each === "string" && /^[!#-[\]-~]+$/.test(each)),
};

const REALM: Kind = {
  expected: "printable ASCII without quotes and backslashes",
  accepts: (value) => typeof value === "string" && /^[ !#-[\]-~]+$/.test(value),
};

const KINDS: Kinds<BearerOptions> = {
  keys: KEYS,
  algorithms: ALGORITHMS,
  issuer: TEXTS,
  audience: TEXTS,
  type: STRING,
  scope: SCOPES,
  clockTolerance: count(),
  remember: count(),
  realm: REALM,
};

/** Where the claims of a request are. */
const STATE = "bearer.claims";

/**
 * bearer lets in requests with a token of RFC 6750, `Authorization: Bearer …`, which is a JSON Web Token (RFC 7519) that is signed with
 * one of the keys, by one of the algorithms, names the issuer and the audience, and has an `exp` that is not over. The app then gets
 * `REMOTE_USER`, which is the `sub` of the token, `AUTH_TYPE: "Bearer"`, and the rest by `claimsOf(environ)`. Tokens in the query or
 * in a form are not looked at.
 *
 * Others get, with `WWW-Authenticate` (RFC 6750 §3): 401 without a token, 401 with `invalid_token` for one that is not good, 400 with
 * `invalid_request` for what is not a token at all, 403 with `insufficient_scope` where a `scope` is missing. Where the keys cannot be
 * loaded, those whose token is not remembered get a 503 with `Retry-After`, which is reported once, and for a second nobody tries.
 *
 * The last 1000 tokens are remembered until they expire, so that most are verified once. Whoever has a token is let in: it needs TLS,
 * and it does not protect from what is stolen, nor from an issuer that signs too much. Withdrawn tokens are good until they expire,
 * which is why they should live for minutes. Preflights have no token: `cors` belongs outside of it.
 *
 * It needs the package `jose`: `npm install jose@6`. Throws `TSGI_NO_PACKAGE` and `TSGI_BAD_OPTION`, also for algorithms that the keys
 * cannot be used with.
 */
export function bearer(app: App, options: BearerOptions): App {
  checkApp(app, "bearer");
  checkOptions("bearer", options, KINDS);
  const { keys, algorithms, issuer, audience, type, scope = [], clockTolerance = 5000, realm = "Restricted" } = options;
  checkTogether(options);
  const jose = loadJose();
  const scopes = [scope].flat();
  const verifier = new Verifier(
    jose,
    keysFor(keys, jose),
    {
      algorithms: [...algorithms],
      clockTolerance: Math.ceil(clockTolerance / 1000),
      requiredClaims: ["exp"],
      ...(issuer === undefined ? {} : { issuer: [issuer].flat() }),
      ...(audience === undefined ? {} : { audience: [audience].flat() }),
      ...(type === undefined ? {} : { typ: type }),
    },
    scopes,
    options.remember ?? Number.POSITIVE_INFINITY,
  );
  const refuse = refusals(realm, scopes);
  let isFailing = false;

  const outer: App = function bearer(environ, startResponse) {
    const { HTTP_AUTHORIZATION: header = "" } = environ;
    const known = verifier.remembered(header);
    if (known !== undefined) return letIn(known, environ, startResponse);
    if (!/^bearer(?: |$)/i.test(header)) return refuse.missing(environ, startResponse);
    const token = TOKEN.exec(header)?.[1];
    if (token === undefined) return refuse.malformed(environ, startResponse);
    return verifier.verify(token, header).then(
      (good) => {
        isFailing = false;
        return letIn(good, environ, startResponse);
      },
      (error) => failed(error, environ, startResponse),
    );
  };
  return wrapping(outer, app);

  function letIn(verified: Verified, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    if (!verified.isAllowed) return refuse.insufficient(environ, startResponse);
    environ["tsgi.state"][STATE] = verified.claims;
    return app(authenticated(environ, verified.user, "Bearer"), startResponse);
  }

  function failed(error: unknown, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    if (error instanceof Refusal) return refuse.invalid(error.description)(environ, startResponse);
    if (codeOf(error) !== "TSGI_NO_KEYS") throw error;
    if (!isFailing) writeError(environ, error);
    isFailing = true;
    return unavailable(environ, startResponse);
  }
}

/** claimsOf gives what the token of a request says: `claimsOf(environ)?.email`. Undefined outside of `bearer`. They are frozen. */
export function claimsOf(environ: Environ): BearerClaims | undefined {
  return environ["tsgi.state"][STATE] as BearerClaims | undefined;
}

/** `b64token` (RFC 6750 §2.1). */
const TOKEN = /^bearer +([\w.~+/-]{1,8192}=*)$/i;

const unavailable = text("Service Unavailable\n", {
  status: "503 Service Unavailable",
  headers: [["Retry-After", "1"]],
});

/** The responses of RFC 6750 §3.1. */
function refusals(realm: string, scopes: readonly string[]) {
  const refusal = (status: StatusLine, ...parameters: string[]): App => {
    const challenge = [`Bearer realm="${realm}"`, ...parameters].join(", ");
    return text(`${status.slice(4)}\n`, { status, headers: [["WWW-Authenticate", challenge]] });
  };
  return {
    missing: refusal("401 Unauthorized"),
    malformed: refusal("400 Bad Request", 'error="invalid_request"'),
    insufficient: refusal("403 Forbidden", 'error="insufficient_scope"', `scope="${scopes.join(" ")}"`),
    invalid: (description: string): App =>
      refusal("401 Unauthorized", 'error="invalid_token"', `error_description="${description}"`),
  };
}

/** What no option is wrong in by itself. */
function checkTogether({ keys, algorithms, issuer, audience }: BearerOptions): void {
  if ((keys as unknown) === undefined || (algorithms as unknown) === undefined) {
    throw badOption("bearer needs keys and algorithms", 'Say what tokens are signed with: { algorithms: ["RS256"] }.');
  }
  if (areOfIssuer(keys) && (issuer === undefined || audience === undefined)) {
    throw badOption(
      "bearer has keys of an issuer, without an issuer and an audience",
      "Give both: the issuer signs tokens for other services with the same keys.",
    );
  }
  const { type, kty } = keys as { type?: unknown; kty?: unknown };
  const isSecret = keys instanceof Uint8Array || type === "secret" || kty === "oct";
  if (typeof keys !== "function" && isSecret !== SECRET.test(algorithms[0] as string)) {
    const what = isSecret ? "a secret" : isKeySet(keys) ? "public keys" : "a public key";
    throw badOption(
      `bearer has ${what}, and algorithms that need another kind of key`,
      isSecret ? 'Give { algorithms: ["HS256"] }.' : 'Give { algorithms: ["RS256"] }, or whichever the issuer uses.',
    );
  }
}

function badOption(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, { hint });
}
