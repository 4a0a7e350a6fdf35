/** The types of the parameters in a key: of a mount, a route or a host. Types only. */

import type { Body, Environ, Params, StartResponse } from "../gateway.ts";

/**
 * RouteParams are the parameters of a key by name: `RouteParams<"GET /users/:id">` is `{ id: string }`. `*name` is a list of
 * segments, and what stands in `{…}` may be missing. Of a key that is not known when the program is compiled, and of one with
 * names that are quoted or not ASCII, nothing more is known than `Params`.
 */
export type RouteParams<Key extends string> = string extends Key ? Params : ParamsIn<WithoutEscapes<Key>>;

/**
 * RouteApp is an app that finds the parameters of a key in `tsgi.params`. Every `App` is one, and it is one of every key that
 * has the same parameters.
 */
export type RouteApp<Key extends string> = AppWith<RouteParams<Key>>;

/**
 * AppWith is an app that finds these parameters. Tables have it instead of `RouteApp`: two types of that name are compared by
 * their keys, and an app may go with several.
 */
export type AppWith<Known> = (environ: EnvironWith<Known>, startResponse: StartResponse) => Body | Promise<Body>;

type EnvironWith<Known> = Environ & { readonly "tsgi.params": Known };

type WithoutEscapes<Key extends string> = Key extends `${infer Before}\\${infer _Char}${infer After}`
  ? WithoutEscapes<`${Before}.${After}`>
  : Key;

type ParamsIn<Key extends string> = Key extends `${infer Before}{${infer Group}}${infer After}`
  ? Group extends `${string}{${string}`
    ? Partial<Named<Key>>
    : Named<Before> & Partial<Named<Group>> & ParamsIn<After>
  : Named<Key>;

/** The parameters of a key without groups. */
type Named<Key extends string> = Key extends `${infer Before}:${infer After}`
  ? Named<Before> & NameAt<After, string> & Named<After>
  : Key extends `${string}*${infer After}`
    ? NameAt<After, string[]> & Named<After>
    : unknown;

type NameAt<Text extends string, Value> =
  LeadingName<Text> extends "" ? Params : { readonly [Name in LeadingName<Text>]: Value };

type LeadingName<Text extends string, Name extends string = ""> = Text extends `${infer Char}${infer After}`
  ? Char extends NameChar
    ? LeadingName<After, `${Name}${Char}`>
    : Char extends Separator
      ? Name
      : ""
  : Name;

type Letter =
  | ("a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m")
  | ("n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w" | "x" | "y" | "z");
type NameChar = Letter | Uppercase<Letter> | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "$";

/** What may come after a name. After anything else it is one that is not ASCII. */
type Separator = "/" | "." | "-" | "~" | "," | ";" | "=" | "&" | "@" | "%" | "'" | ":" | "*" | "{" | "}" | " " | "\\";
