import { startNginx, whyNot } from "../programs.js";
import { HELLO, report, skip } from "../report.js";
import { FILES } from "./files.js";

const why = whyNot("nginx");
if (why !== undefined) skip(why);
else {
  // A single process, so no worker outlives the benchmark; the rest is as Debian has it, but for the logs.
  const { port, cpuTime } = await startNginx(
    `
    listen 127.0.0.1:$PORT;
    root "${FILES}";
    add_header Cache-Control no-cache;
    add_header X-Content-Type-Options nosniff;
    location / { try_files $uri @hello; }
    location @hello { default_type text/plain; return 200 "${HELLO}"; }`,
    process.argv[2] === "cached" ? "open_file_cache max=1000;" : "",
  );
  report(port, cpuTime);
}
