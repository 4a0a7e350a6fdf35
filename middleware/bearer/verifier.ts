/** Tokens that are verified once, and remembered until they expire. */

import { BoundedMap } from "../../src/bounded-map.ts";
import { codeOf } from "../../src/errors.ts";
import type { BearerClaims, loadJose, VerifyOptions } from "./package.ts";

/** A token that is good. */
export interface Verified {
  readonly claims: BearerClaims;
  readonly user: string;
  /** Whether it has all scopes that are asked for. */
  readonly isAllowed: boolean;
  /** Until when it is good, and until when it is not verified again, in milliseconds since 1970. */
  readonly until: number;
}

/** Why a token is not. */
export class Refusal extends Error {
  readonly description: string;

  constructor(description: string) {
    super(description);
    this.description = description;
  }
}

/** A token takes one or two KB. */
const REMEMBERED = 1000;

export class Verifier {
  readonly #jose: ReturnType<typeof loadJose>;
  readonly #keys: unknown;
  readonly #options: VerifyOptions;
  readonly #scopes: readonly string[];
  readonly #remember: number;
  readonly #verified: BoundedMap<string, Verified> = new BoundedMap(REMEMBERED);

  constructor(
    jose: ReturnType<typeof loadJose>,
    keys: unknown,
    options: VerifyOptions,
    scopes: readonly string[],
    remember: number,
  ) {
    this.#jose = jose;
    this.#keys = keys;
    this.#options = options;
    this.#scopes = scopes;
    this.#remember = remember;
  }

  /** What is known of a header that had a good token: to find the token in it would cost more than the rest. */
  remembered(header: string): Verified | undefined {
    const known = this.#verified.get(header);
    return known !== undefined && Date.now() < known.until ? known : undefined;
  }

  /** Verifies the token of a header. Rejects with a `Refusal`, or with `TSGI_NO_KEYS`. */
  async verify(token: string, header: string): Promise<Verified> {
    let claims: BearerClaims;
    try {
      claims = await this.#payload(token);
    } catch (error) {
      if (codeOf(error) === "TSGI_NO_KEYS") throw error;
      throw new Refusal(codeOf(error) === "ERR_JWT_EXPIRED" ? "the token has expired" : "the token is not valid here");
    }
    const { sub = "", exp = 0 } = claims;
    // A control character could pass for the end of a line in a log.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
    if (typeof sub !== "string" || /[\x00-\x1f\x7f]/.test(sub)) throw new Refusal("the token is not valid here");
    const granted = scopesOf(claims);
    const now = Date.now();
    const verified: Verified = {
      claims: frozen(claims),
      user: sub,
      isAllowed: this.#scopes.every((scope) => granted.has(scope)),
      until: Math.min((exp + this.#options.clockTolerance) * 1000, now + this.#remember),
    };
    this.#verified.set(header, verified);
    return verified;
  }

  async #payload(token: string): Promise<BearerClaims> {
    try {
      return (await this.#jose.jwtVerify(token, this.#keys, this.#options)).payload;
    } catch (error) {
      if (codeOf(error) !== "ERR_JWKS_MULTIPLE_MATCHING_KEYS") throw error;
      // The token does not say which of them, so that any will do.
      for await (const key of error as AsyncIterable<unknown>) {
        try {
          return (await this.#jose.jwtVerify(token, key, this.#options)).payload;
        } catch (failure) {
          if (codeOf(failure) !== "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") throw failure;
        }
      }
      throw error;
    }
  }
}

/** RFC 8693 §4.2 has `scope`, others `scp`, as a text or a list. */
function scopesOf({ scope, scp }: BearerClaims): ReadonlySet<unknown> {
  const found = scope ?? scp;
  return new Set(typeof found === "string" ? found.split(" ") : Array.isArray(found) ? found : []);
}

/** Requests with the same token have the same claims, which none of them may change for the others. */
function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) {
    for (const each of Object.values(value)) frozen(each);
    Object.freeze(value);
  }
  return value;
}
