/** The versions of Node that are installed beside the one that runs the tests: `.ci/run` installs them. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./session.ts";

/** A program of Node. */
export interface NodeVersion {
  readonly name: string;
  readonly node: string;
  /** Whether it runs TypeScript by itself. */
  readonly stripsTypes: boolean;
}

const own: NodeVersion = {
  name: `Node ${process.versions.node.split(".", 1)}`,
  node: process.execPath,
  stripsTypes: Boolean((process.features as { typescript?: unknown }).typescript),
};

const others: NodeVersion[] = [22, 24, 26]
  .map((version) => ({
    name: `Node ${version}`,
    node: join(root, `node_modules/node-${version}/bin/node`),
    stripsTypes: true,
  }))
  .filter(({ name, node }) => name !== own.name && existsSync(node));

export const nodeVersions: readonly NodeVersion[] = [own, ...others];
