// One app of each kind: they all say what they are, and where.

import connect from "connect";
import { Elysia } from "elysia";
import express from "express";
import Fastify from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import { AutoRouter } from "itty-router";
import Koa from "koa";
import polka from "polka";

export const ofTsgi = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return `tsgi ${environ.PATH_INFO}`;
};
export const ofExpress = express().get("/path", (request, response) => response.send(`express ${request.path}`));
export const ofConnect = connect().use((request, response) => response.end(`connect ${request.url}`));
export const ofKoa = new Koa().use((context) => {
  context.body = `koa ${context.path}`;
});
export const ofFastify = Fastify();
ofFastify.get("/path", (request, reply) => reply.send(`fastify ${request.url}`));
export const ofPolka = polka().get("/path", (request, response) => response.end(`polka ${request.url}`));
export const ofHono = new Hono().get("/path", (context) => context.text(`hono ${context.req.path}`));
export const ofH3 = new H3().get("/path", (event) => `h3 ${event.url.pathname}`);
export const ofElysia = new Elysia().get("/path", ({ path }) => `elysia ${path}`);
export const ofItty = AutoRouter().get("/path", (request) => new Response(`itty ${new URL(request.url).pathname}`));
export const listener = (req, res) => res.end(`listener ${req.url}`);
export async function handler(request) {
  return new Response(`handler ${new URL(request.url).pathname}`);
}
export const worker = { fetch: (request) => new Response(`worker ${new URL(request.url).pathname}`) };
export const handlerWithNext = (a, b, _c) => b.end(`next ${a.url}`);
// An app of tsgi, whatever its parameters are called.
export const requestParameters = (req, res) => {
  res("200 OK", [["Content-Type", "text/plain"]]);
  return `tsgi of req ${req.PATH_INFO}`;
};
export const unnamed = (a, b) => b.end(`unnamed ${a.url}`);
export const factory = async () => ofHono;
export const failing = () => {
  throw new Error("no database");
};
export const broken = Fastify();
broken.register(async () => {
  throw new Error("no plugin");
});
