// Apps that need no framework: they say what they are, and where.

export const ofTsgi = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return `tsgi ${environ.PATH_INFO}`;
};
// An app of tsgi, whatever its parameters are called.
export const requestParameters = (req, res) => {
  res("200 OK", [["Content-Type", "text/plain"]]);
  return `tsgi of req ${req.PATH_INFO}`;
};
export const listener = (req, res) => res.end(`listener ${req.url}`);
export const handlerWithNext = (a, b, _c) => b.end(`next ${a.url}`);
export const unnamed = (a, b) => b.end(`unnamed ${a.url}`);
export async function handler(request) {
  return new Response(`handler ${new URL(request.url).pathname}`);
}
export const worker = { fetch: (request) => new Response(`worker ${new URL(request.url).pathname}`) };
export const failing = () => {
  throw new Error("no database");
};
