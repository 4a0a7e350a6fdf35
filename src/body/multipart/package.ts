/** The package `@fastify/busboy`, as much as is used of it: its own types are only there for those who have installed them. */

import { loadPackage } from "../../peer-package.ts";

/** The content of a file: a `Readable` of Node. */
export interface BusboyFile {
  /** What is there; null where nothing is. */
  read(): Uint8Array | null;
  on(event: "limit" | "close" | "end" | "readable", listener: () => void): this;
  on(event: "error", listener: (error: unknown) => void): this;
  off(event: "readable", listener: () => void): this;
  resume(): this;
  destroy(error?: Error): this;
}

interface BusboyEvents {
  file(
    name: string | undefined,
    stream: BusboyFile,
    filename: string | undefined,
    encoding: string,
    mime: string,
  ): void;
  field(
    name: string | undefined,
    value: string,
    isNameCut: boolean,
    isValueCut: boolean,
    encoding: string,
    mime: string,
  ): void;
  filesLimit(): void;
  fieldsLimit(): void;
  partsLimit(): void;
  error(error: Error): void;
  finish(): void;
}

/** The parser: a `Writable` of Node. */
export interface Busboy {
  on<Name extends keyof BusboyEvents>(event: Name, listener: BusboyEvents[Name]): this;
  once(event: "drain", listener: () => void): this;
  write(chunk: Uint8Array): boolean;
  end(): void;
  destroy(): void;
}

interface BusboyConfig {
  readonly headers: { readonly "content-type": string };
  readonly limits: Readonly<Record<string, number>>;
}

/** Throws `TSGI_NO_PACKAGE`. */
export function loadBusboy(): new (config: BusboyConfig) => Busboy {
  const loaded = loadPackage<{ Busboy: new (config: BusboyConfig) => Busboy }>(
    "@fastify/busboy",
    "multipart",
    "@fastify/busboy@3",
  );
  return loaded.Busboy;
}
