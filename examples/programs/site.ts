// Flask, Django, Pyramid, PHP and Git beside Express and Hono, under one server.
// $ sudo apt-get install python3-flask python3-django python3-pyramid php-cgi git
// $ npm install express hono
// $ npx tsgi examples/programs/site.ts
// $ curl http://127.0.0.1:8000/flask/
// Flask, mounted at /flask
// $ curl http://127.0.0.1:8000/flask/users/ada
// ada is at /flask/users/ada
// $ curl http://127.0.0.1:8000/django/users/ada
// ada is at /django/users/ada
// $ curl http://127.0.0.1:8000/pyramid/users/ada
// ada is at /pyramid/users/ada
// $ curl http://127.0.0.1:8000/php/users/ada
// PHP, mounted at /php, called for /users/ada
// $ curl http://127.0.0.1:8000/express/users/ada
// ada is at /express/users/ada
// $ curl http://127.0.0.1:8000/hono/users/ada
// ada is a guest of Hono

import { fileURLToPath } from "node:url";
import express from "express";
import { Hono } from "hono";
import { type App, cgi, fromFetch, fromNode, notFound } from "tsgi";
import { dispatcher } from "tsgi/middleware";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Debian's Python, which has Debian's packages. */
const python = (name: string): App => cgi(["/usr/bin/python3", here(name)]);

const { GIT_PROJECT_ROOT = "/srv/git" } = process.env;

export const app = dispatcher(notFound, {
  "/flask": python("flask_site.py"),
  "/django": python("django_site.py"),
  "/pyramid": python("pyramid_site.py"),
  "/php": cgi("php-cgi", { env: { SCRIPT_FILENAME: here("hello.php"), REDIRECT_STATUS: "200" } }),
  // `git clone http://127.0.0.1:8000/git/name.git`, for each that allows it by a file `git-daemon-export-ok`.
  "/git": cgi(["git", "http-backend"], { env: { GIT_PROJECT_ROOT }, bufferLimit: "stream" }),
  "/express": fromNode(
    express().get("/users/:name", (req, res) => res.send(`${req.params.name} is at ${req.originalUrl}\n`)),
  ),
  "/hono": fromFetch(
    new Hono().get("/users/:name", (context) => context.text(`${context.req.param("name")} is a guest of Hono\n`)),
  ),
});
