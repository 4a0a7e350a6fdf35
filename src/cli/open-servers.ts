/** Servers that a module has opened by itself, on which its app is not what the command serves. */

/** openServers counts the servers of TCP that this process listens with. */
export function openServers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
}
