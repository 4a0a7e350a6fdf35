import { CHUNK, CHUNKS } from "../report.js";

/** The chunks as a web stream, for the Fetch frameworks. */
export function streamed() {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(CHUNK);
      if (++sent === CHUNKS) controller.close();
    },
  });
}
