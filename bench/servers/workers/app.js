import { HELLO } from "../report.js";

const plain = [["Content-Type", "text/plain"]];

export function app(_environ, startResponse) {
  startResponse("200 OK", plain);
  return HELLO;
}
