import connect from "connect";

export const app = connect().use((request, response) => response.end(`connect ${request.url}`));
