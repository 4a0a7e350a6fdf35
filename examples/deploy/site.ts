// An app to put behind a load balancer, into a container, or under systemd: see README.md.
// $ npx tsgi examples/deploy/site.ts
// $ curl http://127.0.0.1:8000/
// Hello, 127.0.0.1
// $ curl http://127.0.0.1:8000/healthy
// ok
// $ curl -H "X-Forwarded-For: 203.0.113.9" http://127.0.0.1:8000/
// Hello, 203.0.113.9

import { RateLimiterRedis } from "rate-limiter-flexible";
import { createClient } from "redis";
import { type App, text } from "tsgi";
import { dispatcher, proxyFix, rateLimit } from "tsgi/middleware";

// What all processes share is in Redis or Valkey, where there is one.
const { REDIS_URL: url } = process.env;
const redis = url ? createClient({ url, disableOfflineQueue: true }).on("error", console.error) : undefined;
await redis?.connect();
const limiter = redis && new RateLimiterRedis({ storeClient: redis, useRedisPackage: true, points: 100, duration: 60 });

const hello: App = (environ, startResponse) => text(`Hello, ${environ.REMOTE_ADDR}\n`)(environ, startResponse);

// Asks for what every request needs: a worker that cannot reach it does not replace one that could.
const healthy: App = async (environ, startResponse) => {
  await redis?.ping();
  return text("ok\n", { headers: [["Cache-Control", "no-store"]] })(environ, startResponse);
};

const limited = rateLimit(hello, { limit: 100, window: 60_000, ...(limiter && { limiter }) });

// The balancer says whom it asks for.
export const app: App = proxyFix(dispatcher(limited, { "/healthy": healthy }), {
  trust: ["127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
});
