// A chat by WebSockets, and its page; it needs `npm install ws`.
// $ npx tsgi examples/chat.ts
// $ curl http://127.0.0.1:8000/chat
// This is a WebSocket
// $ curl --fail http://127.0.0.1:8000/ | head -n 1
// <!doctype html>

import { html, stack } from "tsgi";
import { dispatcher, type WebsocketConnection, websocket } from "tsgi/middleware";

const page = html(`<!doctype html>
<title>Chat</title>
<form><input autofocus></form>
<ul></ul>
<script>
  const socket = new WebSocket(location.href.replace(/^http/, "ws") + "chat");
  socket.onmessage = ({ data }) => {
    document.querySelector("ul").appendChild(document.createElement("li")).textContent = data;
  };
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    socket.send(document.querySelector("input").value);
    document.querySelector("input").value = "";
  };
</script>
`);

const sockets = new Set<WebsocketConnection>();
const chat = websocket({
  open: (socket) => sockets.add(socket),
  message: (_socket, text) => {
    for (const each of sockets) each.send(text);
  },
  close: (socket) => sockets.delete(socket),
});

export const app = stack().use(dispatcher, { "/chat": chat }).run(page);
