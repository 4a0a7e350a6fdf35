/** What a `Content-Security-Policy` has to say about scripts and styles that are put into a page (Content Security Policy Level 3). */

import type { HeaderList } from "../../src/gateway.ts";

/** Markup, cut at each place where a nonce may stand, and what of it a policy judges. */
export interface NoncedMarkup {
  readonly parts: readonly string[];
  /** Whether a script, or a style, is written into it. */
  readonly hasInline: Readonly<Record<Inline, boolean>>;
}

type Inline = "script" | "style";

/** Comments, scripts and styles with what is in them, and links. */
const ELEMENT = /<!--.*?-->|<(script|style)(?=[\s/>])([^>]*)>.*?<\/\1\s*>|<(link)(?=[\s/>])([^>]*)>/gis;

/** takeApart finds the places for a nonce: in scripts, styles and links that have none. */
export function takeApart(markup: string): NoncedMarkup {
  const parts: string[] = [];
  const hasInline = { script: false, style: false };
  let start = 0;
  for (const { 1: name, 2: attributes, 3: link, 4: linkAttributes, index } of markup.matchAll(ELEMENT)) {
    const element = (name ?? link)?.toLowerCase();
    const given = attributes ?? linkAttributes ?? "";
    if (element === undefined || /\snonce\b/i.test(given)) continue;
    if (element === "style" || (element === "script" && !/\ssrc\s*=/i.test(given))) hasInline[element] = true;
    const at = index + 1 + element.length;
    parts.push(markup.slice(start, at));
    start = at;
  }
  parts.push(markup.slice(start));
  return { parts, hasInline };
}

/** putTogether gives the markup with a nonce in each of its places, or with none. */
export function putTogether({ parts }: NoncedMarkup, nonce: string | undefined): string {
  return parts.join(nonce === undefined ? "" : ` nonce="${nonce}"`);
}

const isPolicy = (name: string): boolean => name.toLowerCase() === "content-security-policy";

/** nonceIn gives the first nonce that a policy of the page names. */
export function nonceIn(headers: HeaderList): string | undefined {
  for (const [name, value] of headers) {
    const [, nonce] = isPolicy(name) ? (/'nonce-([\w+/-]+={0,2})'/.exec(value) ?? []) : [];
    if (nonce !== undefined) return nonce;
  }
  return undefined;
}

/** isBlocked tells whether a policy of the page keeps markup with this nonce from working. */
export function isBlocked(headers: HeaderList, markup: readonly NoncedMarkup[], nonce: string | undefined): boolean {
  const policies = headers.filter(([name]) => isPolicy(name)).flatMap(([, value]) => value.split(","));
  return policies.some((policy) => inlines(markup).some((kind) => !allows(sourcesFor(policy, kind), nonce)));
}

/** withNonce gives the headers with all policies extended so that they allow the markup with this nonce. */
export function withNonce(headers: HeaderList, markup: readonly NoncedMarkup[], nonce: string): HeaderList {
  return headers.map(([name, value]) => {
    if (!isPolicy(name)) return [name, value];
    const policies = value
      .split(",")
      .map((policy) => inlines(markup).reduce((extended, kind) => extend(extended, kind, nonce), policy));
    return [name, policies.join(",")];
  });
}

function inlines(markup: readonly NoncedMarkup[]): Inline[] {
  return (["script", "style"] as const).filter((kind) => markup.some(({ hasInline }) => hasInline[kind]));
}

interface Sources {
  readonly directive: string;
  readonly values: readonly string[];
}

/** The sources that count for elements of a kind; undefined where a policy has none. */
function sourcesFor(policy: string, kind: Inline): Sources | undefined {
  const directives = new Map<string, readonly string[]>();
  for (const part of policy.split(";")) {
    const [name = "", ...values] = part.trim().split(/[\t\n\f\r ]+/);
    // The first of a name counts (§2.2.1).
    if (!directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), values);
  }
  for (const directive of [`${kind}-src-elem`, `${kind}-src`, "default-src"]) {
    const values = directives.get(directive);
    if (values !== undefined) return { directive, values };
  }
  return undefined;
}

/** Whether inline elements with a nonce are allowed (§6.7.3.2). */
function allows(sources: Sources | undefined, nonce: string | undefined): boolean {
  if (sources === undefined || (nonce !== undefined && sources.values.includes(`'nonce-${nonce}'`))) return true;
  const lower = sources.values.map((value) => value.toLowerCase());
  return lower.includes("'unsafe-inline'") && !lower.some((value) => /^'(?:nonce-|sha\d+-|strict-dynamic)/.test(value));
}

function extend(policy: string, kind: Inline, nonce: string): string {
  const sources = sourcesFor(policy, kind);
  if (sources === undefined || allows(sources, nonce)) return policy;
  const values = [...sources.values.filter((value) => value.toLowerCase() !== "'none'"), `'nonce-${nonce}'`].join(" ");
  // A directive of its own, so that what else the default is for stays as it is.
  if (sources.directive === "default-src") return `${policy.trimEnd().replace(/;$/, "")}; ${kind}-src ${values}`;
  let isFirst = true;
  return policy
    .split(";")
    .map((part) => {
      const [, start = "", name = ""] = /^(\s*)(\S*)/.exec(part) ?? [];
      if (!isFirst || name.toLowerCase() !== sources.directive) return part;
      isFirst = false;
      return `${start}${name} ${values}`;
    })
    .join(";");
}
