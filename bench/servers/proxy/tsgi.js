import Module from "node:module";
import { serve } from "tsgi";
import { proxy } from "tsgi/middleware";
import { report } from "../report.js";
import { leftOut, upstream } from "./upstream.js";

const isHttp2 = process.argv[2] === "http2";
const [major, minor] = process.versions.node.split(".").map(Number);
if (isHttp2) {
  if (major < 22 || (major === 22 && minor < 19)) await leftOut("undici 8 needs Node 22.19");
  // `.ci/run` installs undici 8 beside 7 under this name.
  const load = Module._load;
  Module._load = (name, ...rest) => load(name.replace(/^undici(?=\/|$)/, "undici-8"), ...rest);
}
const app = proxy(`http://127.0.0.1:${await upstream(isHttp2)}`, isHttp2 ? { http2: "h2c" } : {});
report((await serve(app, { port: 0 })).port);
