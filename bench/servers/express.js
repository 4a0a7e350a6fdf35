import { app } from "./apps/express.js";
import { report } from "./report.js";

const server = app.listen(0, "127.0.0.1", () => report(server.address().port));
