import {
  accepts,
  bytesThat,
  get,
  got,
  head,
  refuses,
  refusesAbove,
  type Seen,
  type Subject,
  utf8,
} from "./notation.ts";

/** A target that is taken, and what an app finds. */
function target(section: string, name: string, text: string, seen: Seen): ReturnType<typeof accepts> {
  return accepts(section, name, get(text), got({ target: text, seen }));
}

function options(text: string): string {
  return head(`OPTIONS ${text} HTTP/1.1`, "Host: a");
}

export const targets: Subject = {
  title: "targets",
  cases: [
    target("9112 §3.2.1", "a path", "/a/b", { PATH_INFO: "/a/b", QUERY_STRING: "" }),
    target("9112 §3.2.1", "a path and a query", "/a?b=c", { PATH_INFO: "/a", QUERY_STRING: "b=c" }),
    target("9112 §3.2.1", "an empty query", "/a?", { PATH_INFO: "/a", QUERY_STRING: "" }),
    target("3986 §3.4", "question marks in a query", "/a?b?c", { QUERY_STRING: "b?c" }),
    target("3986 §3.4", "a URL in a query", "/?u=http://b/c", { PATH_INFO: "/", QUERY_STRING: "u=http://b/c" }),
    target("9112 §3.2", "a query may have any escape", "/?%zz%&%00", { QUERY_STRING: "%zz%&%00" }),
    target("9112 §3.2", "quotes, brackets and other characters that a URL escapes", '/"<>\\^`{|}[]', {
      PATH_INFO: "/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D",
    }),
    refuses(400, "9112 §3.2", "bytes beyond ASCII, as they are in UTF-8", get(`/${utf8("é")}`)),
    refuses(400, "9112 §3.2", "a byte beyond ASCII in a query", get("/?\x80")),
    accepts(
      "9112 §3.2",
      "every visible character of ASCII",
      get(`/?${bytesThat((byte) => byte > " " && byte < "\x7f" && byte !== "#").join("")}`),
      got({ target: `/?${bytesThat((byte) => byte > " " && byte < "\x7f" && byte !== "#").join("")}` }),
    ),
    target("3986 §5.2.4", "dot segments stay in the target, and leave the path", "/a/../../b/./c", {
      PATH_INFO: "/b/c",
    }),
    target("3986 §5.2.4", "escaped dot segments", "/a/%2e%2E/b", { PATH_INFO: "/b" }),
    target("9112 §3.2.1", "two slashes are not an authority", "//b/c", { PATH_INFO: "/b/c", HTTP_HOST: "a" }),
    target("3986 §2.1", "an escaped slash separates nothing", "/a%2fb", { PATH_INFO: "/a%2Fb" }),
    target("3986 §2.4", "an escape is decoded once", "/%2541", { PATH_INFO: "/%2541" }),
    target("9112 §3.2.1", "an `@` in a path is not a user", "/@b:80/", { PATH_INFO: "/@b:80/" }),
    target("9112 §3.2.1", "a path that looks like a version", "/HTTP/1.1", { PATH_INFO: "/HTTP/1.1" }),

    target("9112 §3.2.2", "the absolute form takes the place of Host", "http://b/c?d", {
      PATH_INFO: "/c",
      QUERY_STRING: "d",
      HTTP_HOST: "b",
    }),
    target("9112 §3.2.2", "the absolute form without a path", "http://b", { PATH_INFO: "/", HTTP_HOST: "b" }),
    target("9112 §3.2.2", "the absolute form with a query and no path", "http://b?c", {
      PATH_INFO: "/",
      QUERY_STRING: "c",
    }),
    target("9112 §3.2.2", "the absolute form with a port", "http://b:81/", { HTTP_HOST: "b:81" }),
    target("9112 §3.2.2", "the absolute form of https", "https://b/", { HTTP_HOST: "b" }),
    target("3986 §3.1", "a scheme in upper case", "HTTP://b/", { PATH_INFO: "/", HTTP_HOST: "b" }),
    target("9112 §3.2.2", "the absolute form with an IPv6 address", "http://[::1]:81/", { HTTP_HOST: "[::1]:81" }),
    target("9112 §3.2.2", "an absolute form in the path of another", "http://b/http://c/", { HTTP_HOST: "b" }),
    accepts(
      "9112 §3.2.2",
      "the absolute form in HTTP/1.0, without Host",
      head("GET http://b/ HTTP/1.0"),
      got({ target: "http://b/", protocol: "HTTP/1.0", lines: [], seen: { HTTP_HOST: "b" } }),
    ),
    accepts(
      "9112 §3.2.2",
      "the absolute form beside an empty Host",
      head("GET http://b/ HTTP/1.1", "Host:"),
      got({ target: "http://b/", lines: ["Host: "], seen: { HTTP_HOST: "b" } }),
    ),
    refuses(400, "9112 §3.2", "the absolute form does not make up for a Host", head("GET http://b/ HTTP/1.1")),
    refusesAbove(
      "9112 §3.2",
      "the absolute form does not make up for a malformed Host",
      head("GET http://b/ HTTP/1.1", "Host: a b"),
    ),
    refusesAbove("3986 §3.2.1", "a user in the absolute form", get("http://u@b/")),
    refusesAbove("3986 §3.2", "a backslash that hides an authority", get("http://b\\@c/")),
    refusesAbove("9110 §4.2.1", "the absolute form without a host", get("http:///c")),
    refusesAbove("9112 §3.2.2", "the absolute form of another scheme", get("ftp://b/c")),
    refusesAbove("9112 §3.2.2", "an absolute form with one slash", get("http:/b/c")),
    refusesAbove("3986 §3.2.3", "the absolute form with a port of letters", get("http://b:c/")),
    refusesAbove("3986 §3.2.2", "the absolute form with half an IPv6 address", get("http://[::1/")),
    refusesAbove("3986 §3.2.2", "the absolute form with a malformed host", get('http://"/')),

    accepts(
      "9112 §3.2.4",
      "`OPTIONS *`",
      options("*"),
      got({ method: "OPTIONS", target: "*", seen: { PATH_INFO: "*" } }),
    ),
    accepts(
      "9110 §9.3.7",
      "OPTIONS of a path",
      options("/*"),
      got({ method: "OPTIONS", target: "/*", seen: { PATH_INFO: "/*" } }),
    ),
    refusesAbove("9112 §3.2.4", "`GET *`", get("*")),
    refusesAbove("9112 §3.2.4", "`options *`, which is another method", head("options * HTTP/1.1", "Host: a")),
    refusesAbove("9112 §3.2.4", "`OPTIONS *` with a query", options("*?a")),
    refusesAbove("9112 §3.2.4", "`OPTIONS **`", options("**")),
    refusesAbove("9112 §3.2.3", "the authority form", get("b:80")),
    refusesAbove("9112 §3.2", "a path without its first slash", get("a/b")),
    refusesAbove("9112 §3.2", "a query without a path", get("?a")),
    refusesAbove("9112 §3.2", "a backslash for the first slash", get("\\a")),
    refusesAbove("9112 §3.2", "an escaped slash for the first one", get("%2Fa")),
    refuses(400, "9112 §3.2", "a byte beyond ASCII for the first slash", get("\xaf/a")),
    refusesAbove("9112 §3.2", "a fragment", get("/a#b")),
    refusesAbove("9112 §3.2", "a fragment after a query", get("/a?b#c")),
    refusesAbove("9112 §3.2", "a fragment in the absolute form", get("http://b#c")),
    refusesAbove("3986 §2.1", "a percent sign that escapes nothing", get("/%")),
    refusesAbove("3986 §2.1", "half an escape", get("/%4")),
    refusesAbove("3986 §2.1", "an escape of letters that are not hexadecimal", get("/%4g")),
    refusesAbove("3986 §2.1", "an escape as JavaScript has it", get("/%u0041")),
    refusesAbove("3986 §7.3", "an escaped NUL", get("/a%00.txt")),
    refuses(
      400,
      "9112 §3.2",
      "every control in a target, and DEL",
      bytesThat((byte) => byte < " " || byte === "\x7f").map((byte) => get(`/a${byte}b`)),
    ),
    refuses(
      400,
      "9112 §3.2",
      "every control in a query, and DEL",
      bytesThat((byte) => byte < " " || byte === "\x7f").map((byte) => get(`/?a${byte}`)),
    ),
    refuses(400, "9112 §3.2", "a line end in a target, and a header line after it", get("/ HTTP/1.1\nX: y")),
    refusesAbove("9112 §3.2", "a malformed target, after a request", get("/") + get("/%zz"), got()),
  ],
};
