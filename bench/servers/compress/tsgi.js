import { serve } from "tsgi";
import { compress, conditional } from "tsgi/middleware";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const wrap = process.argv[2] === "etag" ? conditional : compress;
const app = wrap((environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return BODIES[environ.PATH_INFO];
});
report((await serve(app, { port: 0 })).port);
