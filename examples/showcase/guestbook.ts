/** A form and what people wrote into it, in memory. It does not know where it is mounted. */

import { type App, escapeHtml, pathTo, redirect, toRequest } from "tsgi";
import { router } from "tsgi/middleware";
import { page } from "./layout.ts";

const LONGEST = 200;
const MOST = 50;

export function guestbook(): App {
  const entries: string[] = ["Welcome! Leave a line above."];

  const show: App = (environ, startResponse) => {
    const items = entries.map((entry) => `<li>${escapeHtml(entry)}</li>`).join("\n");
    const form = `<form method="post" action="${pathTo(environ, "/")}">
<label for="line">Your line</label>
<div class="field"><input id="line" name="line" required maxlength="${LONGEST}" autocomplete="off"><button>Write</button></div>
</form>`;
    const content = `<h1>Guestbook</h1>
<p class="lead">An app of its own, mounted at <code>${environ.SCRIPT_NAME}</code>. Markup that you write comes back as text.</p>
${form}
<ol class="entries" reversed>${items}</ol>`;
    return page("Guestbook", content)(environ, startResponse);
  };

  const add: App = async (environ, startResponse) => {
    const form = await toRequest(environ, { limit: 16_384 }).formData();
    const line = String(form.get("line") ?? "").trim();
    if (line !== "") entries.unshift(line.slice(0, LONGEST));
    entries.length = Math.min(entries.length, MOST);
    return redirect(pathTo(environ, "/"), { status: "303 See Other" })(environ, startResponse);
  };

  const missing = page("Not found", "<h1>No such page in the guestbook</h1>", "404 Not Found");
  return router(missing, { "GET /": show, "POST /": add });
}
