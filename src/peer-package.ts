/** Packages that only some need: peers of tsgi, loaded when what needs one is built. */

import { codeOf, TsgiError } from "./errors.ts";

/**
 * loadPackage gives what a package exports to `require`. `owner` is what needs it, `install` what npm is told to install.
 * Throws `TSGI_NO_PACKAGE` where it is not installed, and where this runtime cannot load one synchronously.
 */
export function loadPackage<Exports>(name: string, owner: string, install: string): Exports {
  const { createRequire } = globalThis.process?.getBuiltinModule?.("module") ?? {};
  if (createRequire === undefined) {
    throw new TsgiError("TSGI_NO_PACKAGE", `${owner} cannot load the package ${name} on this runtime`, {
      hint: "Use Node 20.19 or later, Bun or Deno.",
    });
  }
  try {
    return createRequire(import.meta.url)(name) as Exports;
  } catch (error) {
    if (codeOf(error) !== "MODULE_NOT_FOUND") throw error;
    throw new TsgiError("TSGI_NO_PACKAGE", `${owner} needs the package ${name}`, {
      hint: `Install it: npm install ${install}`,
      cause: error,
    });
  }
}
