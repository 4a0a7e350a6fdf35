/** Functions among the options, whose results are used at once. */

import { TsgiError } from "./errors.ts";
import { isPromise, mayBeDropped } from "./promise.ts";

/**
 * immediate gives a function that does what `call` does, and throws `TSGI_BAD_OPTION` where that returns a promise. Nobody would
 * wait for it: one of false counts as true, one for each client is the same key, and one that rejects ends the process. `name` is
 * what error messages call it: `"allow of metrics"`.
 */
export function immediate<Parameters extends unknown[], Result>(
  name: string,
  call: (...given: Parameters) => Result,
): (...given: Parameters) => Result {
  return (...given) => {
    const result = call(...given);
    if (!isPromise(result)) return result;
    mayBeDropped(result);
    throw new TsgiError("TSGI_BAD_OPTION", `${name} has returned a promise`, {
      hint: "Return a value: have a layer around find out what takes time, and keep that in the environ.",
    });
  };
}
