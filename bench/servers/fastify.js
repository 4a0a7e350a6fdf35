import { app } from "./apps/fastify.js";
import { report } from "./report.js";

await app.listen({ port: 0, host: "127.0.0.1" });
report(app.server.address().port);
