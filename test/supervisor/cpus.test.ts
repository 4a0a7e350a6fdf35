import assert from "node:assert/strict";
import { test } from "node:test";
import { automaticWorkers } from "../../src/supervisor/cpus.ts";

const files = (contents: Readonly<Record<string, string>>) => (path: string) => contents[path];

for (const [what, contents, workers] of [
  ["no container", {}, 8],
  ["a container without a quota", { "/sys/fs/cgroup/cpu.max": "max 100000\n" }, 8],
  ["a quota of two processors", { "/sys/fs/cgroup/cpu.max": "200000 100000\n" }, 2],
  ["a quota of one processor and a half", { "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 2],
  ["a quota of less than one processor", { "/sys/fs/cgroup/cpu.max": "25000 100000\n" }, 1],
  ["a quota of more processors than there are", { "/sys/fs/cgroup/cpu.max": "3200000 100000\n" }, 8],
  [
    "a quota of a group further out",
    { "/proc/self/cgroup": "0::/site/web\n", "/sys/fs/cgroup/site/cpu.max": "300000 100000\n" },
    3,
  ],
  [
    "a quota of cgroup v1",
    {
      "/proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/docker/1\n",
      "/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "400000\n",
      "/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
    },
    4,
  ],
  [
    "no quota of cgroup v1",
    { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n" },
    8,
  ],
] as [string, Record<string, string>, number][]) {
  test(`automaticWorkers: ${what}`, () => assert.equal(automaticWorkers(files(contents), 8), workers));
}
