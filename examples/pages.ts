// Pages of an Express app that knows neither its mount nor the site: links, a menu, errors; sent short, and only once.
// $ npx tsgi examples/pages.ts
// $ curl http://127.0.0.1:8000/blog/
// <!doctype html><title>Blog at example.com</title><nav><a href="/">Home</a></nav><h1>Blog</h1><a href="/blog/post">A post</a>
// $ curl http://127.0.0.1:8000/blog/nowhere
// <h1>404 Not Found</h1><p>Nothing is at /blog/nowhere.</p>
// $ curl --head http://127.0.0.1:8000/blog/post --output /dev/null --write-out "%header{location}"
// /blog/
// $ curl --header "If-None-Match: *" --output /dev/null --write-out "%{http_code}" http://127.0.0.1:8000/blog/
// 304
// $ curl --header "Accept-Encoding: br" --output /dev/null --write-out "%header{content-encoding}" http://127.0.0.1:8000/blog/
// br

import express from "express";
import { type App, fromNode, html, notFound } from "tsgi";
import { cache, compress, conditional, dispatcher, errorPages, rewriteHtml, rewriteLinks } from "tsgi/middleware";

const blog = express();
blog.get("/", (_request, response) => {
  response.set("Cache-Control", "public, max-age=60");
  response.send('<!doctype html><title>Blog</title><h1>Blog</h1><a href="/post">A post</a>\n');
});
blog.get("/post", (_request, response) => response.redirect("/"));

const pages = rewriteHtml(rewriteLinks(fromNode(blog)), {
  title: (title) => title.append(" at example.com"),
  h1: (heading) => heading.before('<nav><a href="/">Home</a></nav>', { html: true }),
});

const sorry: App = (environ, startResponse) => {
  const { SCRIPT_NAME, PATH_INFO } = environ;
  const page = `<h1>${environ["error.status"]}</h1><p>Nothing is at ${SCRIPT_NAME}${PATH_INFO}.</p>\n`;
  return html(page)(environ, startResponse);
};

const site = errorPages(dispatcher(notFound, { "/blog": pages }), { 404: sorry }, { replace: () => true });

export const app = cache(compress(conditional(site), { threshold: 0 }));
