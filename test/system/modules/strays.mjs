// An app whose requests leave errors behind that nobody handles.
const hello = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return "hello";
};

const strays = {
  "/rejects": () => void Promise.reject(new Error("rejected")),
  "/throws": () =>
    void setTimeout(() => {
      throw new Error("thrown");
    }),
  "/late": () => void setTimeout(() => Promise.reject(new Error("late")), 50),
};

export const app = async (environ, startResponse) => {
  strays[environ.PATH_INFO]?.();
  // The error comes while the request is open, except for a late one.
  if (environ.PATH_INFO !== "/late") await new Promise((resolve) => setTimeout(resolve, 20));
  return hello(environ, startResponse);
};

export async function* stream(environ, startResponse) {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  yield "hello";
  strays[environ.PATH_INFO]?.();
}

export const own = () => {
  process.on("unhandledRejection", (error) => process.stdout.write(`own: ${error.message}\n`));
  return app;
};

// An event stream that only its signal ends.
export async function* events(environ, startResponse) {
  const { signal } = environ["tsgi.exchange"];
  startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
  yield "data: 1\n\n";
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

export const listener = (_a, b) => b.end("never");
