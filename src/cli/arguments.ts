/** The command line, taken apart. */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ServeOptions } from "../server/serve.ts";
import { CommandError } from "./command-error.ts";

export const USAGE = `Usage: tsgi <module>[:<export>]          serve an app
       tsgi static [directory]           serve a folder
       tsgi check <module>[:<export>]    run an app through lint

A module is a .js, .mjs or .ts file. Without an export, the one named app
is served, or else the default one.

Options:
  --host <address>     address to listen on        (default 127.0.0.1)
  --port <number>      port, 0 picks a free one    (default 8000)
  --unix <path>        Unix socket to listen on instead
  --tls-key <file>     private key in PEM; with --tls-cert: https
  --tls-cert <file>    certificate in PEM
  --development        show errors in the response
  --verbose            print each exchange as curl -v does
  --version            print the version
  --help               print this
`;

/** What the command is to do. */
export interface Arguments {
  readonly action: "serve" | "static" | "check";
  /** The module with its export, or the folder. */
  readonly target: string;
  readonly options: ServeOptions;
  readonly verbose: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** Takes the command line apart. Throws a `CommandError` that says what is wrong with it. */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parse(args);
  const { help = false, version = false, verbose = false } = values;
  const [first, second] = positionals;
  const action = first === "static" || first === "check" ? first : "serve";
  const target = action === "serve" ? first : second;
  const expected = action === "serve" ? 1 : 2;
  if (positionals.length > expected) {
    throw new CommandError(`${JSON.stringify(positionals[expected])} is one argument too many; see tsgi --help`);
  }
  if (target === undefined && action !== "static" && !help && !version) {
    throw new CommandError("which module? Name one, for example: tsgi site.ts:app (see tsgi --help)");
  }
  return {
    action,
    target: target ?? ".",
    verbose,
    help,
    version,
    options: help || version ? {} : serveOptions(values),
  };
}

type Values = ReturnType<typeof parse>["values"];

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        host: { type: "string" },
        port: { type: "string" },
        unix: { type: "string" },
        "tls-key": { type: "string" },
        "tls-cert": { type: "string" },
        development: { type: "boolean" },
        verbose: { type: "boolean" },
        version: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/);
    throw new CommandError(`${sentence}; see tsgi --help`);
  }
}

function serveOptions(values: Values): ServeOptions {
  const { host, port, unix, development } = values;
  if (unix !== undefined && (host !== undefined || port !== undefined)) {
    throw new CommandError("--unix stands instead of --host and --port; leave those out");
  }
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new CommandError(`--port ${port} is no port; choose 0 to 65535`);
  }
  return { host, port: port === undefined ? undefined : Number(port), unix, development, tls: tlsOptions(values) };
}

function tlsOptions({ "tls-key": key, "tls-cert": cert }: Values): ServeOptions["tls"] {
  if (key === undefined && cert === undefined) return undefined;
  if (key === undefined || cert === undefined) throw new CommandError("https needs both --tls-key and --tls-cert");
  return { key: readPem("--tls-key", key), cert: readPem("--tls-cert", cert) };
}

function readPem(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${flag} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
