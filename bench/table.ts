/** What was measured, in short and in columns. */

export interface Row {
  readonly name: string;
  readonly cells: readonly number[];
}

export function printTable(title: string, columns: readonly string[], rows: readonly Row[]): void {
  const width = Math.max(22, ...rows.map(({ name }) => name.length + 1));
  console.log(`\n${title}`);
  console.log(`${"".padEnd(width)}${columns.map((text) => text.padStart(14)).join("")}`);
  for (const { name, cells } of rows) {
    console.log(`${name.padEnd(width)}${cells.map((cell) => cell.toFixed(2).padStart(14)).join("")}`);
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The first and the third: half of the values lie between them. */
export function quartiles(values: readonly number[]): [number, number] {
  return [quantile(values, 0.25), quantile(values, 0.75)];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] as number;
  return below + ((sorted[Math.ceil(position)] as number) - below) * (position % 1);
}
