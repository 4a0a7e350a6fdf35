import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, skip } from "../support/browser.ts";
import { root, type Site, startSite } from "../support/session.ts";

let site: Site;
let browser: Browser;
/** What no page may cause: console errors, uncaught exceptions, failed requests. */
const complaints: string[] = [];

before(async () => {
  if (skip !== false) return;
  site = await startSite("examples/showcase/site.ts", root);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.stop();
});

async function open(path: string): Promise<Page> {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    // What leaving the page cuts, the clock's stream or its icon, is the browser's own doing; a server that fails has another text.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${reason}`);
  });
  await page.goto(site.url + path);
  return page;
}

for (const [path, mount] of [
  ["/", "/"],
  ["/guestbook", "/guestbook"],
  ["/clock/", "/clock"],
  ["/teas", "/teas"],
] as const) {
  test(`showcase: ${path} is stamped with the mount that answered`, { skip }, async () => {
    const page = await open(path);
    assert.equal(await page.textContent(".stamp"), `answered by the app at ${mount}, stamped by transform`);
    const current = page.locator(`nav [data-for="${mount}"]`);
    const other = page.locator(`nav a:not([data-for="${mount}"])`).first();
    const background = (element: Element) => getComputedStyle(element).backgroundColor;
    assert.notEqual(await current.evaluate(background), await other.evaluate(background));
    await page.close();
  });
}

test("showcase: the front page shows the composition that serves it", { skip }, async () => {
  const page = await open("/");
  assert.match(
    (await page.textContent("pre")) ?? "",
    /^const mounts = dispatcher\([\s\S]*compress\(conditional\(stamped\)\);$/,
  );
  await page.click(".mounts [href='/guestbook']");
  assert.equal(await page.textContent("h1"), "Guestbook");
  await page.close();
});

test("showcase: markup in the guestbook comes back as text", { skip }, async () => {
  const page = await open("/guestbook");
  const line = "<script>document.title = 'taken'</script>";
  await page.fill("input", line);
  await page.click("button");
  await page.waitForURL("**/guestbook/");
  assert.equal(await page.locator(".entries li").first().textContent(), line);
  assert.equal(await page.title(), "Guestbook · tsgi");
  await page.close();
});

test("showcase: the clock ticks", { skip }, async () => {
  const page = await open("/clock");
  await page.waitForFunction(() => /^\d\d:\d\d:\d\d$/.test(document.querySelector("time")?.textContent ?? ""));
  const shown = await page.textContent("time");
  await page.waitForFunction((before) => document.querySelector("time")?.textContent !== before, shown);
  await page.close();
});

test("showcase: an unknown path is a 404 in the same frame", { skip }, async () => {
  const response = await fetch(`${site.url}/no/such/page`);
  assert.equal(response.status, 404);
  assert.match(await response.text(), /<body data-mount="\/">/);
});

test("showcase: an unknown page of the guestbook is a 404 of its own", { skip }, async () => {
  const response = await fetch(`${site.url}/guestbook/x`);
  assert.equal(response.status, 404);
  assert.match(await response.text(), /<body data-mount="\/guestbook">[\s\S]*<h1>No such page in the guestbook<\/h1>/);
});

for (const width of [320, 360, 387]) {
  for (const path of ["/", "/guestbook", "/clock", "/no/such/page"]) {
    test(`showcase: ${path} does not scroll sideways at ${width} pixels`, { skip }, async () => {
      const page = await browser.newPage({ viewport: { width, height: 700 } });
      await page.goto(site.url + path);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      await page.close();
    });
  }
}

test("showcase: the app of Express is framed, led below its mount, compressed, kept and validated", {
  skip,
}, async () => {
  const page = await open("/teas");
  await page.click("a[href='/teas/leaf/assam']");
  assert.equal(await page.textContent("h1"), "assam");
  assert.equal(await page.textContent("nav [data-for='/clock']"), "Clock");
  const made = await page.textContent(".lead");
  await page.click("main a[href='/teas/']");
  assert.equal(await page.textContent("h1"), "Teas");
  await page.click("a[href='/teas/leaf/assam']");
  assert.equal(await page.textContent(".lead"), made);
  const { headers, status } = await page.evaluate(async () => {
    const first = await fetch("/teas/leaf/assam", { cache: "no-store" });
    const etag = first.headers.get("ETag") ?? "";
    const again = await fetch("/teas/leaf/assam", { cache: "no-store", headers: { "If-None-Match": etag } });
    return { headers: Object.fromEntries(first.headers), status: again.status };
  });
  assert.equal(headers["content-encoding"], "br");
  assert.match(headers["cache-status"] ?? "", /^tsgi; hit; ttl=\d+$/);
  assert.match(headers.etag ?? "", /^W\/"/);
  assert.equal(status, 304);
  await page.close();
});

test("showcase: no page complained", { skip }, () => assert.deepEqual(complaints, []));
