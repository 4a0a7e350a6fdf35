/** A thrown value, taken apart for a page: its message, its frames, its causes and its parts. */

import { describeError } from "../../errors.ts";
import { hideSecrets, isSecretName, showEntry, showValue } from "./secrets.ts";
import { type Frame, framesOf } from "./stack.ts";

/** A thrown value, and what is behind it. */
export interface Failure {
  /** How it belongs to the one before it: `"Caused by"`, `"Part 1 of 3"`; empty for the first. */
  readonly relation: string;
  /** `"TypeError"`; empty for a value that is not an error. */
  readonly name: string;
  readonly message: string;
  /** What else the error carries: `code`, `errno`. */
  readonly details: readonly (readonly [name: string, value: string])[];
  readonly frames: readonly Frame[];
  /** How many frames it has after those, which are the last ones of the failure that it belongs to. */
  readonly shared: number;
  readonly inner: readonly Failure[];
}

/** How much of an error is shown. */
const MOST_FRAMES = 50;
const MOST_FAILURES = 30;
const MOST_DETAILS = 20;
const LONGEST_MESSAGE = 10_000;

/** What is shown elsewhere, or is in the message. */
const NOT_DETAILS = new Set(["name", "message", "stack", "cause", "errors", "hint"]);

/** takeApart gives a thrown value, which may be anything, as a `Failure`. Never throws. */
export function takeApart(thrown: unknown): Failure {
  let left = MOST_FAILURES;
  return visit(thrown, "", [], []);

  function visit(error: unknown, relation: string, seen: readonly unknown[], outer: readonly Frame[]): Failure {
    left--;
    if (!isError(error)) {
      const message = typeof error === "object" && error !== null ? showValue(error) : describeError(error);
      return { relation, name: "", message: tidy(message), details: [], frames: [], shared: 0, inner: [] };
    }
    const name = errorText(error, "name") || "Error";
    const message = errorText(error, "message");
    const stack = errorText(error, "stack");
    const frames = framesOf(stack, message).slice(0, MOST_FRAMES);
    const shared = sharedWith(outer, frames);
    const path = [...seen, error];
    const inner: Failure[] = [];
    const add = (next: unknown, how: string): void => {
      if (left > 0 && !path.includes(next)) inner.push(visit(next, how, path, frames));
    };
    const parts = memberOf(error, "errors");
    if (Array.isArray(parts) && (error instanceof AggregateError || parts.every(isError))) {
      for (const [index, part] of parts.slice(0, left).entries()) add(part, `Part ${index + 1} of ${parts.length}`);
    }
    const cause = memberOf(error, "cause");
    if (cause !== undefined) add(cause, "Caused by");
    return {
      relation,
      name: tidy(name),
      message: tidy(message),
      details: detailsOf(error),
      frames: frames.slice(0, frames.length - shared),
      shared,
      inner,
    };
  }
}

/** How many of the last frames of two stacks are the same. The first one is never counted. */
function sharedWith(outer: readonly Frame[], frames: readonly Frame[]): number {
  let count = 0;
  while (count < frames.length - 1 && outer.at(-1 - count)?.text === frames.at(-1 - count)?.text) count++;
  return count;
}

/** Every failure in a failure, itself first. */
export function allOf(failure: Failure): Failure[] {
  return [failure, ...failure.inner.flatMap(allOf)];
}

/** The first line of a failure: `"TypeError: x is not a function"`. */
export function headingOf({ name, message }: Failure): string {
  return name === "" || message === "" ? name || message : `${name}: ${message}`;
}

function tidy(text: string): string {
  return hideSecrets(text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text);
}

function detailsOf(error: Error): [name: string, value: string][] {
  let names: string[] = [];
  try {
    names = Object.keys(error).filter((name) => !NOT_DETAILS.has(name));
  } catch {}
  return names
    .slice(0, MOST_DETAILS)
    .map((name): [string, unknown] => [name, memberOf(error, name)])
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, isSecretName(name) ? showEntry(name, "") : showEntry(name, value)]);
}

/** A thrown value may be a revoked proxy, and its members may throw. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

function memberOf(error: Error, name: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function errorText(error: Error, name: string): string {
  const value = memberOf(error, name);
  return typeof value === "string" ? value : "";
}
