import type { App } from "tsgi";

const greeting: string = "typed\n";
const app: App = (_environ, startResponse) => {
  startResponse("200 OK", []);
  return greeting;
};
export default app;
