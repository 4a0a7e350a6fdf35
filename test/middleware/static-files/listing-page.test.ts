import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { type FolderEntry, MAX_ENTRIES, readFolder } from "../../../middleware/static-files/folder.ts";
import { LISTING_POLICY, listingJson, listingPage } from "../../../middleware/static-files/listing-page.ts";
import { launch, skip } from "../../support/browser.ts";
import { fileTree, WRITTEN } from "../../support/file-tree.ts";

/** Names that a careless page reads as something else. */
const HOSTILE = [
  "javascript:alert(1)",
  "data:text,<script>alert(1)",
  "a:b",
  "?x",
  "#y",
  "a?b#c",
  "%2e",
  "%2e%2e",
  "%",
  "%41",
  "...",
  "..;",
  "~",
  `"><img src=x onerror=alert(1)>`,
  "' onmouseover='alert(1)",
  "` onmouseover=`alert(1)",
  "<script>alert(1)<",
  "<!--",
  "]]>",
  "&amp;",
  "&lt",
  "<\\title>",
  "line\nbreak",
  "\r\nSet-Cookie: a=b",
  "tab\ttab",
  "\u001b[31m",
  "\u007f\u0085",
  "invoice\u202egnp.exe",
  "\u2066\u2067\u2068",
  "\u2028\u2029",
  "\u200b",
  " leading",
  "trailing ",
  "   ",
  "a  b",
  "\u00a0",
  "+",
  "a&b=c;d,e$f@g!h*(i)",
  "back\\slash",
  "שלום 12.txt",
  "日本語",
  "👩‍👩‍👧‍👦.png",
  "e\u0301",
  "é",
  "x".repeat(255),
  "\ufdd0\u{10ffff}",
];

/** Names that any folder on Linux may have. */
const fileName = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1 }),
    fc.string({ unit: fc.constantFrom(..."<>\"'&;:?#%.\\ \n\u202e\u0000ab2e"), minLength: 1 }),
  )
  .map((name) => name.replace(/[/\0]/g, "_"))
  .filter((name) => name !== "." && name !== ".." && Buffer.byteLength(name) <= 255);

let server: Server;
let browser: Browser;
let origin: string;
/** What the server answers a path with; anything else is the file of the name in `root`. */
const pages = new Map<string, string>();
let root: string;

