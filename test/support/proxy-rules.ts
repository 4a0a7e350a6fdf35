/**
 * What a reverse proxy and a balancer have to hold to, rule by rule, and the tests that hold each: by their titles, with `…` where a
 * title is made of several parts. Rules that are not followed name the reason in CONTRIBUTING instead, as `not: …`.
 */

/** The rule, and where it is held. */
export type Rule = readonly [rule: string, ...held: string[]];

const FRAMING = "proxy: a body is framed in one way, whatever the method";
const FRAMING_BY_NODE = "proxy: a body is framed in one way for a target that sends 100 Continue unasked";
const NOT_SENT = "proxy: what cannot be sent on is a 400, too many headers a 431";
const MALFORMED = "proxy: a response with … is a 502, and ends its connection";
const HEAD_SIZE = "proxy: the head of a response may be as large as is told";
const CUT = "proxy: a target that … cuts the client's response";
const LEFT = "proxy: a client that leaves … ends the request to the target";
const REFUSALS = "proxy: a target that is not there is a 502";
const STALE = "proxy: a kept connection that turns out to be closed is no failure of a GET";
const ELSEWHERE = "balancer: a request that nobody has got goes elsewhere, a POST with its body too";
const UNREACHED = "balancer: a target that cannot be reached has another one asked, for a POST too";
const LONE = "not: A lone target is not asked twice";
const NO_FAILURE = "balancer: what is not a failure of the target ejects nothing: 4xx, 500, 501, 508, full queues";
const CANONICAL = "not: A proxy sends the canonical path.";
const STARTS_SLOWLY = "balancer: a trial is one request at a time, after which the target starts slowly";
const BALANCE = "not: `balance` has four ways, and a function for the rest.";
const LIMITS = "balancer: requests beyond the limits wait for any target, then are a 503 with Retry-After";

