import { serve } from "tsgi";
import { compress, conditional } from "tsgi/middleware";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const [, , kind] = process.argv;
const inner = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return BODIES[environ.PATH_INFO];
};
// At the levels of the others.
const sameLevels = { levels: { br: 4, gzip: 6 } };
const app = kind === "etag" ? conditional(inner) : compress(inner, kind === "same" ? sameLevels : {});
report((await serve(app, { port: 0 })).port);
