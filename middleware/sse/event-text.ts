/** An event as it is sent (HTML, "Parsing an event stream"). */

import { TsgiError } from "../../src/errors.ts";

/** An event, or a part of one: of what is left out, nothing is sent. */
export interface SseEvent {
  /** What the listener gets: text as it is, everything else as JSON. Without it, browsers call no listener. */
  readonly data?: unknown;
  /** The name of the event: browsers call those who listen to it. Default `"message"`. */
  readonly event?: string | undefined;
  /** What the client sends as `Last-Event-ID` when it connects again; `""` for nothing. */
  readonly id?: string | undefined;
  /** How long the client waits before it connects again, in milliseconds. */
  readonly retry?: number | undefined;
  /** What no listener gets. */
  readonly comment?: string | undefined;
}

/** Each of them ends a line. */
const LINE_END = /\r\n|\r|\n/;

/** textOfEvent gives an event as it is sent; text alone is its data. Throws `TSGI_BAD_EVENT`. */
export function textOfEvent(event: SseEvent | string): string {
  if (typeof event === "string") return `${lines("data", event)}\n`;
  if (typeof event !== "object" || event === null) throw badEvent(`an event is ${String(event)}`);
  const { data, event: name, id, retry, comment } = event;
  let text = "";
  if (comment !== undefined) text += lines("", checkText("comment", comment));
  if (retry !== undefined) text += `retry: ${checkRetry(retry)}\n`;
  if (id !== undefined) text += `id: ${checkLine("id", id)}\n`;
  if (name !== undefined) text += `event: ${checkLine("event", name)}\n`;
  if (data !== undefined) text += lines("data", typeof data === "string" ? data : jsonOf(data));
  return text === "" ? "" : `${text}\n`;
}

function lines(field: string, value: string): string {
  if (!value.includes("\n") && !value.includes("\r")) return `${field}: ${value}\n`;
  return value
    .split(LINE_END)
    .map((line) => `${field}: ${line}\n`)
    .join("");
}

function jsonOf(data: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw badEvent(`the data of an event, ${typeof data}, have no form in JSON`, cause);
}

/** A NUL in an id has browsers ignore it; in a name it is as unwanted. */
function checkLine(field: string, value: unknown): string {
  const line = checkText(field, value);
  if (/[\r\n\0]/.test(line))
    throw badEvent(`the ${field} of an event has a line end or a NUL: ${JSON.stringify(line)}`);
  return line;
}

function checkText(field: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw badEvent(`the ${field} of an event is ${typeof value}`);
}

function checkRetry(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badEvent(`the retry of an event is ${String(value)}`);
}

function badEvent(message: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_EVENT", message, {
    hint: 'Give text, or { data, event: "a name", id: "7", retry: 3000, comment: "text" }.',
    cause,
  });
}
