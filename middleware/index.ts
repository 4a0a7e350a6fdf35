export { mountTree } from "../src/mount-tree.ts";
export { cascade } from "./cascade.ts";
export { type Dispatcher, dispatcher, type Mounts } from "./dispatcher.ts";
export { type Hosts, hosts } from "./hosts.ts";
export { lint } from "./lint.ts";
export { type Routes, router } from "./router.ts";
export { type ExportSource, type Exports, type StaticFilesOptions, staticFiles } from "./static-files.ts";
export * from "./transform.ts";
