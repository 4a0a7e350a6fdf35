/**
 * Finds, among many patterns, those that a path may match. All keys form one tree of segments that is walked along the path,
 * no further than the deepest key, so the cost of a path does not grow with the number of keys: a literal segment is looked
 * up, one with a parameter is one branch, and what follows a wildcard is found by the literal segments it needs.
 */

import { foldCase } from "./fold.ts";
import type { Extent, LiteralPattern, Shape, VariablePattern } from "./pattern.ts";

/** What a tree has to know of a pattern with parameters. */
export interface ShapedPattern {
  readonly shapes: readonly Shape[];
  readonly match: unknown;
}

/** A pattern with what it stands for. */
export interface Entry<Value, Variable = VariablePattern> {
  readonly pattern: Variable;
  readonly value: Value;
  /** Its place among all that were added. */
  readonly order: number;
}

interface Node<Value, Variable> {
  readonly children: Map<string, Node<Value, Variable>>;
  /** Where a segment with a parameter in it leads. */
  variable: Node<Value, Variable> | undefined;
  literal: Value | undefined;
  /** The patterns that end here. */
  readonly ends: Entry<Value, Variable>[];
  /** The patterns that go on with a wildcard. */
  readonly wildcards: Entry<Value, Variable>[];
  /** Those of them that need a literal segment after it, by that segment. */
  readonly needing: Map<string, Entry<Value, Variable>[]>;
}

/** What lies along a path. */
export interface Found<Value, Variable = VariablePattern> {
  /** The longest literal prefix on a segment boundary, and its length. */
  literal: Value | undefined;
  length: number;
  /** The patterns that the path may match, in the order in which they were added. */
  patterns: readonly Entry<Value, Variable>[];
}

/** What keys a tree has. */
export interface PathTreeOptions {
  /** `whole` finds no pattern for the beginning of a path. Default `"prefix"`. */
  readonly extent?: Extent;
  /** `false` ignores differences in case (see `foldCase`). Default `true`. */
  readonly caseSensitive?: boolean;
}

export class PathTree<Value, Variable extends ShapedPattern = VariablePattern> {
  readonly #root: Node<Value, Variable> = newNode();
  readonly #isWhole: boolean;
  readonly #caseSensitive: boolean;
  #size = 0;

  constructor({ extent = "prefix", caseSensitive = true }: PathTreeOptions = {}) {
    this.#isWhole = extent === "whole";
    this.#caseSensitive = caseSensitive;
  }

  /** Adds a pattern; false if there is a literal one of the same path. */
  add(pattern: LiteralPattern | Variable, value: Value): boolean {
    if (isLiteral(pattern)) {
      const node = this.#nodeAt(pattern.head.split("/").slice(1));
      if (node.literal !== undefined) return false;
      node.literal = value;
      return true;
    }
    const entry = { pattern, value, order: this.#size++ };
    for (const { segments, later } of pattern.shapes) {
      const node = this.#nodeAt(segments);
      const needed = later === undefined ? undefined : longest(later);
      if (later === undefined) node.ends.push(entry);
      else if (needed === undefined) node.wildcards.push(entry);
      else node.needing.set(this.#keyOf(needed), [...(node.needing.get(this.#keyOf(needed)) ?? []), entry]);
    }
    return true;
  }

  #nodeAt(segments: readonly (string | undefined)[]): Node<Value, Variable> {
    let node = this.#root;
    for (const segment of segments) {
      const key = segment === undefined ? undefined : this.#keyOf(segment);
      const child = (key === undefined ? node.variable : node.children.get(key)) ?? newNode();
      if (key === undefined) node.variable = child;
      else node.children.set(key, child);
      node = child;
    }
    return node;
  }

  #keyOf(segment: string): string {
    return this.#caseSensitive ? segment : foldCase(segment);
  }

  /** The values of all literal keys. */
  *literals(): Generator<Value> {
    const nodes = [this.#root];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node.literal !== undefined) yield node.literal;
      nodes.push(...node.children.values());
    }
  }

  /** Walks along a canonical path. */
  find(path: string): Found<Value, Variable> {
    const search: Search<Value, Variable> = { path, literal: undefined, length: 0, lists: [], segments: undefined };
    this.#walk(search, this.#root, 0);
    const { literal, length, lists } = search;
    return { literal, length, patterns: lists.length < 2 ? (lists[0] ?? NONE) : inOrder(lists) };
  }

  #walk(search: Search<Value, Variable>, from: Node<Value, Variable>, start: number): void {
    const { path, lists } = search;
    let node = from;
    let end = start;
    for (;;) {
      if (node.literal !== undefined) {
        search.literal = node.literal;
        search.length = end;
      }
      if (node.ends.length > 0 && (!this.#isWhole || end >= path.length - 1)) lists.push(node.ends);
      if (node.wildcards.length > 0) lists.push(node.wildcards);
      if (node.needing.size > 0) {
        search.segments ??= new Set(path.split("/").map((segment) => this.#keyOf(segment)));
        lists.push(...shared(node.needing, search.segments));
      }
      const { children, variable } = node;
      if (end >= path.length || (children.size === 0 && variable === undefined)) return;
      const slash = path.indexOf("/", end + 1);
      const next = slash < 0 ? path.length : slash;
      const segment = path.slice(end + 1, next);
      const child = children.size === 0 ? undefined : children.get(this.#keyOf(segment));
      end = next;
      if (variable === undefined || segment === "") {
        if (child === undefined) return;
        node = child;
      } else {
        if (child !== undefined) this.#walk(search, child, end);
        node = variable;
      }
    }
  }
}

function isLiteral(pattern: LiteralPattern | ShapedPattern): pattern is LiteralPattern {
  return pattern.match === undefined;
}

/** A walk along one path. */
interface Search<Value, Variable> {
  readonly path: string;
  literal: Value | undefined;
  length: number;
  readonly lists: (readonly Entry<Value, Variable>[])[];
  /** All segments of the path, made when a wildcard asks for them. */
  segments: ReadonlySet<string> | undefined;
}

const NONE: readonly never[] = [];

/** The values of the keys that are in a set, at the cost of the smaller of the two. */
function shared<Value>(map: ReadonlyMap<string, Value>, set: ReadonlySet<string>): Value[] {
  const keys = map.size < set.size ? [...map.keys()].filter((key) => set.has(key)) : set;
  return [...keys].map((key) => map.get(key)).filter((value) => value !== undefined);
}

/** The entries in their order, each once: a pattern with groups may stand in several lists. */
function inOrder<Value, Variable>(
  lists: readonly (readonly Entry<Value, Variable>[])[],
): readonly Entry<Value, Variable>[] {
  return [...new Set(lists.flat())].sort((one, other) => one.order - other.order);
}

/** The longest is the least likely to occur by chance. */
function longest(segments: readonly string[]): string | undefined {
  return segments.toSorted((one, other) => other.length - one.length)[0];
}

function newNode<Value, Variable>(): Node<Value, Variable> {
  return { children: new Map(), variable: undefined, literal: undefined, ends: [], wildcards: [], needing: new Map() };
}
