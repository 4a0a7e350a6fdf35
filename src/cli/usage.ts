/** What `tsgi --help` prints. */

export const USAGE = `Usage: tsgi <module>[:<export>]                  serve an app
       tsgi static [directory]                   serve a folder
       tsgi precompress <directory>              compress a folder's files
       tsgi check <module>[:<export>] [path...]  run an app through lint

A module is a .js, .mjs or .ts file. Without an export, the one named app
is served, or else the default one. Its kind is detected: an app of
Express, Connect, Koa, Fastify, Polka, Hono, h3 or Elysia, anything with a
fetch method, or a function, whose number of parameters decides:
(environ, startResponse) is an app of tsgi, (request) a Fetch handler and
(req, res, next) a Node handler. For all others, such as (req, res), give
--interface.

Options for apps:
  --interface <name>   tsgi, node or fetch         (default: detected)
  --factory            the export is a function that returns the app
  --reload             restart when a file that was imported changes;
                       implies --development

Options for apps and folders:
  --host <address>     address to listen on        (default $HOST or 127.0.0.1)
  -p, --port <number>  port, 0 picks a free one    (default $PORT or 8000)
  --unix <path>        Unix socket to listen on instead
  --tls-key <file>     private key in PEM; with --tls-cert: https
  --tls-cert <file>    certificate in PEM
  --development        show errors in the response
  --verbose            print each exchange as curl -v does

Options of static:
  --listing            list folders that have no index.html
  --single             show index.html for pages that are not found
  --cors               let the pages of other sites read the files
  --cache <seconds>    how long browsers may keep files   (default 0)
  --immutable          a year for names like app.3f2a1b9c.js
  --dotfiles           serve files whose name starts with a dot
  --open               open the browser
  --quiet              print nothing but errors

Options of precompress:
  --only <codings>     some of br,zstd,gzip        (default all)
  --quiet              print nothing but errors

  --version            print the version
  -h, --help           print this

Unhandled errors, in promises or timers, are reported and do not end the
process. SIGINT and SIGTERM let running requests finish; event streams end
at once, and a second signal ends everything.
`;
