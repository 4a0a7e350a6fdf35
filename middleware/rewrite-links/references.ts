/** References in pages and headers: where they stand, and those of an app that does not know its mount. */

import type { Environ, HeaderList } from "../../src/gateway.ts";

/** Gives the reference to send in place of one; undefined leaves it. */
export type MapReference = (reference: string) => string | undefined;

/** belowMount gives a reference to a path of this server as one below the mount; undefined where it is that already, or is another. */
export function belowMount(reference: string, environ: Environ): string | undefined {
  // What browsers skip (URL Standard §4.4); they read "\" as "/", so that "/\" begins a host.
  const url = reference.replace(/^[\0-\x20]+/, "");
  const own = `${environ["tsgi.url_scheme"]}://${environ.HTTP_HOST ?? ""}`;
  const isOwn =
    url.slice(0, own.length).toLowerCase() === own.toLowerCase() && /^(?:[/?#]|$)/.test(url.slice(own.length));
  const path = isOwn ? url.slice(own.length) : url;
  if (!/^\/(?![/\\])/.test(path))
    return isOwn && !path.startsWith("/") ? `${own}${mountOf(environ)}/${path}` : undefined;
  const [bare = ""] = path.split(/[?#]/, 1);
  const mount = mountOf(environ);
  if (bare === mount || bare.startsWith(`${mount}/`)) return undefined;
  return `${isOwn ? own : ""}${mount}${path}`;
}

/** The mount, as it may stand between quotes. */
function mountOf({ SCRIPT_NAME }: Environ): string {
  return SCRIPT_NAME.replaceAll("'", "%27");
}

/** mapSources maps the references of a `srcset` (HTML Standard §4.8.4.2.1). */
export function mapSources(sources: string, map: MapReference): string {
  let mapped = "";
  for (let at = 0; at < sources.length; ) {
    const [space = ""] = take(/[\s,]*/y, sources, at);
    const [word = ""] = take(/\S*/y, sources, at + space.length);
    const url = withoutCommas(word);
    const end = at + space.length + word.length;
    // A comma at the end of a reference is not of it, and there is no descriptor.
    const rest = url === word ? (take(/[^,(]*(?:\([^)]*\)?[^,(]*)*/y, sources, end)[0] ?? "") : word.slice(url.length);
    mapped += space + (url === "" ? "" : (map(url) ?? url)) + rest;
    at += space.length + url.length + rest.length;
  }
  return mapped;
}

/** Without the commas at its end: a regular expression would look for the end from each comma in it. */
function withoutCommas(word: string): string {
  let end = word.length;
  while (word[end - 1] === ",") end--;
  return word.slice(0, end);
}

function take(pattern: RegExp, text: string, at: number): readonly string[] {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? [];
}

/** mapList maps references with spaces between them. */
export function mapList(list: string, map: MapReference): string {
  return list.replace(/\S+/g, (each) => map(each) ?? each);
}

/** mapRefresh maps the reference of a `Refresh`: `5; url=/next`. */
export function mapRefresh(refresh: string, map: MapReference): string {
  const [, start, url, end] = /^(\s*[\d.]+\s*[;,]?\s*(?:url\s*=\s*)?["']?)([^"']*)(.*)$/is.exec(refresh) ?? [];
  return start === undefined || !url ? refresh : start + (map(url) ?? url) + end;
}

/** mapHeaders maps the references of headers: `Location`, `Content-Location`, `Link` and `Refresh`. */
export function mapHeaders(headers: HeaderList, map: MapReference): HeaderList {
  if (!headers.some(([name]) => MAPPED.test(name))) return headers;
  return headers.map(([name, value]) => [name, mapHeader(name.toLowerCase(), value, map)]);
}

const MAPPED = /^(?:(?:content-)?location|link|refresh)$/i;

function mapHeader(name: string, value: string, map: MapReference): string {
  switch (name) {
    case "location":
    case "content-location":
      return map(value) ?? value;
    case "refresh":
      return mapRefresh(value, map);
    case "link":
      return value.replace(/<([^<>]*)>/g, (whole, url: string) => {
        const mapped = map(url);
        return mapped === undefined ? whole : `<${mapped}>`;
      });
  }
  return value;
}
