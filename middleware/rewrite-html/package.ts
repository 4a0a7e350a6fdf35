/** The packages `parse5` and `css-what`, as much as is used of them: their own types are only there for those who have installed them. */

import { TsgiError } from "../../src/errors.ts";
import { loadPackage } from "../../src/peer-package.ts";

/** Where something stands in what the tokenizer was given. */
export interface Location {
  readonly startOffset: number;
  readonly endOffset: number;
}

/** A start tag or an end tag. */
export interface TagToken {
  readonly tagName: string;
  readonly attrs: readonly { readonly name: string; readonly value: string }[];
  readonly selfClosing: boolean;
  readonly location: Location & { readonly attrs?: Readonly<Record<string, Location>> };
}

/** What is told of tokens. */
export interface TokenHandler {
  onStartTag(token: TagToken): void;
  onEndTag(token: TagToken): void;
  onComment(token: { readonly location: Location }): void;
  onDoctype(): void;
  onEof(): void;
  onCharacter(): void;
  onNullCharacter(): void;
  onWhitespaceCharacter(): void;
}

const ignore = (): void => {};

/** A handler that nothing matters to. */
export const SILENT: TokenHandler = {
  onStartTag: ignore,
  onEndTag: ignore,
  onComment: ignore,
  onDoctype: ignore,
  onEof: ignore,
  onCharacter: ignore,
  onNullCharacter: ignore,
  onWhitespaceCharacter: ignore,
};

/** The tokenizer of the HTML Standard (§13.2.5). */
export interface Tokenizer {
  /** One of the modes between two tokens, or any other number amid one. */
  state: number;
  /** Whether CDATA sections are read as such. */
  inForeignNode: boolean;
  readonly preprocessor: { readonly html: string; bufferWaterline: number };
  write(text: string, isLast: boolean): void;
}

export interface Parse5 {
  readonly Tokenizer: new (options: { sourceCodeLocationInfo: boolean }, handler: TokenHandler) => Tokenizer;
  readonly TokenizerMode: Readonly<Record<"DATA" | "RCDATA" | "RAWTEXT" | "SCRIPT_DATA" | "PLAINTEXT", number>>;
}

/** A part of a selector. */
export interface SelectorPart {
  readonly type: string;
  readonly name?: string;
  readonly namespace?: string | null;
  readonly action?: string;
  readonly value?: string;
  readonly ignoreCase?: boolean | "quirks" | null;
  readonly data?: readonly (readonly SelectorPart[])[] | string | null;
}

interface CssWhat {
  parse(selector: string): readonly (readonly SelectorPart[])[];
}

const INSTALL = "parse5@8 css-what@8";

/** Throws `TSGI_NO_PACKAGE`. */
export function loadCssWhat(owner: string): CssWhat {
  return loadPackage<CssWhat>("css-what", owner, INSTALL);
}

/** Throws `TSGI_NO_PACKAGE`, also where there is a version whose tokenizer is another one. */
export function loadParse5(owner: string): Parse5 {
  const loaded = loadPackage<Parse5>("parse5", owner, INSTALL);
  if (!isKnown(loaded)) {
    throw new TsgiError("TSGI_NO_PACKAGE", `${owner} needs version 8 of the package parse5`, {
      hint: `Install it: npm install ${INSTALL}`,
    });
  }
  return loaded;
}

/** Whether the tokenizer is the one that is meant: it is not among what the package documents. */
function isKnown({ Tokenizer, TokenizerMode }: Partial<Parse5>): boolean {
  if (typeof Tokenizer !== "function" || TokenizerMode === undefined) return false;
  const seen: unknown[] = [];
  const tokenizer = new Tokenizer(
    { sourceCodeLocationInfo: true },
    {
      ...SILENT,
      onStartTag({ tagName, attrs, location }) {
        const { startOffset, endOffset } = location.attrs?.b ?? {};
        seen.push(tagName, attrs[0]?.value, startOffset, endOffset, location.startOffset, location.endOffset);
      },
    },
  );
  if (typeof tokenizer.preprocessor?.bufferWaterline !== "number") return false;
  tokenizer.preprocessor.bufferWaterline = 1;
  for (const piece of ["<", "i>", "<a b='", "c'"]) tokenizer.write(piece, false);
  const isAmid = !Object.values(TokenizerMode).includes(tokenizer.state);
  tokenizer.write(">", false);
  const isAfter = tokenizer.state === TokenizerMode.DATA && typeof tokenizer.inForeignNode === "boolean";
  return isAmid && isAfter && seen.join() === "i,,,,0,3,a,c,6,11,3,12";
}
