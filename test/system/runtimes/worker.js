import { handler } from "./site.js";

export default { fetch: (request, environment, context) => handler(request, environment, context) };
