/** How an entry is written. */

import type { AccessLogEntry } from "./entry.ts";
import { jsonOf, quoted, shown, word } from "./escape.ts";

/** Makes a line, without its end; undefined for an entry that is not to be logged. */
export type AccessLogFormat = (entry: AccessLogEntry) => string | undefined;

/** The formats that have a name. */
export type FormatName = "common" | "combined" | "json" | "short";

export const FORMATS: Readonly<Record<FormatName, AccessLogFormat>> = { common, combined, json, short: plainShort };

/** The Common Log Format: `%h - %u %t "%r" %s %b`. */
function common(entry: AccessLogEntry): string {
  const { address, user, time, request, status, bytes } = entry;
  return `${addressOf(address)} - ${word(user)} ${clfTime(time)} ${quoted(request)} ${status} ${bytes || "-"}`;
}

let lastAddress = "";
let lastWord = "-";

/** Requests of one connection, or through one proxy, come one after the other. */
function addressOf(address: string): string {
  if (address !== lastAddress) {
    lastAddress = address;
    lastWord = word(address);
  }
  return lastWord;
}

/** The same with the referer and the user agent. */
function combined(entry: AccessLogEntry): string {
  return `${common(entry)} ${quoted(entry.referer)} ${quoted(entry.userAgent)}`;
}

/** An object in one line; what is empty is left out. */
function json(entry: AccessLogEntry): string {
  const { time, duration, status, bytes, outcome } = entry;
  return (
    `{"time":"${isoTime(time)}","address":${jsonOf(entry.address)},"method":${jsonOf(entry.method)}` +
    `,"target":${jsonOf(entry.target)},"protocol":${jsonOf(entry.protocol)},"status":${status},"bytes":${bytes}` +
    `,"duration":${duration.toFixed(3)},"outcome":"${outcome}"${textMember("mount", entry.mount)}` +
    `${textMember("route", entry.route)}${textMember("host", entry.host)}${textMember("user", entry.user)}` +
    `${textMember("referer", entry.referer)}${textMember("userAgent", entry.userAgent)}` +
    `${textMember("requestId", entry.requestId)}${textMember("traceId", entry.traceId)}}`
  );
}

function textMember(name: string, text: string): string {
  return text === "" ? "" : `,"${name}":${jsonOf(text)}`;
}

function plainShort(entry: AccessLogEntry): string {
  return shortLine(entry, (text) => text);
}

/** The short form with colours, for a terminal. */
export function colouredShort(entry: AccessLogEntry): string {
  return shortLine(entry, (text, colour) => `\x1b[${colour}m${text}\x1b[0m`);
}

const DIM = 2;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const CYAN = 36;

function shortLine(entry: AccessLogEntry, paint: (text: string, colour: number) => string): string {
  const { status, bytes, duration, outcome, mount } = entry;
  const parts = [
    paint(timeOfDay(entry.time), DIM),
    paint(String(status), colourOf(status)),
    shown(entry.method || "-"),
    shown(entry.target || entry.request || "-"),
    paint(`${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms ${sizeOf(bytes)}`, DIM),
  ];
  if (mount !== "") parts.push(paint(`in ${shown(mount)}`, DIM));
  if (outcome !== "complete") parts.push(paint(outcome, RED));
  return parts.join(" ");
}

function colourOf(status: number): number {
  if (status >= 500) return RED;
  if (status >= 400) return YELLOW;
  return status >= 300 ? CYAN : GREEN;
}

function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A text that is the same for a second, made once a second. */
function perSecond(make: (date: Date) => string): (time: number) => string {
  let second = Number.NaN;
  let text = "";
  return (time) => {
    const current = Math.floor(time / 1000);
    if (current !== second) {
      second = current;
      text = make(new Date(current * 1000));
    }
    return text;
  };
}

const two = (number: number): string => String(number).padStart(2, "0");

/** `[21/Nov/2026:20:41:00 +0000]`, in local time. */
const clfTime = perSecond((date) => {
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  return `[${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}:${clock(date)} ${zone}]`;
});

const timeOfDay = perSecond(clock);
const isoSecond = perSecond((date) => date.toISOString().slice(0, -4));

function isoTime(time: number): string {
  return `${isoSecond(time)}${String(Math.floor(time % 1000)).padStart(3, "0")}Z`;
}

function clock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
