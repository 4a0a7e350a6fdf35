import express from "express";

export const app = express().get("/path", (request, response) => response.send(`express ${request.path}`));

// Without an app its responses have no `send`.
export const router = express.Router().get("/path", (_request, response) => response.send("router"));
