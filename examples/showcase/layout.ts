/** The frame that the pages of the showcase share. */

import { type App, html, type StatusLine } from "tsgi";

/** What belongs into the head of each page. */
export const head = `<link rel="stylesheet" href="/static/style.css">
<link rel="icon" href="/static/logo.svg" type="image/svg+xml">`;

/** What each page begins with. */
export const header = `<header>
<a class="brand" href="/"><img src="/static/logo.svg" alt="" width="32" height="32">tsgi</a>
<nav aria-label="Mounts">
<a href="/" data-for="/">Overview</a>
<a href="/guestbook" data-for="/guestbook">Guestbook</a>
<a href="/clock" data-for="/clock">Clock</a>
<a href="/teas" data-for="/teas">Teas</a>
</nav>
</header>`;

/** A page as an app. `content` is HTML already. */
export function page(title: string, content: string, status: StatusLine = "200 OK"): App {
  const text = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · tsgi</title>
${head}
</head>
<body>
${header}
<main>
${content}
</main>
</body>
</html>
`;
  return html(text, { status });
}
