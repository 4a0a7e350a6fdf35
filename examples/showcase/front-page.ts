/** The front page: explains the composition that serves it. */

import { type App, escapeHtml } from "tsgi";
import { page } from "./layout.ts";

/** `source` is the module that composes the site; the page shows its last part, so the two cannot drift apart. */
export function frontPage(source: string): App {
  const composition = source.slice(source.indexOf("const mounts"), source.length).trim();
  const overview = page("Overview", content(composition));
  const nothing = "<h1>Nothing here</h1><p>No mount takes this path, and there is no such file.</p>";
  const missing = page("Not found", nothing, "404 Not Found");
  return function frontPage(environ, startResponse) {
    return (environ.PATH_INFO === "/" ? overview : missing)(environ, startResponse);
  };
}

function content(composition: string): string {
  return `<h1>One signature, all the way down</h1>
<p class="lead">This site is a few layers around a file server around a dispatcher around four apps, one of them of Express.
Each of them is the same callable: <code class="whole">app(environ, startResponse) → body</code>.</p>

<section class="stack" aria-labelledby="path">
<h2 id="path">The way of a request</h2>
<div class="layer"><h3>compress, conditional</h3><p>send less: Brotli or gzip, and 304 for what you have already</p>
<div class="layer"><h3>transform</h3><p>stamps every HTML page with the mount that answered</p>
<div class="layer"><h3>staticFiles</h3><p>answers <a href="/static/logo.svg"><code>/static</code></a> from a folder, passes the rest on</p>
<div class="layer"><h3>dispatcher</h3><p>chooses by the longest prefix</p>
<div class="mounts">
<a class="mount" href="/" data-for="/"><code>/</code><span>this page</span></a>
<a class="mount" href="/guestbook" data-for="/guestbook"><code>/guestbook</code><span>a form and its entries</span></a>
<a class="mount" href="/clock" data-for="/clock"><code>/clock</code><span>a stream that never ends</span></a>
<a class="mount" href="/teas" data-for="/teas"><code>/teas</code><span>Express, cached and framed</span></a>
</div></div></div></div></div>
</section>

<section aria-labelledby="source">
<h2 id="source">The same in code</h2>
<pre tabindex="0"><code>${escapeHtml(composition)}</code></pre>
<p>That is the end of <code>examples/showcase/site.ts</code>, the module that serves this page.</p>
</section>`;
}
