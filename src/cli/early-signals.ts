/** Signals that arrive before the command knows what they mean to it. */

/**
 * What supervisors obey, and what ends or stops other processes. SIGINT, SIGTERM and SIGQUIT end what has not begun, and once
 * SIGUSR1 had a listener, Node does not open its inspector any more.
 */
const HELD = ["SIGHUP", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH"] as const;

type Held = (typeof HELD)[number];

const arrived: Held[] = [];

function hold(signal: NodeJS.Signals): void {
  arrived.push(signal as Held);
}

/** Remembers the signals that arrive from now on. */
export function holdSignals(): void {
  for (const signal of HELD) process.on(signal, hold);
}

/** Gives them to the listeners that there are now. */
export function obeyHeldSignals(): void {
  for (const signal of letGo()) process.emit(signal, signal);
}

/** Lets them do what they do to a process without listeners. */
export function sufferHeldSignals(): void {
  for (const signal of letGo()) process.kill(process.pid, signal);
}

function letGo(): readonly Held[] {
  for (const signal of HELD) process.off(signal, hold);
  return arrived.splice(0);
}
