/** A strict reader of Prometheus' text format 0.0.4: what it takes, Prometheus does. */

import assert from "node:assert/strict";

/** The samples by name and labels as they are written, `http_x_bucket{le="1"}`. */
export type Samples = Map<string, number>;

const NAME = /^[a-zA-Z_:][\w:]*$/;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\+Inf|-Inf|NaN|[-+]?[\d.]+(?:e[-+]?\d+)?)$/;
const LABEL = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;

/** Reads a text. Throws for what is not in the format, for a sample that comes twice, and for histograms that do not add up. */
export function readExposition(text: string): Samples {
  assert.ok(text.endsWith("\n"), "the last line does not end");
  const samples: Samples = new Map();
  const types = new Map<string, string>();
  let family = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      assert.match(name, NAME);
      if (kind === "TYPE") {
        assert.ok(!types.has(name), `${name} has two types`);
        assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
        types.set(name, rest);
        family = name;
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    assert.ok(sample !== null, `not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = sample;
    const suffix = types.get(family) === "histogram" ? /^(.*?)_(bucket|sum|count)$/.exec(name)?.[1] : name;
    assert.equal(suffix, family, `${name} is not of ${family}`);
    checkLabels(labels);
    const key = labels === "" ? name : `${name}{${labels}}`;
    assert.ok(!samples.has(key), `${key} comes twice`);
    samples.set(key, Number(value.replace("Inf", "Infinity")));
  }
  for (const [name, type] of types) if (type === "histogram") checkHistogram(name, samples);
  return samples;
}

function checkLabels(labels: string): void {
  const names = new Set<string>();
  let rest = labels;
  while (rest !== "") {
    const label = LABEL.exec(rest);
    assert.ok(label !== null, `not a label: ${rest}`);
    assert.ok(!names.has(label[1] as string), `${label[1]} stands twice`);
    names.add(label[1] as string);
    rest = rest.slice(label[0].length);
  }
}

/** Labels in an order of their own, without `le`. */
function seriesOf(key: string): string {
  const labels = /\{(.*)\}$/.exec(key)?.[1] ?? "";
  return labels
    .split(/,(?=\w+=")/)
    .filter((label) => !label.startsWith("le="))
    .sort()
    .join();
}

function checkHistogram(name: string, samples: Samples): void {
  const ofKind = (kind: string) => [...samples].filter(([key]) => key.replace(/\{.*/, "") === `${name}_${kind}`);
  const counts = new Map(ofKind("count").map(([key, value]) => [seriesOf(key), value]));
  const sums = new Set(ofKind("sum").map(([key]) => seriesOf(key)));
  const last = new Map<string, { bound: number; value: number }>();
  for (const [key, value] of ofKind("bucket")) {
    const bound = Number(/\ble="([^"]+)"/.exec(key)?.[1]?.replace("Inf", "Infinity"));
    const before = last.get(seriesOf(key)) ?? { bound: Number.NEGATIVE_INFINITY, value: 0 };
    assert.ok(bound > before.bound && value >= before.value, `${key} falls`);
    last.set(seriesOf(key), { bound, value });
  }
  for (const [series, { bound, value }] of last) {
    assert.equal(bound, Number.POSITIVE_INFINITY);
    assert.equal(value, counts.get(series), `the count of ${name}{${series}} is not that of all`);
    assert.ok(sums.has(series));
  }
}
