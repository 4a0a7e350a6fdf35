import { startProgram, whyNot } from "../programs.js";
import { report } from "../report.js";
import { leftOut, upstream } from "./upstream.js";

const why = whyNot("haproxy");
if (why !== undefined) await leftOut(why);
const target = await upstream();
const configurationFor = (port) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option forwardfor
frontend clients
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server app 127.0.0.1:${target}
`;
const { port, cpuTime } = await startProgram("haproxy", configurationFor, (file) => ["-db", "-f", file]);
report(port, cpuTime);
