/** The stamp on every page: an inner layer says who answers, the outermost one writes it down. */

import { type App, type Environ, escapeHtml } from "tsgi";

/** Leaves the mount of the app where every layer of the request can read it. */
export function signed(app: App): App {
  return function signed(environ, startResponse) {
    environ["tsgi.state"].mount = environ.SCRIPT_NAME || "/";
    return app(environ, startResponse);
  };
}

/** Writes the mount that answered into a page: as a line for people, as an attribute for the style sheet. */
export function stamp(page: string, environ: Environ): string {
  const mount = escapeHtml(String(environ["tsgi.state"].mount ?? "nobody"));
  const line = `<p class="stamp" role="status">answered by the app at <code>${mount}</code>, stamped by <code>transform</code></p>`;
  return page.replace("<body>", `<body data-mount="${mount}">`).replace("</body>", `${line}</body>`);
}
