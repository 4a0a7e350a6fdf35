/** What the proxies ask: an nginx of their own on the second core, beside the load. */

import { startNginx, whyNot } from "../programs.js";
import { skip } from "../report.js";
import { FILES } from "../static/files.js";

/** Its port; the process ends where there is none. With `isHttp2` it speaks HTTP/2 from the first byte on. */
export async function upstream(isHttp2 = false) {
  const why = whyNot("nginx");
  if (why !== undefined) return leftOut(why);
  const listen = `listen 127.0.0.1:$PORT${isHttp2 ? " http2" : ""}; root "${FILES}";`;
  return (await startNginx(listen, "open_file_cache max=1000;", 1)).port;
}

/** Ends the process, which cannot be measured here. */
export function leftOut(why) {
  skip(why);
  return new Promise(() => {});
}

/** A package that is installed for this benchmark alone. */
export async function peer(name) {
  try {
    return await import(name);
  } catch {
    return leftOut(`needs npm install --no-save ${name}`);
  }
}
