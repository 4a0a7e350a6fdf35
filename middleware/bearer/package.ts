/** The package `jose`, as much as is used of it: its own types are only there for those who have installed them. */

import { loadPackage } from "../../src/peer-package.ts";

/** What a token says, by the names of RFC 7519 and those of its issuer. */
export interface BearerClaims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly [claim: string]: unknown;
}

/** Public keys as JSON (RFC 7517 §5). */
export interface KeySet {
  readonly keys: readonly object[];
}

/** Finds the key of a token by its header. */
// biome-ignore lint/suspicious/noExplicitAny: the types of the package.
export type KeyFinder = (header: any, token: any) => Promise<any>;

/** What a token has to be. */
export interface VerifyOptions {
  readonly algorithms: string[];
  readonly issuer?: string[];
  readonly audience?: string[];
  readonly typ?: string;
  readonly clockTolerance: number;
  readonly requiredClaims: string[];
}

interface JosePackage {
  jwtVerify(token: string, key: unknown, options: VerifyOptions): Promise<{ payload: BearerClaims }>;
  /** The name of the option that fetches in place of `fetch`. */
  readonly customFetch: symbol;
  createRemoteJWKSet(url: URL, options: { timeoutDuration: number; [customFetch: symbol]: unknown }): KeyFinder;
  createLocalJWKSet(keys: KeySet): KeyFinder;
}

/** Throws `TSGI_NO_PACKAGE`. */
export function loadJose(): JosePackage {
  return loadPackage<JosePackage>("jose", "bearer", "jose@6");
}
