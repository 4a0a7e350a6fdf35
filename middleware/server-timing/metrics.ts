/** The times of a request, as `Server-Timing` writes them. */

import { TsgiError } from "../../src/errors.ts";
import { TOKEN } from "../../src/http/field-rules.ts";
import { isPromise } from "../../src/promise.ts";

/** Takes the times of a request. A name is a token, such as `"db"` or `"cache-read"`; what has the same name is added up. */
export interface Timings {
  /** Tells of something: with its duration in milliseconds, with a description, or that it was so: `add("cache-miss")`. */
  add(name: string, duration?: number, description?: string): void;
  /** Begins to take a time, and gives the function that ends it. */
  start(name: string, description?: string): () => void;
  /** Takes the time of a call, until its promise is settled where it gives one, and gives its result. */
  time<Result>(name: string, call: () => Result, description?: string): Result;
}

interface Metric {
  duration: number | undefined;
  description: string | undefined;
}

/** What is told where nobody asked for it. */
export const NO_TIMINGS: Timings = {
  add() {},
  start: () => () => {},
  time: (_name, call) => call(),
};

/** Metrics adds the times of one request up. */
export class Metrics implements Timings {
  readonly #metrics = new Map<string, Metric>();

  add(name: string, duration?: number, description?: string): void {
    checkMetric(name, duration, description);
    const known = this.#metrics.get(name);
    if (known === undefined) this.#metrics.set(name, { duration, description });
    else {
      if (duration !== undefined) known.duration = (known.duration ?? 0) + duration;
      known.description = description ?? known.description;
    }
  }

  start(name: string, description?: string): () => void {
    checkMetric(name, undefined, description);
    const since = performance.now();
    let hasStopped = false;
    return () => {
      if (hasStopped) return;
      hasStopped = true;
      this.add(name, performance.now() - since, description);
    };
  }

  time<Result>(name: string, call: () => Result, description?: string): Result {
    const stop = this.start(name, description);
    try {
      const result = call();
      if (isPromise(result)) Promise.resolve(result).then(stop, stop);
      else stop();
      return result;
    } catch (error) {
      stop();
      throw error;
    }
  }

  /** Gives all of them as the value of the header, and forgets them: an outer layer tells what comes after. */
  take(total: number | undefined): string {
    const parts = [...this.#metrics].map(([name, metric]) => written(name, metric));
    this.#metrics.clear();
    if (total !== undefined) parts.push(written("total", { duration: total, description: undefined }));
    return parts.join(", ");
  }
}

function written(name: string, { duration, description }: Metric): string {
  const desc = description === undefined ? "" : `;desc="${description.replace(/["\\]/g, "\\$&")}"`;
  return `${name}${desc}${duration === undefined ? "" : `;dur=${Math.round(duration * 100) / 100}`}`;
}

function checkMetric(name: unknown, duration: number | undefined, description: string | undefined): void {
  const isRight =
    typeof name === "string" &&
    TOKEN.test(name) &&
    (duration === undefined || (Number.isFinite(duration) && duration >= 0)) &&
    (description === undefined || (typeof description === "string" && /^[\t\x20-\x7e]*$/.test(description)));
  if (isRight) return;
  throw new TsgiError("TSGI_BAD_HEADER", `${JSON.stringify(name)} cannot stand in Server-Timing`, {
    hint: 'Give a token, milliseconds and a description in ASCII: add("db", 12.5, "two queries").',
  });
}
