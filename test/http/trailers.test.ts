import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptsTrailers, mayBeTrailer } from "../../src/http/trailers.ts";

test("mayBeTrailer: what has to be known before the body may not", () => {
  const names = ["grpc-status", "Server-Timing", "ETag", "Content-Digest", "Content-Type", "content-ENCODING", "Host"];
  names.push("Set-Cookie", "Transfer-Encoding", "Trailer", "TE", "Connection", "Authorization", "Location");
  assert.deepEqual(names.filter(mayBeTrailer), ["grpc-status", "Server-Timing", "ETag", "Content-Digest"]);
});

test("acceptsTrailers: it is a member of TE", () => {
  const accepted = ["trailers", "gzip;q=0.5, Trailers", "trailers,deflate", "", "gzip", "xtrailers"].map((te) =>
    acceptsTrailers([["te", te]]),
  );
  assert.deepEqual([...accepted, acceptsTrailers([])], [true, true, true, false, false, false, false]);
});
