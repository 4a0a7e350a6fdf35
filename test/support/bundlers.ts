/** Builds of a site for production, source maps included. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Plugin, rollup } from "@rollup/wasm-node";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";
import { ENTRIES } from "./bundled-site.ts";
import { root } from "./session.ts";

export interface Bundler {
  /** The folder of a package that is no dependency, as it brings a hundred others: `.ci/run` installs it. */
  readonly requires?: string;
  /** Whether `build` can leave them out. */
  readonly canOmitHashes: boolean;
  /** Names are the default ones, except of entries, which get hashes as the manual advises. Or no name has a hash. */
  build(site: string, to: string, isHashed: boolean): Promise<void>;
}

export const BUNDLERS: Readonly<Record<string, Bundler>> = {
  Vite: {
    canOmitHashes: true,
    async build(site, to, isHashed) {
      const plain = {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      };
      await vite({
        root: site,
        configFile: false,
        logLevel: "error",
        build: {
          outDir: to,
          sourcemap: true,
          assetsInlineLimit: 0,
          rolldownOptions: {
            input: ENTRIES.map((entry) => join(site, `${entry}.html`)),
            output: isHashed ? {} : plain,
          },
        },
      });
    },
  },
  Rollup: {
    canOmitHashes: true,
    async build(site, to, isHashed) {
      const bundle = await rollup({ input: inputsOf(site), plugins: [emitAssets] });
      await bundle.write({
        dir: to,
        sourcemap: true,
        ...(isHashed
          ? { entryFileNames: "[name]-[hash].js" }
          : { chunkFileNames: "[name].js", assetFileNames: "assets/[name][extname]" }),
      });
      await bundle.close();
    },
  },
  esbuild: {
    canOmitHashes: true,
    async build(site, to, isHashed) {
      await esbuild({
        entryPoints: inputsOf(site),
        outdir: to,
        bundle: true,
        minify: true,
        splitting: true,
        format: "esm",
        sourcemap: true,
        loader: { ".svg": "file", ".woff2": "file" },
        logLevel: "error",
        ...(isHashed ? { entryNames: "[name]-[hash]" } : { chunkNames: "[name]", assetNames: "[name]" }),
      });
    },
  },
  webpack: { canOmitHashes: false, build: (site, to) => pack(site, to, "[contenthash]") },
  "webpack with short hashes": { canOmitHashes: false, build: (site, to) => pack(site, to, "[contenthash:8]") },
  Parcel: {
    requires: "node_modules/parcel",
    canOmitHashes: false,
    async build(site, to) {
      const pages = ENTRIES.map((entry) => `${entry}.html`);
      await promisify(execFile)(
        process.execPath,
        [join(root, "node_modules/parcel/lib/bin.js"), "build", ...pages, "--dist-dir", to, "--no-cache"],
        { cwd: site, env: { ...process.env, PARCEL_WORKERS: "0" }, timeout: 120_000 },
      );
    },
  },
};

/** Why a bundler cannot be tested here. */
export function missing({ requires }: Bundler): string | false {
  return requires !== undefined && !existsSync(join(root, requires)) && `${requires} is not installed; .ci/run does so`;
}

function inputsOf(site: string): Record<string, string> {
  return Object.fromEntries(ENTRIES.map((entry) => [entry, join(site, "src", `${entry}.js`)]));
}

/** Rollup knows modules only; the rest is up to plugins, which do as its manual shows. */
const emitAssets: Plugin = {
  name: "emit-assets",
  async transform(code, file) {
    if (file.endsWith(".css")) {
      this.emitFile({ type: "asset", name: basename(file), source: code });
      return { code: "", map: { mappings: "" }, moduleSideEffects: true };
    }
    let changed = code;
    for (const [url, name = ""] of code.matchAll(/new URL\("(.+?)", import\.meta\.url\)\.href/g)) {
      const source = await readFile(join(dirname(file), name));
      const reference = this.emitFile({ type: "asset", name: basename(name), source });
      changed = changed.replace(url, `import.meta.ROLLUP_FILE_URL_${reference}`);
    }
    return changed === code ? null : { code: changed, map: { mappings: "" } };
  },
};

async function pack(site: string, to: string, hash: string): Promise<void> {
  const compiler = webpack({
    mode: "production",
    context: site,
    entry: inputsOf(site),
    devtool: "source-map",
    experiments: { css: true },
    // Takes half of the time, and names are made as without.
    optimization: { minimize: false },
    output: {
      path: to,
      filename: `[name].${hash}.js`,
      cssFilename: `[name].${hash}.css`,
    },
  });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  if (stats?.hasErrors()) throw new Error(stats.toString("errors-only"));
}
