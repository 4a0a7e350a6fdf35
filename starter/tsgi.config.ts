import { defineConfig } from "tsgi";

/** What `tsgi` does here; `npx tsgi config` lists all settings, `npx tsgi --help` the flags. */
export default defineConfig({
  app: "site.ts",
  accessLog: "-",
});
