// An app that takes its connection over, and ends it.
export const app = (environ, _startResponse) => {
  environ["tsgi.exchange"].upgrade().end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
};
