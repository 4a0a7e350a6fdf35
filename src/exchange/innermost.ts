/**
 * Which environ the innermost app was given, and by which route, for code further out: the error page, the access log,
 * metrics. The exchange knows it, as all copies of an environ share that; nothing is noted where nobody asked for it.
 */

import type { App, Environ } from "../gateway.ts";

/** An app that was chosen among several, and the environ that it was called with. */
export interface Chosen {
  readonly app: App;
  readonly environ: Environ;
}

/** An exchange that can note them. */
export interface Traced {
  /** What was chosen, in order; only in development. */
  chosen: Chosen[] | undefined;
  /** The environ that was noted last. */
  innermost: Environ | undefined;
  /** The route that was noted after it. */
  innermostRoute: string | undefined;
}

/** Has the copies of this environ be noted by `enter`. */
export function traceInnermost(environ: Environ): void {
  const exchange = environ["tsgi.exchange"] as Partial<Traced>;
  if (exchange.innermost === undefined) exchange.innermost = environ;
}

/**
 * enter notes the environ that an inner app is called with, and gives it back: `return mounted(enter(inner), startResponse)`.
 * Each middleware that gives its app another environ does so, so that the access log knows the mount, the user and the address
 * that the app got.
 */
export function enter<Inner extends Environ>(inner: Inner): Inner {
  const exchange = inner["tsgi.exchange"] as Partial<Traced>;
  if (exchange.innermost !== undefined) {
    exchange.innermost = inner;
    exchange.innermostRoute = undefined;
  }
  return inner;
}

/** Has the copies of this environ be noted by `enter`, and the apps that they are given to by `choose`. */
export function traceChosen(environ: Environ): void {
  traceInnermost(environ);
  const exchange = environ["tsgi.exchange"] as Partial<Traced>;
  if (exchange.chosen === undefined) exchange.chosen = [];
}

/** choose notes the app that was chosen among several and the environ that it is called with, and gives the environ back. */
export function choose<Inner extends Environ>(environ: Inner, app: App): Inner {
  (environ["tsgi.exchange"] as Partial<Traced>).chosen?.push({ app, environ });
  return environ;
}

/** What was chosen for an environ, in order; empty outside of development. */
export function chosenFor(environ: Environ): readonly Chosen[] {
  return (environ["tsgi.exchange"] as Partial<Traced>).chosen ?? [];
}

/** Whether the server shows what an app fails with: in development. */
export function isInDevelopment(environ: Environ): boolean {
  return (environ["tsgi.exchange"] as Partial<Traced>).chosen !== undefined;
}

/** Notes the pattern by which the whole path below the mount was routed. */
export function enterRoute(inner: Environ, pattern: string): void {
  const exchange = inner["tsgi.exchange"] as Partial<Traced>;
  if (exchange.innermost === undefined) return;
  enter(inner);
  exchange.innermostRoute = pattern;
}

/** The environ that was noted last, or the one given. */
export function innermostOf(environ: Environ): Environ {
  return (environ["tsgi.exchange"] as Partial<Traced>).innermost ?? environ;
}

/** The patterns of the mounts and the route that lead to the innermost app: `/users/:id`; empty where there are none. */
export function routeOf(environ: Environ): string {
  const mounts = innermostOf(environ)["tsgi.route"] ?? "";
  const route = (environ["tsgi.exchange"] as Partial<Traced>).innermostRoute;
  return route === undefined ? mounts : mounts + route;
}
