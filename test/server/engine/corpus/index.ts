/** All cases, by subject. */

import { chunkExtensions } from "./chunk-extensions.ts";
import { chunkedBodies } from "./chunked.ts";
import { connections } from "./connection.ts";
import { contentLengths } from "./content-length.ts";
import { expectations } from "./expect.ts";
import { headerLines } from "./header-lines.ts";
import { hosts } from "./host.ts";
import { limits } from "./limits.ts";
import type { Subject } from "./notation.ts";
import { pipelines } from "./pipelines.ts";
import { requestLine } from "./request-line.ts";
import { smuggling } from "./smuggling.ts";
import { targets } from "./targets.ts";
import { trailers } from "./trailers.ts";
import { transferEncodings } from "./transfer-encoding.ts";
import { versions } from "./versions.ts";

export const subjects: readonly Subject[] = [
  requestLine,
  versions,
  targets,
  headerLines,
  hosts,
  contentLengths,
  transferEncodings,
  chunkedBodies,
  chunkExtensions,
  trailers,
  expectations,
  connections,
  pipelines,
  limits,
  smuggling,
];
