/**
 * The showcase: four apps, one of them of Express, a folder and a transformer, composed. Run it: npm start
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compress, conditional, dispatcher, mapDocument, staticFiles, transform } from "tsgi/middleware";
import { clock } from "./clock.ts";
import { frontPage } from "./front-page.ts";
import { guestbook } from "./guestbook.ts";
import { signed, stamp } from "./stamp.ts";
import { teas } from "./teas.ts";

const folder = fileURLToPath(new URL("static", import.meta.url));
const source = readFileSync(new URL(import.meta.url), "utf8");

// What the front page shows begins here.
const mounts = dispatcher(signed(frontPage(source)), {
  "/guestbook": signed(guestbook()),
  "/clock": signed(clock),
  "/teas": signed(teas),
});
const files = staticFiles(mounts, { "/static": folder });
const stamped = transform(files, mapDocument("text/html", stamp));
export const app = compress(conditional(stamped));
