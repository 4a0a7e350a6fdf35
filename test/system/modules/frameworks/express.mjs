import express from "express";

export const app = express().get("/path", (request, response) => response.send(`express ${request.path}`));
