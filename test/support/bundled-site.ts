/** The sources of a site for bundlers: two entries, a hundred pages that are loaded when they are needed, styles, images and fonts. */

import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { Random } from "./random.ts";

export const ENTRIES: readonly string[] = ["main", "admin"];

/** Words as modules are called; some are as long as a hash, have capitals inside, or end in a digit. */
const PAGES = `about account archive article basket billing calendar careers catalog changelog charts checkout comments
company contact dashboard delivery documents downloads editor events examples explore favourites features feedback files
gallery glossary groups help history home imprint inbox invoices jobs language library locations login logout maps members
messages newsletter notes notifications offers orders partners password payments people photos plans preferences press
pricing privacy products profile projects questions register releases reports returns reviews roadmap sales schedule search
security services settings shipping signup sitemap stores stories subscriptions support tags tasks teams terms themes
tickets timeline tools tour tracking translations upload users videos wallet welcome wishlist workspace data-table
date-picker media-player order-overview user-settings AuditLog DataGrid DatePicker Html5Player OAuth2Login PieChart
SqlEditor UserMenu Version2`.split(/\s+/);

const IMAGES = ["banner", "logo", "map"];
const FONTS = ["text", "title"];

/** What Vite copies as it is. */
const COPIED = ["public/apple-touch-icon.png", "public/favicon.ico", "public/robots.txt", "public/sw.js"];

/** The only files of a build that may have no hash. */
export const KEPT_NAMES: ReadonlySet<string> = new Set([
  ...COPIED.map((file) => file.slice("public".length)),
  ...ENTRIES.map((entry) => `/${entry}.html`),
]);

/** Writes it into a folder that is removed after the tests. Each seed gives the same names, and other content. */
export async function bundledSite(seed: number): Promise<string> {
  const root = await mkdtemp(join(await realpath(tmpdir()), "tsgi-site-"));
  after(() => rm(root, { recursive: true, force: true }));
  for (const [name, content] of sources(new Random(seed))) {
    await mkdir(join(root, dirname(name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

function* sources(random: Random): Iterable<[string, string | Uint8Array]> {
  const word = () => random.next().toString(36).slice(2);
  const numbers = (end: number) => Array.from({ length: 32 }, () => random.below(end));
  yield ["package.json", `{ "private": true }`];
  for (const page of PAGES) {
    yield [
      `src/pages/${page}.js`,
      `import "./${page}.css";\nexport default (root) => root.classList.replace("${page}", "${word()}");\n`,
    ];
    yield [`src/pages/${page}.css`, `.${page}::after { content: "${word()}"; }\n`];
  }
  for (const image of IMAGES) {
    const path = `<path d="M0 0L${numbers(100).join(" ")}"/>`;
    yield [`src/${image}.svg`, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">${path}</svg>`];
  }
  for (const font of FONTS) yield [`src/${font}.woff2`, Uint8Array.from(numbers(256))];
  const fonts = FONTS.map((font) => `@font-face { font-family: ${font}; src: url("./${font}.woff2"); }`);
  yield ["src/main.css", `${fonts.join("\n")}\nbody { background: url("./logo.svg"); content: "${word()}"; }\n`];
  yield ["src/admin.css", `body { content: "${word()}"; }\n`];
  const pages = PAGES.map((page) => `  "${page}": () => import("./pages/${page}.js"),`);
  const images = IMAGES.map((image) => `new URL("./${image}.svg", import.meta.url).href`);
  yield [
    "src/main.js",
    `import "./main.css";
const pages = {
${pages.join("\n")}
};
document.title = [${images.join(", ")}, "${word()}"];
pages[location.hash]().then((page) => page.default(document.body));
`,
  ];
  yield [
    "src/admin.js",
    `import "./admin.css";\nimport("./pages/users.js").then((page) => page.default("${word()}"));\n`,
  ];
  for (const entry of ENTRIES) {
    yield [
      `${entry}.html`,
      `<!doctype html><title>${word()}</title><script type="module" src="./src/${entry}.js"></script>`,
    ];
  }
  for (const file of COPIED) yield [file, word()];
}
