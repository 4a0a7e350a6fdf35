// Responses reworked on their way out.
// $ npx tsgi examples/transform.ts
// $ curl http://127.0.0.1:8000/
// <h1>Hello, world</h1><footer>served by tsgi</footer>
// $ curl --head http://127.0.0.1:8000/ --output /dev/null --write-out "%{header_json}" | grep -o nosniff
// nosniff

import { html } from "tsgi";
import { type Change, mapDocument, transform } from "tsgi/middleware";

/** A change gets the response as a value and gives back the one to send. */
const secured: Change = ({ status, headers, body }) => {
  return { status, headers: [...headers, ["X-Content-Type-Options", "nosniff"]], body };
};

const page = html("<h1>Hello, world</h1>");
const signed = transform(
  page,
  mapDocument("text/html", (text) => `${text}<footer>served by tsgi</footer>\n`),
);

export const app = transform(signed, secured);
