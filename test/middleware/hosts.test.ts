import assert from "node:assert/strict";
import { test } from "node:test";
import { hosts } from "../../middleware/hosts.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { bodyOf, probe, probed } from "../transcript.ts";

const site = hosts(probe("fallback"), {
  "api.example.com": probe("api"),
  ":Tenant.Example.com": probe("tenant"),
  "*rest.deep.example.com": probe("deep"),
  "[::1]": probe("loopback"),
  "b\u00fccher.example": probe("books"),
});

for (const [host, name, params] of [
  ["api.example.com", "api"],
  ["API.Example.COM:8080", "api"],
  ["api.example.com.", "api"],
  ["api.example.com.:80", "api"],
  ["acme.example.com", "tenant", { Tenant: "acme" }],
  ["ACME.EXAMPLE.COM", "tenant", { Tenant: "acme" }],
  ["a.b.deep.example.com", "deep", { rest: "a.b" }],
  ["[::1]:8000", "loopback"],
  ["xn--bcher-kva.example", "books"],
  ["example.com", "fallback"],
  ["a.b.example.com", "fallback"],
  ["api.example.com@evil", "fallback"],
  ["api.example.com/x", "fallback"],
  ["api.example.com:x", "fallback"],
] as [string, string, Record<string, string>?][]) {
  test(`hosts: ${host} goes to ${name}`, async () => {
    const answer = await bodyOf(site, "/x", { headers: { Host: host } });
    const shown = params?.rest === undefined ? params : { rest: params.rest.split(".") };
    assert.equal(answer, probed(name, "", "/x", shown));
  });
}

for (const [what, table] of [
  ["a port", { "example.com:80": notFound }],
  ["a path", { "example.com/x": notFound }],
  ["an empty key", { "": notFound }],
  ["a host twice", { "a.example": notFound, "A.example.": notFound }],
  ["a malformed pattern", { ":.example": notFound }],
] as [string, Record<string, App>][]) {
  test(`hosts: ${what} throws when the app is built`, () => {
    assert.throws(() => hosts(notFound, table), { code: "TSGI_BAD_HOST" });
  });
}
