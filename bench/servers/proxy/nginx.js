import { startNginx } from "../programs.js";
import { report } from "../report.js";
import { upstream } from "./upstream.js";

const { port, cpuTime } = await startNginx(
  `
    listen 127.0.0.1:$PORT;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }`,
  `upstream app { server 127.0.0.1:${await upstream()}; keepalive 128; keepalive_requests 1000000000; }`,
);
report(port, cpuTime);
