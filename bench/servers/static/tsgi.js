import { serve } from "tsgi";
import { staticFiles } from "tsgi/middleware";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const plain = [["Content-Type", "text/plain"]];

function hello(_environ, startResponse) {
  startResponse("200 OK", plain);
  return HELLO;
}

const app = staticFiles(hello, { "/": FILES }, { manifest: process.argv[2] === "manifest" });
report((await serve(app, { port: 0 })).port);
