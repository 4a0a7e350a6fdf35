import polka from "polka";

export const app = polka().get("/path", (request, response) => response.end(`polka ${request.url}`));