export const RULES: Readonly<Record<string, Rule>> = {
  // Requests
  1: ["what belongs to a connection is dropped", "proxy: what belongs to a connection stays there, both ways"],
  2: ["Connection takes nothing away", "proxy: Connection cannot take away what a target decides by"],
  3: ["an invalid token is ignored", "proxy: … is read as far as it makes sense, both ways"],
  4: [
    "the path arrives as it was sent",
    CANONICAL,
    "proxy: the canonical path is sent, the query as it came",
    "proxy: the path is sent as the client has spelled it where that is asked for",
  ],
  5: ["dot segments", "proxy: a path that could lead out of the target's own is a 400"],
  6: ["one slash between prefix and path", "proxy: paths are joined with one slash, queries with &"],
  7: ["absolute-form becomes origin-form", "proxy: nothing in a request changes where it goes"],
  8: ["OPTIONS *, CONNECT, TRACE", "proxy: OPTIONS * is forwarded as it is, CONNECT and TRACE are not"],
  9: ["the origin is fixed", "proxy: nothing in a request changes where it goes"],
  10: [
    "Host, and the name in TLS",
    "proxy: Host is the target's, the client's, or another",
    "proxy: verifies certificates",
  ],
  11: [
    "X-Forwarded-For on one line, and only of trusted peers",
    "proxy: what a client tells of other clients is replaced",
    "proxy: what a trusted peer tells of clients is continued, on one line",
  ],
  12: [
    "X-Forwarded-Proto, -Host, -Port, -Prefix",
    "proxy: what a client tells of other clients is replaced",
    "proxy: the mount is handed on",
  ],
  13: ["Forwarded", "proxy: Forwarded is written as RFC 7239 says"],
  14: [
    "Via both ways, and loops",
    "proxy: forwards a request and its response",
    "proxy: a request that has come by before is a 508",
  ],
  15: ["Max-Forwards", "proxy: Max-Forwards counts OPTIONS down, and ends it at 0"],
  16: ["lines as they came", "proxy: lines keep their count, order, case and bytes"],
  17: ["one framing", FRAMING, FRAMING_BY_NODE],
  18: ["bodies of DELETE, OPTIONS and GET", FRAMING, FRAMING_BY_NODE],
  19: ["no chunks for HTTP/1.0", "proxy: a target that speaks HTTP/1.0 is not sent chunks"],
  20: [
    "Expect: 100-continue",
    "proxy: a client that expects 100 Continue sends its body when the target wants it",
    "proxy: a client that expects 100 Continue is not asked for a body that the target refuses",
  ],
  21: ["encodings are not touched", "proxy: encodings pass untouched, unless a layer transforms the response"],
  22: [
    "redirects are passed on, references and cookies mapped",
    "proxy: redirects are passed on, and references to the target are mapped to where it is mounted",
    "proxy: paths of cookies are mapped, and their domain where that is asked for",
  ],
  23: ["what is illegal is a 400", NOT_SENT],
  24: [
    "TLS, Unix sockets, IPv6",
    "proxy: verifies certificates",
    "proxy: a target that asks for a certificate gets one, under the name that is given",
    "proxy: speaks to Unix sockets",
    "proxy: speaks to ::1",
  ],
  25: ["too large a head is a 431", NOT_SENT],
  // Responses
  26: ["status and reason", "proxy: status and reason are kept, any that there may be", MALFORMED],
  27: [
    "Date, Server, Set-Cookie",
    "proxy: Date and Server pass, nothing is added twice",
    "proxy: paths of cookies are mapped, and their domain where that is asked for",
  ],
  28: ["lengths, HEAD, 204, 304", "proxy: HEAD keeps the length, 204 and 304 have no body, and the connection is kept"],
  29: ["a 304 with a length", "proxy: a 304 that declares a length is whole", NO_FAILURE],
  30: ["length and coding at once", MALFORMED],
  31: ["two lengths, chunks, folds, NUL, large heads", MALFORMED, "proxy: a head without end is a 502", HEAD_SIZE],
  32: [
    "bodies that end with the connection",
    "proxy: a body that ends with its connection is whole",
    "proxy: a client of HTTP/1.0 gets the end of a body as the end of its connection",
  ],
  33: [
    "bytes after a response",
    "proxy: what a target sends after its response reaches nobody",
    "proxy: what a target sends while nobody asks reaches nobody",
  ],
  34: [
    "100, 103 and how many",
    "proxy: a target that sends 100 Continue unasked is understood",
    "proxy: 103 is passed on where that is asked for",
    MALFORMED,
  ],
  35: ["101 unasked", MALFORMED],
  36: [
    "trailers",
    "proxy: trailers reach a client that asks for them, except those that may not be any",
    "proxy: trailers are dropped for a client that does not ask, and so is what announces them",
  ],
  37: [
    "the head at once, each event by itself",
    "proxy: the head is sent on before the body comes, and every event by itself",
  ],
  38: ["back-pressure of clients", "proxy: a slow reader makes the target wait"],
  39: ["back-pressure of targets", "proxy: a target that does not read a body … makes the client wait"],
  40: ["an early answer", "proxy: a target that answers before it has read the body is heard"],
  // Failures
  41: ["no address", "proxy: a target without an address is a 502", UNREACHED],
  42: ["nobody listens", REFUSALS, ELSEWHERE],
  43: ["connecting takes too long", "proxy: a target that does not take the connection in time is a 504", UNREACHED],
  44: ["TLS fails", "proxy: a target that does not speak TLS is a 502", UNREACHED],
  45: [
    "the head takes too long",
    "proxy: a target that does not answer in time is a 504, and its connection is closed",
    "balancer: a target that takes too long is a 504, and the request goes nowhere else",
  ],
  46: [
    "a new connection is closed",
    "proxy: a target that closes a new connection before its head is a 502, asked once",
    "balancer: a GET that was cut off goes elsewhere, a POST does not",
  ],
  47: [
    "a kept connection is closed",
    STALE,
    "balancer: a kept connection that was closed is renewed at the same target, and says nothing of it",
  ],
  "47b": [
    "GOAWAY",
    "http2: a polite farewell loses nothing",
    "http2: a target that refuses streams for now has them later",
  ],
  48: [
    "the same of a POST",
    "proxy: a POST that was sent is not sent again",
    "proxy: a kept connection that was closed meanwhile is not used at all",
  ],
  49: [
    "a malformed head",
    MALFORMED,
    "balancer: faults of all kinds leave no request behind, and no error without an owner",
  ],
  50: ["a reset amid a body", CUT],
  51: ["an end amid chunks", CUT],
  52: ["an end before the length", CUT],
  53: ["silence amid a body", CUT, "proxy: an event stream may be silent"],
  54: [
    "a deadline for all",
    "proxy: a deadline covers all of an exchange",
    "balancer: a deadline that passes while a request waits for a target is a 503",
  ],
  55: ["no spinning", "proxy: a target that is slower than its client costs no time on the processor"],
  56: ["clients that leave before the head", LEFT],
  57: [
    "amid the body",
    LEFT,
    "proxy: a client that leaves amid the body is not an error",
    "proxy: an app that fails after the proxy has answered closes the request to the target",
  ],
  58: [
    "amid the upload",
    LEFT,
    "proxy: a client that leaves amid its upload is not an error, and its connection is not used again",
  ],
  59: ["while it waits", "proxy: a client that leaves while it waits is never sent on"],
  60: ["in any phase", "proxy: requests that were left in any phase leave their places to others"],
  61: [
    "aborts are a 499, and no failures",
    "proxy: a client that leaves before the head is a 499 in the log",
    "balancer: bodies that are cut eject a target, clients that leave do not",
  ],
  62: ["answers of its own tell nothing", REFUSALS],
  63: ["random faults", "proxy: survives random faults of targets and clients"],
  64: ["503 with Retry-After", LIMITS, "balancer: without a target, and once it is closed, it answers 503"],
  // Retries
  65: [
    "safe methods, before the response",
    "balancer: a GET that was cut off goes elsewhere, a POST does not",
    "balancer: other methods may be sent twice where that is told, with bodies that are all there",
  ],
  66: [
    "bodies that were read",
    "balancer: other methods may be sent twice where that is told, with bodies that are all there",
  ],
  67: ["how often, and where", "balancer: retries end with their number, and with their budget", LONE],
  68: [
    "a budget",
    "balancer: retries are a share of the requests of the last ten seconds, three at once at least",
    "balancer: retries that are over leave their places among those under way",
    "balancer: tells what is left of the budget for retries, and how often there was none",
  ],
  69: ["waiting before the same target is asked", LONE],
  70: [
    "statuses",
    "balancer: no answer is asked for again, unless its status is told",
    "balancer: large answers that nobody gets block no connection",
  ],
  71: ["Retry-After", "balancer: nobody is made to wait by a Retry-After: it goes to the client"],
  72: ["never by a range", "proxy: a response that was cut is not gone on with by a range"],
  73: [
    "two targets at once",
    "balancer: a second target is asked where the first one takes long, and the loser is cut",
    "balancer: with `true`, a second target is asked once it is known what takes long",
    "balancer: without a budget, or another target, there is no second attempt",
    "balancer: what answers in time is asked for once, what is not safe too",
    "balancer: a client that leaves ends both attempts",
  ],
  // Balancing
  74: [
    "two choices by latency",
    "balancer: a slow target gets few requests",
    "balancer: latency rises at once, and fades",
    "balancer: a target that is new is expected to take what the others do",
    "not: A failure adds a second of latency, which fades within seconds.",
  ],
  75: [
    "other ways",
    "balancer: takes turns by weight",
    "balancer: a function of one's own chooses; where it throws, it is reported and latency decides",
    BALANCE,
  ],
  76: [
    "the same key, the same target",
    "balancer: the same key goes to the same target, which is lost with its own keys alone",
    "balancer: keys are spread by weight",
    BALANCE,
  ],
  77: [
    "a signed cookie",
    "balancer: the cookie is set once, signed, not for scripts, and does not tell the address",
    "balancer: a cookie that is forged, cut or of another secret counts as none",
    "balancer: where the target is ejected, another one takes the client over",
    "not: The cookie of `sticky` is an HMAC of the target.",
  ],
  78: [
    "the weight 0",
    "balancer: a target of the weight 0 gets no requests",
    "balancer: a target of the weight 0 keeps its clients, and gets no others",
  ],
  79: [
    "ejection",
    "balancer: a target that fails is ejected, the last one never",
    "balancer: failures eject only in a row, and within the window",
    "balancer: each trial that fails doubles the time, up to the longest",
  ],
  80: ["what is no failure", NO_FAILURE],
  81: ["trials", "balancer: a target that was ejected is tried by one request, and is in again", STARTS_SLOWLY],
  82: [
    "never all",
    "balancer: half of the targets may be out at once, rounded up, and never all",
    "balancer: targets whose probes fail get no requests while another is well",
    "not: Ejections are bounded by a share, and there is no panic below it.",
  ],
  83: [
    "backups",
    "balancer: backups get requests only while no other target can",
    "balancer: all targets may be out where a backup is well",
  ],
  84: [
    "probes",
    "balancer: probes go on while a target is ejected, on connections of their own, and end with the balancer",
    "balancer: what probes have found out outlives a list without the target",
    "balancer: which statuses are well can be told",
    "balancer: single probes turn nothing: as many in a row as are told do",
  ],
  85: ["slow start", "balancer: a slow start begins with a tenth", STARTS_SLOWLY],
  86: [
    "drain",
    "balancer: a target that is drained finishes what is under way, and gets nothing more",
    "balancer: what a drained target does not finish in time is cut, and sent elsewhere where it may be",
  ],
  87: ["another list", "balancer: another list of targets loses nothing that is under way or waits"],
  88: [
    "names in the DNS",
    "dnsTargets: each address is a target, which has the name of the URL",
    "dnsTargets: is asked again when records expire, within bounds",
    "dnsTargets: a look-up that fails, or finds nothing, keeps the last list",
    "balancer: a target that stays keeps its connections and what is known of it, one that leaves is drained",
    "not: What is known of a target outlives the list.",
  ],
  89: [
    "limits, and one queue",
    LIMITS,
    "proxy: a request that waits too long for its turn is a 503",
    "not: A balancer has one queue for all its targets.",
  ],
  90: [
    "the age of connections",
    "proxy: a connection is given up before the target says that it closes it",
    "proxy: a connection that nobody needs is closed",
    "proxy: a connection that is old is not used again",
  ],
  91: ["choosing of a hundred", "not: A choice among a hundred targets is measured, not tested."],
  92: [
    "close",
    "proxy: closing it ends what is kept, refuses what comes, and waits for what is under way",
    "proxy: closes by a deadline, whatever is under way: heads, bodies, uploads, WebSockets, handshakes",
    "proxy: connections that are kept hold no process, nor do probes and look-ups",
    "balancer: closes by a deadline, whatever is under way: bodies, WebSockets, requests that wait",
    "balancer: requests queue until an async iterable gives the first list, and go to each later one",
  ],
  93: ["status and events", "balancer: tells what becomes of its targets", "balancer: tells how long its targets take"],
  // Other protocols
  94: [
    "what is asked of the target",
    "proxy: a connection switches protocols as both sides say",
    "proxy: a protocol that may not be spoken is not asked for",
  ],
  95: ["the 101, and early bytes", "proxy: a connection switches protocols as both sides say"],
  96: ["any other answer", "proxy: a target that does not switch answers as usual"],
  97: [
    "the end of one side",
    "proxy: when the target's side …, the client's ends",
    "proxy: when the client's side …, the target's ends",
    "proxy: a client that ends its side leaves its place to others, though the target does not end its own",
  ],
  98: [
    "back-pressure, silence",
    "proxy: who reads slowly makes the other side wait, and loses nothing",
    "proxy: a target that reads slowly makes the client wait, and loses nothing",
    "proxy: a connection on which nobody says anything is closed where that is asked for",
  ],
  99: [
    "counted and closed",
    "proxy: a connection that has switched counts among those that are under way, until it is closed",
    "proxy: the server's closing ends it with the rest",
  ],
  100: [
    "failures before the 101",
    "proxy: when the target … before it has switched, that is a 502",
    "proxy: a target that takes too long to switch is a 504",
    "proxy: a client that leaves before the target has switched ends the request",
  ],
  // What came later
  http2: [
    "HTTP/2 towards targets",
    "proxy: http2 needs undici 8, and says so",
    "http2: requests share a connection",
    "http2: a connection of which many requests were given up is not used again",
    "http2: a target to which a connection carries too much gets another one",
  ],
  mirror: [
    "mirror",
    "mirror: the app answers, and the other one gets the same request",
    "mirror: a share of the requests is copied, evenly spread",
  ],
  failover: [
    "failover",
    "failover: the first app that does not fail answers, and the last one where all do",
    "failover: the next app gets the body from its beginning",
    "failover: where more was read than is kept, the failure is the answer",
    "failover: requests that may do harm twice are answered by the first app",
  ],
};

/** The titles of the tests in a file, with `…` for what is put in. */
export function titlesIn(source: string): string[] {
  const titles: string[] = [];
  for (const { index } of source.matchAll(/(?<=\btest\(\s*)["`]/g)) titles.push(literalAt(source, index));
  return titles;
}

function literalAt(source: string, start: number): string {
  const quote = source[start] as string;
  let text = "";
  for (let index = start + 1; source[index] !== quote; index++) {
    if (quote === "`" && source.startsWith("${", index)) {
      index = endOfInsertion(source, index + 2);
      text += "…";
    } else text += source[index];
  }
  return text;
}

/** Where the brace is that closes what is put into a template. */
function endOfInsertion(source: string, start: number): number {
  let index = start;
  for (let depth = 1; ; index++) {
    if (source[index] === "{") depth++;
    if (source[index] === "}" && --depth === 0) return index;
  }
}
