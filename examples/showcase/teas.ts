/** An Express app that knows nothing of this site: its frame, its links and its cache are put around it. */

import express from "express";
import { fromNode, stack } from "tsgi";
import { cache, rewriteHtml, rewriteLinks } from "tsgi/middleware";
import { head, header } from "./layout.ts";

const TEAS = new Map([
  ["sencha", "green, steamed, from Shizuoka"],
  ["assam", "black, strong, good with milk"],
  ["rooibos", "no tea at all, and no caffeine"],
]);

const shop = express();
let made = 0;

shop.use((_request, response, next) => {
  response.set("Cache-Control", "public, max-age=60, stale-while-revalidate=600");
  next();
});
shop.get("/", (_request, response) => {
  const items = [...TEAS.keys()].map((name) => `<li><a href="/leaf/${name}">${name}</a></li>`);
  response.send(document("Teas", `<ul class="entries">${items.join("")}</ul>`));
});
shop.get("/leaf/:name", (request, response, next) => {
  const about = TEAS.get(request.params.name);
  if (about === undefined) next();
  else response.send(document(request.params.name, `<p>${about}</p><p><a href="/">All teas</a></p>`));
});

function document(title: string, content: string): string {
  made++;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><main>
<h1>${title}</h1>${content}
<p class="lead">Express has made ${made} of these pages; <code>cache</code> keeps each for a minute.</p>
<p>It does not know this site: <code>rewriteHtml</code> has put the style sheet and the frame around its pages, and
<code>rewriteLinks</code> has led its links from <code>/leaf</code> below the mount.</p></main></body></html>`;
}

export const teas = stack()
  .use(cache)
  .use(rewriteHtml, {
    head: (element) => element.append(head, { html: true }),
    body: (element) => element.prepend(header, { html: true }),
  })
  .use(rewriteLinks)
  .run(fromNode(shop));
