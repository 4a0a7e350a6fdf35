// A program that listens by itself, on the port that the command is given.

import { createServer } from "node:http";

export const app = (_environ, startResponse) => {
  startResponse("200 OK", []);
  return "app";
};
const server = createServer((_request, response) => response.end("itself"));
await new Promise((resolve) => server.listen(Number(process.argv.at(-1)), "127.0.0.1", resolve));
