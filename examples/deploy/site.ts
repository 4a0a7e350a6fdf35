// An app to put behind a load balancer, into a container, or under systemd: see README.md.
// $ npx tsgi examples/deploy/site.ts
// $ curl http://127.0.0.1:8000/
// Hello, 127.0.0.1
// $ curl http://127.0.0.1:8000/healthy
// ok
// $ curl -H "X-Forwarded-For: 203.0.113.9" http://127.0.0.1:8000/
// Hello, 203.0.113.9

import { type App, text } from "tsgi";
import { dispatcher, proxyFix } from "tsgi/middleware";

const hello: App = (environ, startResponse) => text(`Hello, ${environ.REMOTE_ADDR}\n`)(environ, startResponse);

// Ask here for what every request needs: a database, Redis. A worker that cannot reach it does not replace one that could.
const healthy = text("ok\n", { headers: [["Cache-Control", "no-store"]] });

// The balancer says whom it asks for.
export const app: App = proxyFix(dispatcher(hello, { "/healthy": healthy }), {
  trust: ["127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
});
