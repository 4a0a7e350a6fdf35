/** What `tsgi --help` prints. */

import type { Section, SettingName } from "./configuration/setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "./configuration/settings.ts";

/** Where the explanations of flags begin. */
const COLUMN = 32;

const TITLES: Readonly<Record<Section, string>> = {
  app: "Options for apps",
  listening: "Where to listen",
  tls: "HTTP/2 and https; the files are read again when they change",
  limits: "Limits (more in a config file); 0 is none",
  closing: "Closing",
  process: "The process",
  workers: "Workers",
  output: "What is shown",
};

function section(name: Section): string {
  const names = SETTING_NAMES.filter((each) => settingOf(each).section === name && settingOf(each).flag !== undefined);
  return [`${TITLES[name]}:`, ...names.map(line)].join("\n");
}

function line(name: SettingName): string {
  const { flag = { help: "" }, reader, default: initial, variable } = settingOf(name);
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const left = `  ${short}--${flagOf(name)}${flag.value === undefined ? "" : ` ${flag.value}`}`;
  const value = initial === undefined || reader.isSwitch ? undefined : reader.toText(initial);
  const known = [...(variable === undefined ? [] : [`$${variable}`]), ...(value === undefined ? [] : [value])];
  const fallback = known.length === 0 || value === "0" ? "" : ` (${known.join(" or ")})`;
  return `${left.padEnd(COLUMN - 1)} ${flag.help}${fallback}`;
}

export const USAGE: string = `Usage: tsgi [module[:export]]                  serve an app
       tsgi new <directory>                    write a small site to begin with
       tsgi static [directory]                 serve a folder
       tsgi proxy <target...>                  serve servers elsewhere
       tsgi precompress <directory>            compress a folder's files
       tsgi check [module[:export] [path...]]  run an app through lint
       tsgi config [module[:export]] [--json]  print all settings
       tsgi ctl <command> [--json]             ask or tell a supervisor

A module is a .js, .mjs or .ts file. Without an export, the one named app
is served, or else the default one. Its kind is detected: an app of
Express, Connect, Koa, Fastify, Polka, Hono, h3 or Elysia, anything with a
fetch method, or a function, whose number of parameters decides:
(environ, startResponse) is an app of tsgi, (request) a Fetch handler and
(req, res, next) a Node handler. For all others, such as (req, res), give
--interface.

Flags come before tsgi.config.{ts,mts,js,mjs,json} in the working directory,
which may name the app too; that before the environment; that before the
defaults in parentheses. static and proxy read a config file only where it is
named. A time is in milliseconds or has a unit: 500ms, 30s, 5m; a size in
bytes or 16K, 512M, 2G. --no-<option> turns off what the file turns on.

  --config <file>               config file to read instead

${section("app")}

${section("listening")}

A place is host:port, :port for every interface, [::1]:port,
unix:path?mode=660, fd:3 for a socket that was inherited, or fd:name for
one of systemd, whose sockets are the places if no other is given.

${section("tls")}

${section("limits")}

${section("closing")}

${section("process")}

${section("workers")}

${section("output")}

Options of static:
  --listing                     list folders that have no index.html
  --single                      show index.html for pages that are not found
  --cors                        let the pages of other sites read the files
  --cache <seconds>             how long browsers may keep files (0)
  --immutable                   a year for names like app.3f2a1b9c.js
  --dotfiles                    serve files whose name starts with a dot
  --open                        open the browser

Options of proxy, whose targets are URLs, host:port, :port or unix:path:
  --balance <how>               of several: latency, least-in-flight or
                                round-robin (latency)
  --health <path>               ask targets for it whether they are well
  --preserve-host               send the Host of the client, not the target's
  --trust <networks>            whose X-Forwarded-* count: 10.0.0.0/8,…
  --insecure                    take any certificate of https targets
  --target-timeout <time>       how long a head may take (1m)
  --open                        open the browser

Commands of ctl, which finds the supervisor by --control or the config file:
  status, requests              what workers do, what they are answering
  reload, scale <number>, stop  replace workers, change their number, end

Options of precompress:
  --only <codings>              some of br,zstd,gzip (default: all)
  --quiet                       print nothing but errors

  --version                     print the version
  -h, --help                    print this

Unhandled errors, in promises or timers, are reported and do not end the
process. SIGINT and SIGTERM let running requests finish; event streams end
at once, and a second signal ends everything.
`;
