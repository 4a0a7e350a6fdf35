export const app = (environ, startResponse) => {
  if (environ.PATH_INFO === "/error") throw new Error("secret");
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return `${environ["tsgi.url_scheme"]} ${environ.PATH_INFO}\n`;
};
export const slow = async (_environ, startResponse) => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  startResponse("200 OK", []);
  return "slow\n";
};
export const number = 1;
export const broken = (_environ, _startResponse) => "no startResponse";
export default app;
