import { accepts, chunks, get, got, gotChunks, head, post, refuses, type Subject, waits } from "./notation.ts";

/** A request of which the app's first reading is answered. */
function expecting(name: string, line: string, read = line): ReturnType<typeof accepts> {
  return accepts(
    "9110 §10.1.1",
    name,
    `${post("Content-Length: 1", line)}x`,
    got({ method: "POST", more: ["Content-Length: 1", read], body: "x", expectsContinue: true }),
  );
}

function failed(name: string, ...values: string[]): ReturnType<typeof refuses> {
  return refuses(
    417,
    "9110 §10.1.1",
    name,
    `${post("Content-Length: 1", ...values.map((value) => `Expect:${value}`))}x`,
  );
}

export const expectations: Subject = {
  title: "expect",
  cases: [
    expecting("100-continue", "Expect: 100-continue"),
    expecting("in both cases", "Expect: 100-Continue"),
    expecting("its name in lower case", "expect: 100-continue"),
    expecting("spaces and tabs around it", "Expect:\t 100-continue \t", "Expect: 100-continue"),
    accepts(
      "9110 §10.1.1",
      "a chunked body",
      post("Expect: 100-continue", "Transfer-Encoding: chunked") + chunks("1\r\nx\r\n0\r\n\r\n").slice(chunks().length),
      gotChunks("x", { more: ["Expect: 100-continue", "Transfer-Encoding: chunked"], expectsContinue: true }),
    ),
    accepts(
      "9110 §10.1.1",
      "the next request expects nothing",
      `${post("Content-Length: 1", "Expect: 100-continue")}x${get("/b")}`,
      got({ method: "POST", more: ["Content-Length: 1", "Expect: 100-continue"], body: "x", expectsContinue: true }),
      got({ target: "/b" }),
    ),
    accepts(
      "9110 §10.1.1",
      "HTTP/1.0 expects nothing",
      `${head("POST / HTTP/1.0", "Content-Length: 1", "Expect: 100-continue")}x`,
      got({ method: "POST", protocol: "HTTP/1.0", lines: ["Content-Length: 1", "Expect: 100-continue"], body: "x" }),
    ),
    accepts(
      "9110 §10.1.1",
      "another expectation in HTTP/1.0",
      head("GET / HTTP/1.0", "Expect: tea"),
      got({ protocol: "HTTP/1.0", lines: ["Expect: tea"] }),
    ),
    accepts("9110 §5.1", "a name that begins with it", get("/", "Expect-CT: tea"), got({ more: ["Expect-CT: tea"] })),
    waits(
      "9110 §10.1.1",
      "a body that is held back",
      post("Content-Length: 1", "Expect: 100-continue"),
      got({
        method: "POST",
        more: ["Content-Length: 1", "Expect: 100-continue"],
        expectsContinue: true,
        isWhole: false,
      }),
    ),
    failed("another expectation", " tea"),
    failed("an empty one", ""),
    failed("100-continue and another", " 100-continue, tea"),
    failed("another, and 100-continue on the next line", " tea", " 100-continue"),
    failed("100-continue, and another on the next line", " 100-continue", " tea"),
    failed("100-continue with a parameter", " 100-continue;a=b"),
    failed("100-continue without its hyphen", " 100 continue"),
    failed("quotes", ' "100-continue"'),
    failed("a number", " 100"),
    failed("a no-break space after it", " 100-continue\xa0"),
    refuses(417, "9110 §10.1.1", "another expectation, after a request", get("/") + get("/", "Expect: tea"), got()),
    refuses(417, "9110 §10.1.1", "another expectation without a body", get("/", "Expect: 200-ok")),
  ],
};
