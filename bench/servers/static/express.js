import express from "express";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const app = express();
app.use(express.static(FILES, { setHeaders: (response) => response.set("X-Content-Type-Options", "nosniff") }));
app.use((_request, response) => response.type("text/plain").send(HELLO));
const server = app.listen(0, "127.0.0.1", () => report(server.address().port));
