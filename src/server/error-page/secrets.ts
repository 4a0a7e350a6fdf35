/** What an error page does not show: passwords, tokens and cookies, which would be in every screenshot of it. */

const HIDDEN = "••••";

const SECRET_NAME =
  /cookie|authori[sz]ation|passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|session|csrf|xsrf|signature|jwt/i;

/** The password of a URL. */
const URL_PASSWORD = /(:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g;

/** The shortest value of the environment that is looked for in texts. A shorter one would be found by accident. */
const SHORTEST_SECRET = 8;

/** Whether what a name stands for is not to be shown. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A text without the secrets of this process' environment, and without the passwords of URLs. */
export function hideSecrets(text: string): string {
  let shown = text;
  for (const [name, value = ""] of Object.entries(process.env)) {
    // The desktop's session is not one: XDG_SESSION_DESKTOP.
    if (value.length >= SHORTEST_SECRET && isSecretName(name.replace("SESSION", "")))
      shown = shown.replaceAll(value, HIDDEN);
  }
  return shown.replace(URL_PASSWORD, `$1${HIDDEN}`);
}

/** A target or a query, without the values of parameters that are secrets. */
export function hideParameters(target: string): string {
  const parts = target.split(/([?&;#])/).map((part) => {
    const name = part.split("=", 1)[0] as string;
    return name !== part && isSecretName(name) ? `${name}=${HIDDEN}` : part;
  });
  return hideSecrets(parts.join(""));
}

/** The value of a key of an environ. Of cookies the names are left, of credentials the scheme. */
export function showEntry(name: string, value: unknown): string {
  if (typeof value !== "string") return isSecretName(name) ? HIDDEN : showValue(value);
  if (/^HTTP_COOKIE2?$/.test(name)) return value.replace(/=[^;]*/g, `=${HIDDEN}`);
  if (/AUTHORIZATION$/.test(name)) return `${/^[\w-]+(?= )/.exec(value)?.[0] ?? ""} ${HIDDEN}`.trim();
  if (isSecretName(name)) return HIDDEN;
  return hideParameters(shortened(value));
}

/** How much of a value is shown. */
const MOST_MEMBERS = 50;
const MOST_CHARACTERS = 2_000;
const DEEPEST = 4;

/** A value as text. Plain objects and lists are shown with what they hold, of everything else the class. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return hideSecrets(shortened(value));
  try {
    const pruned = prune(value, DEEPEST);
    return hideSecrets(shortened(typeof pruned === "string" ? pruned : (JSON.stringify(pruned) ?? String(pruned))));
  } catch {
    return "a value that cannot be shown";
  }
}

/** A copy that holds nothing secret, large or circular. */
function prune(value: unknown, depth: number): unknown {
  if (typeof value === "string") return shortened(value);
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value === process.env) return "[process.env]";
  if (!isPlain(value)) return `[${value.constructor?.name || "object"}]`;
  if (depth === 0) return Array.isArray(value) ? "[…]" : "{…}";
  if (Array.isArray(value)) return value.slice(0, MOST_MEMBERS).map((each) => prune(each, depth - 1));
  const members = Object.keys(value).slice(0, MOST_MEMBERS);
  return Object.fromEntries(members.map((name) => [name, pruneMember(value, name, depth - 1)]));
}

function pruneMember(owner: object, name: string, depth: number): unknown {
  const value = (owner as Record<string, unknown>)[name];
  const isOfEnvironment = typeof value === "string" && value !== "" && process.env[name] === value;
  return isSecretName(name) || isOfEnvironment ? HIDDEN : prune(value, depth);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function shortened(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}… (${text.length} characters)` : text;
}
