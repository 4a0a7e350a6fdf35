/** Sizes as a person writes them: `16K`, `512M`, `2G`; bytes where there is no unit. */

const UNITS = { G: 1024 ** 3, M: 1024 ** 2, K: 1024 } as const;

/** The bytes of a size; undefined for a text that is not one. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,3})?)([KMG])?(?:i?B)?$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * (unit === undefined ? 1 : UNITS[unit.toUpperCase() as keyof typeof UNITS]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size in the largest unit that it is a whole number of. */
export function formatSize(bytes: number): string {
  const found = bytes === 0 ? undefined : Object.entries(UNITS).find(([, each]) => bytes % each === 0);
  return found === undefined ? String(bytes) : `${bytes / found[1]}${found[0]}`;
}
