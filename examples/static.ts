// Files beside an app: what is not there goes to the app.
// $ npx tsgi examples/static.ts
// $ curl http://127.0.0.1:8000/files/hello.txt
// A file from the folder.
// $ curl --range 2-5 http://127.0.0.1:8000/files/hello.txt
// file
// $ curl http://127.0.0.1:8000/files/missing.txt
// The app was asked for /files/missing.txt

import { fileURLToPath } from "node:url";
import type { App } from "tsgi";
import { staticFiles } from "tsgi/middleware";

const fallback: App = (environ, startResponse) => {
  startResponse("404 Not Found", [["Content-Type", "text/plain; charset=utf-8"]]);
  return `The app was asked for ${environ.PATH_INFO}\n`;
};

// A path is relative to the working directory; one beside this file needs its URL.
const folder = fileURLToPath(new URL("public", import.meta.url));

export const app = staticFiles(fallback, { "/files": folder }, { maxAge: 3_600_000 });