before(async () => {
  if (skip) return;
  server = createServer(async (request, response) => {
    const url = request.url as string;
    const page = pages.get(url);
    if (page !== undefined) {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.setHeader("Content-Security-Policy", LISTING_POLICY);
      response.end(page);
      return;
    }
    const name = decodeURIComponent(url.slice("/mount/docs/".length).replace(/\/$/, "/inside"));
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(await readFile(join(root, name)).catch(() => "not there"));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** Shows a listing at a path and hands it over; fails on any complaint: errors, dialogs, violations, requests. */
async function show(html: string, use: (page: Page) => Promise<void>, options: BrowserContextOptions = {}) {
  const path = "/mount/docs/";
  pages.set(path, html);
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  const requests: string[] = [];
  page.on("request", (request) => request.url().startsWith("http") && requests.push(request.url()));
  try {
    await page.goto(origin + path);
    assert.deepEqual(requests, [origin + path]);
    await use(page);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

function entry(name: string, isFolder = false): FolderEntry {
  const modified = WRITTEN.getTime();
  return { name, isFolder, size: isFolder ? undefined : Buffer.byteLength(name), modified };
}

/** The links of the table as the browser has resolved them, and as a person reads them. */
async function linksOf(page: Page): Promise<{ url: string; text: string }[]> {
  return await page.$$eval("tbody a", (links) =>
    links.map((link) => ({ url: (link as HTMLAnchorElement).href, text: (link as HTMLElement).innerText })),
  );
}

test("listing page: each link leads to exactly its file, whatever it is called", { skip }, async () => {
  root = await fileTree({});
  for (const [index, name] of HOSTILE.entries()) {
    const isFolder = index % 3 === 0 && Buffer.byteLength(name) < 240;
    if (isFolder) await mkdir(join(root, name));
    await writeFile(isFolder ? join(root, name, "inside") : join(root, name), `this is ${name}`);
  }
  const entries = (await readFolder(
    root,
    () => true,
    async () => true,
  )) as FolderEntry[];
  assert.equal(entries.length, HOSTILE.length);
  await show(listingPage("/mount/docs/", entries, true), async (page) => {
    const links = await linksOf(page);
    assert.equal(links.length, entries.length);
    for (const [index, { url }] of links.entries()) {
      const { name, isFolder } = entries[index] as FolderEntry;
      assert.equal(url.endsWith("/"), isFolder);
      assert.equal(await (await fetch(url)).text(), `this is ${name}`);
    }
  });
});

for (const name of ["javascript:alert(1)", "?x", "#y", "%2e", " leading", `"><img src=x onerror=alert(1)>`]) {
  test(`listing page: a click on ${JSON.stringify(name)} opens it`, { skip }, async () => {
    root = await fileTree({ [name]: "this is it" });
    await show(listingPage("/mount/docs/", [entry(name)], true), async (page) => {
      await page.click("tbody a");
      await page.waitForURL((url) => url.pathname !== "/mount/docs/");
      assert.equal(await page.textContent("body"), "this is it");
    });
  });
}

test("listing page: no name breaks out of its place", { skip }, async () => {
  const structure = "nav,ol,li,main,h1,div,table,caption,thead,tbody,tr,th,td,a,span,bdi,data,time";
  await show("", async (page) => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fileName, { minLength: 20, maxLength: 40 }), async (names) => {
        const entries = names.map((name, index) => entry(name, index % 2 === 0));
        pages.set("/mount/docs/", listingPage("/mount/docs/", entries, false));
        await page.reload();
        const [parent, ...links] = await linksOf(page);
        assert.equal(parent?.url, `${origin}/mount/`);
        const below = `${origin}/mount/docs/`;
        for (const [index, { name, isFolder }] of entries.entries()) {
          const { url, text } = links[index] as { url: string; text: string };
          assert.ok(url.startsWith(below));
          assert.equal(decodeURIComponent(url.slice(below.length)), isFolder ? `${name}/` : name);
          assert.match(text, /[^\s/]/u);
        }
        assert.equal(await page.locator(`body *:not(${structure})`).count(), 0);
        assert.equal(await page.locator("body > *, main > *, .card > *, tbody th > *").count(), 5 + names.length + 1);
      }),
      { numRuns: Number(process.env.RUNS ?? 30) },
    );
  });
});

test("listing page: what cannot be seen is shown by its number", { skip }, async () => {
  const names = ["invoice\u202egnp.exe", "a\nb", " x ", "\u200b", "a  b", "👩‍👩‍👧", "שלום.txt", "\u{e0001}"];
  await show(
    listingPage(
      "/mount/docs/",
      names.map((name) => entry(name)),
      true,
    ),
    async (page) => {
      const shown = (await linksOf(page)).map(({ text }) => text);
      assert.deepEqual(shown, [
        "invoice⟨U+202E⟩gnp.exe",
        "a⟨U+000A⟩b",
        "⟨U+0020⟩x⟨U+0020⟩",
        "⟨U+200B⟩",
        "a  b",
        "👩‍👩‍👧",
        "שלום.txt",
        "⟨U+E0001⟩",
      ]);
    },
  );
});

test("listing page: the path is decoded where it can be, and each parent linked relatively", { skip }, async () => {
  const html = listingPage("/a%20b/%FF/%3Cscript%3E%E2%80%AE/c/", [], false);
  await show(html, async (page) => {
    assert.equal(await page.title(), "Index of /a b/%FF/<script>⟨U+202E⟩/c/");
    assert.equal(await page.textContent("h1"), "c");
    const crumbs = await page.$$eval("nav a", (links) =>
      links.map((link) => [link.textContent, link.getAttribute("href")]),
    );
    assert.deepEqual(crumbs, [
      ["Home", "../../../../"],
      ["a b", "../../../"],
      ["%FF", "../../"],
      ["<script>⟨U+202E⟩", "../"],
    ]);
  });
});

test("listing page: the root of all has no parents", () => {
  const html = listingPage("/", [entry("a.txt")], true);
  assert.match(html, /<title>Index of \/<\/title>/);
  assert.doesNotMatch(html, /<nav|\.\.\//);
});

test("listing page: an exported folder below others links them above, and has no parent folder", () => {
  const html = listingPage("/docs/", [entry("a.txt")], true);
  assert.match(html, /<nav aria-label="Breadcrumb"><ol><li><a href="\.\.\/"><bdi>Home<\/bdi><\/a><\/ol><\/nav>/);
  assert.doesNotMatch(html, /Parent folder/);
});

test("listing page: a row has the size and the time, for people and exactly", () => {
  const html = listingPage("/", [{ ...entry("a.txt"), size: 1_234_567 }], true);
  const row = `<tr><th scope="row"><a class="link" href="./a.txt"><span><bdi>a.txt</bdi></span></a>\
<td><data value="1234567" title="1,234,567 bytes">1.2 MB</data>\
<td><time datetime="2024-05-06T07:08:09.000Z">2024-05-06<span class="wide"> 07:08</span></time>`;
  assert.ok(html.includes(row));
  assert.ok(html.includes("<caption>1 file</caption>"));
});

for (const [size, text] of [
  [0, `title="0 bytes">0 B<`],
  [1, `title="1 byte">1 B<`],
  [999, ">999 B<"],
  [1000, ">1.0 kB<"],
  [9949, ">9.9 kB<"],
  [9950, ">10 kB<"],
  [999_499, ">999 kB<"],
  [999_500, ">1.0 MB<"],
  [1_500_000_000, ">1.5 GB<"],
  [Number.MAX_SAFE_INTEGER, ">9.0 PB<"],
  [1e19, ">10000 PB<"],
] as const) {
  test(`listing page: ${size} bytes`, () => {
    const html = listingPage("/", [{ ...entry("a"), size }], true);
    assert.ok(html.includes(text), /<data.*<\/data>/.exec(html)?.[0]);
  });
}

test("listing page: the time of a year beyond 9999 is whole", () => {
  const html = listingPage("/", [{ ...entry("a"), modified: 8.64e15 }], true);
  assert.match(html, /<time datetime="\+275760-09-13T00:00:00.000Z">\+275760-09-13<span class="wide"> 00:00</);
});

test("listing page: without sizes and times it has no columns for them", () => {
  const html = listingPage("/", [{ ...entry("a"), size: undefined, modified: undefined }], false);
  assert.match(html, /<thead><tr><th scope="col">Name\n/);
  assert.doesNotMatch(html, /<td/);
});

test("listing page: an empty folder says so", () => {
  assert.match(
    listingPage("/a/", [], false),
    /href="\.\.\/"><span>Parent folder<\/span><\/a>\n<p class="note">This folder is empty\./,
  );
});

test("listing page: too many entries are cut, and it says so", () => {
  const entries = Array.from({ length: MAX_ENTRIES + 1 }, (_, index) => entry(String(index)));
  const html = listingPage("/", entries, true);
  assert.equal(html.match(/<tr>/g)?.length, MAX_ENTRIES + 1);
  assert.ok(html.includes("<caption>10,000 files; more entries are not listed</caption>"));
  assert.doesNotMatch(listingPage("/", entries.slice(1), true), /there are more/);
});

test("listing page: the policy allows its style and nothing else", () => {
  const style = /<style>(.*?)<\/style>/s.exec(listingPage("/", [], true))?.[1] as string;
  const hash = createHash("sha256").update(style).digest("base64");
  assert.equal(
    LISTING_POLICY,
    `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
  );
});

const SAMPLE = [entry("sub", true), ...HOSTILE.map((name) => entry(name)), { ...entry("big"), size: 123_456_789_012 }];

test("listing page: it has landmarks, one heading and a table that can be read aloud", { skip }, async () => {
  await show(listingPage("/mount/docs/", SAMPLE, false), async (page) => {
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.equal(await page.getByRole("navigation", { name: "Breadcrumb" }).count(), 1);
    assert.deepEqual(await page.getByRole("main").getByRole("heading").allTextContents(), ["docs"]);
    const table = page.getByRole("table", { name: `1 folder, ${SAMPLE.length - 1} files` });
    assert.deepEqual(await table.getByRole("columnheader").allTextContents(), ["Name", "Size", "Modified (UTC)\n"]);
    assert.equal(await table.getByRole("rowheader").count(), SAMPLE.length + 1);
    assert.equal(await table.getByRole("link", { name: "sub/", exact: true }).count(), 1);
  });
});

/** By what a colour differs from another (WCAG 2.2, relative luminance). */
function contrast(...colors: string[]): number {
  const [dark = 0, light = 0] = colors.map(luminance).sort((one, other) => one - other);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`listing page: text can be told from its background in ${colorScheme}`, { skip }, async () => {
    await show(
      listingPage("/mount/docs/", SAMPLE.slice(0, 9), false),
      async (page) => {
        for (const hovered of ["h1", "tbody tr:nth-child(3) a", "nav a"]) {
          await page.hover(hovered);
          const colors = await page.$$eval("h1, nav a, caption, th, td, a span, time, data", (elements) =>
            elements.map((element) => {
              let behind: Element = element;
              while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
                behind = behind.parentElement as Element;
              return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor] as const;
            }),
          );
          for (const pair of colors) assert.ok(contrast(...pair) >= 4.5, `${hovered}: ${pair.join(" on ")}`);
        }
      },
      { colorScheme },
    );
  });
}

for (const width of [320, 390, 1100]) {
  test(`listing page: nothing is cut off where it is ${width} px wide`, { skip }, async () => {
    await show(
      listingPage(`/mount/${"y".repeat(200)}/docs/`, SAMPLE, false),
      async (page) => {
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
        const rights = await page.$$eval(".card *", (elements) =>
          elements.map((each) => each.getBoundingClientRect().right),
        );
        assert.ok(Math.max(...rights) <= width);
        assert.ok(((await page.locator("tbody a").first().boundingBox())?.height as number) >= 44);
      },
      { viewport: { width, height: 800 } },
    );
  });
}

test("listing page: where the keyboard is can be seen", { skip }, async () => {
  await show(listingPage("/mount/docs/", SAMPLE, false), async (page) => {
    for (const selector of ["nav a", "tbody a"]) {
      while (!(await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector))) {
        await page.keyboard.press("Tab");
      }
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle),
        "solid",
      );
    }
  });
});

test("listing json: entries with their links, kinds, sizes and times", () => {
  const entries = [entry("sub", true), entry("a b?.txt"), { ...entry("c"), size: undefined, modified: undefined }];
  assert.deepEqual(JSON.parse(listingJson("/do%20cs/", entries)), {
    path: "/do%20cs/",
    entries: [
      { name: "sub", url: "./sub/", type: "folder", modified: "2024-05-06T07:08:09.000Z" },
      { name: "a b?.txt", url: "./a%20b%3F.txt", type: "file", size: 8, modified: "2024-05-06T07:08:09.000Z" },
      { name: "c", url: "./c", type: "file" },
    ],
  });
});

test("listing json: too many entries are cut, and it says so", () => {
  const entries = Array.from({ length: MAX_ENTRIES + 1 }, (_, index) => entry(String(index)));
  const { entries: listed, truncated } = JSON.parse(listingJson("/", entries));
  assert.deepEqual([listed.length, truncated], [MAX_ENTRIES, true]);
});

test("listing json: every name comes back as it is, and its link leads to it", () => {
  fc.assert(
    fc.property(fileName, (name) => {
      const [{ name: listed, url }] = JSON.parse(listingJson("/mount/", [entry(name)])).entries;
      assert.equal(listed, name);
      const { origin, pathname, search, hash } = new URL(url, "http://host/mount/");
      assert.deepEqual([origin, decodeURIComponent(pathname), search, hash], ["http://host", `/mount/${name}`, "", ""]);
    }),
  );
});
