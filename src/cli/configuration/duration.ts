/** Durations as a person writes them: `500ms`, `30s`, `5m`, `1h`; milliseconds where there is no unit. */

const UNITS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** The milliseconds of a duration; undefined for a text that is not one, or that has parts of a millisecond. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = "ms"] = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const milliseconds = Math.round(Number(digits) * UNITS[unit as keyof typeof UNITS] * 1000) / 1000;
  return Number.isInteger(milliseconds) ? milliseconds : undefined;
}

/** A duration in the largest unit that it is a whole number of. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0";
  const [unit, length] = Object.entries(UNITS).find(([, each]) => milliseconds % each === 0) as [string, number];
  return `${milliseconds / length}${unit}`;
}
