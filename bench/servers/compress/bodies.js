/** What is compressed: JSON of 2 KiB and of 100 KB, as an API sends it. */

const rows = Array.from({ length: 1000 }, (_, id) => ({
  id,
  name: `user ${(id * 7919) % 1000}`,
  mail: `u${id}@example.com`,
  tags: ["a", "b", String((id * 31) % 97)],
  score: Math.sin(id),
}));

export const BODIES = { "/2k": JSON.stringify(rows.slice(0, 20)), "/100k": JSON.stringify(rows) };
