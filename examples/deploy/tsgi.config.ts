import { defineConfig } from "tsgi";

export default defineConfig({
  app: "site.ts",
  // A new worker, or the code after a reload, has to answer this before it gets requests.
  readyPath: "/healthy",
  // Longer than any balancer keeps an idle connection, so that it is always the balancer that closes it.
  keepAliveTimeout: "75s",
  // How long requests and event streams may go on after the last new connection.
  grace: "20s",
  accessLog: "-",
  accessLogFormat: "json",
});
