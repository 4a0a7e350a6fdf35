// A program that listens by itself, and exports nothing.

import { createServer } from "node:http";

createServer((_request, response) => response.end("itself")).listen(0, "127.0.0.1");
