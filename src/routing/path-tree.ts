/**
 * Finds, among many patterns, those that a path may match. Literal heads form a tree of segments that is walked forward
 * along the path, no further than the deepest head, so that the cost does not depend on the number of patterns, and a
 * hostile path of any length costs no more than one pass over as many segments as the deepest key has.
 */

import type { Pattern } from "./pattern.ts";

/** A pattern with what it stands for. */
export interface Entry<Value> {
  readonly pattern: Pattern;
  readonly value: Value;
  /** Its place among all that were added. */
  readonly order: number;
}

interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  literal: Value | undefined;
  readonly patterns: Entry<Value>[];
}

/** What lies along a path. */
export interface Found<Value> {
  /** The longest literal prefix on a segment boundary, and its length. */
  literal: Value | undefined;
  length: number;
  /** The patterns whose heads the path begins with, in the order in which they were added. */
  patterns: readonly Entry<Value>[];
}

export class PathTree<Value> {
  readonly #root: Node<Value> = newNode();
  #size = 0;

  /** Adds a pattern; false where a literal one of the same path is there already. */
  add(pattern: Pattern, value: Value): boolean {
    const node = this.#nodeAt(pattern.head);
    if (pattern.match !== undefined) {
      node.patterns.push({ pattern, value, order: this.#size++ });
      return true;
    }
    if (node.literal !== undefined) return false;
    node.literal = value;
    return true;
  }

  #nodeAt(head: string): Node<Value> {
    let node = this.#root;
    for (const segment of head.split("/").slice(1)) {
      const child = node.children.get(segment) ?? newNode();
      node.children.set(segment, child);
      node = child;
    }
    return node;
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
  find(path: string): Found<Value> {
    let node = this.#root;
    let { literal } = node;
    const lists = node.patterns.length > 0 ? [node.patterns] : [];
    let length = 0;
    let start = 1;
    while (node.children.size > 0 && start <= path.length) {
      const slash = path.indexOf("/", start);
      const end = slash < 0 ? path.length : slash;
      const child = node.children.get(path.slice(start, end));
      if (child === undefined) break;
      node = child;
      if (node.literal !== undefined) {
        literal = node.literal;
        length = end;
      }
      if (node.patterns.length > 0) lists.push(node.patterns);
      start = end + 1;
    }
    return { literal, length, patterns: lists.length < 2 ? (lists[0] ?? []) : inOrder(lists) };
  }
}

function inOrder<Value>(lists: readonly (readonly Entry<Value>[])[]): readonly Entry<Value>[] {
  return lists.flat().sort((one, other) => one.order - other.order);
}

function newNode<Value>(): Node<Value> {
  return { children: new Map(), literal: undefined, patterns: [] };
}
