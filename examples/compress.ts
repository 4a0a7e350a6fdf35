// A site in fewer bytes: compressed both ways, not sent again to who has it, and in parts.
// $ npx tsgi examples/compress.ts
// $ curl --header "Accept-Encoding: br" --output /dev/null --write-out "%header{content-encoding}" http://127.0.0.1:8000/items
// br
// $ curl --header "If-None-Match: *" --output /dev/null --write-out "%{http_code}" http://127.0.0.1:8000/items
// 304
// $ curl --range 0-9 http://127.0.0.1:8000/items
// [{"id":1,"
// $ curl --compressed --no-buffer http://127.0.0.1:8000/slow
// one
// two
// three
// $ printf hello | gzip | curl --silent --data-binary @- --header "Content-Encoding: gzip" http://127.0.0.1:8000/length
// 5

import { setTimeout } from "node:timers/promises";
import { type App, json, notFound, readBytes, text } from "tsgi";
import { compress, conditional, decompress, range, router } from "tsgi/middleware";

/** Each line shows at once, though it is compressed. */
const slow: App = async function* (_environ, startResponse) {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  for (const line of ["one", "two", "three"]) {
    yield `${line}\n`;
    await setTimeout(100);
  }
};

const length: App = async (environ, startResponse) => {
  const { byteLength } = await readBytes(environ);
  return text(`${byteLength}\n`)(environ, startResponse);
};

const items = json(Array.from({ length: 100 }, (_, index) => ({ id: index + 1, name: `item ${index + 1}` })));

const site = router(notFound, { "/items": items, "/slow": slow, "POST /length": length });

export const app = compress(range(conditional(decompress(site))));
