/** An API: notes, in memory. It does not know where it is mounted. */

import { type App, json, notFound, pathTo, readJson } from "tsgi";
import { router } from "tsgi/middleware";

interface Note {
  readonly id: number;
  readonly text: string;
}

const LONGEST = 200;
const MOST = 100;

export function notes(): App {
  const list: Note[] = [];
  let last = 0;

  return router(notFound, {
    "GET /": (environ, startResponse) => json(list)(environ, startResponse),

    // What is not JSON is answered with 400, what is too large with 413.
    "POST /": async (environ, startResponse) => {
      const text = textOf(await readJson(environ));
      if (text === undefined) {
        return json({ error: `give a text of 1 to ${LONGEST} characters` }, { status: "422 Unprocessable Content" })(
          environ,
          startResponse,
        );
      }
      const note = { id: ++last, text };
      list.push(note);
      if (list.length > MOST) list.shift();
      return json(note, { status: "201 Created", headers: [["Location", pathTo(environ, `/${note.id}`)]] })(
        environ,
        startResponse,
      );
    },

    // The parameters of a route are typed: `id` is a string.
    "GET /:id": (environ, startResponse) => {
      const { id } = environ["tsgi.params"];
      const note = list.find((each) => String(each.id) === id);
      return (note === undefined ? notFound : json(note))(environ, startResponse);
    },
  });
}

/** What a client sends may be anything. */
function textOf(sent: unknown): string | undefined {
  const text = typeof sent === "object" && sent !== null && "text" in sent ? sent.text : undefined;
  return typeof text === "string" && text.length > 0 && text.length <= LONGEST ? text : undefined;
}
