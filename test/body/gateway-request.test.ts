import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayRequest, ParsedRequest } from "../../src/body/gateway-request.ts";

const post = (body: RequestInit["body"], type = "text/plain"): RequestInit =>
  ({ method: "POST", body, headers: { "Content-Type": type }, duplex: "half" }) as RequestInit;

const failing = (): ReadableStream => new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });

for (const Made of [GatewayRequest, ParsedRequest]) {
  test(`${Made.name}: to those who ask it is a request of the platform`, async () => {
    const made = new Made("http://a/", post("hello"));
    assert.deepEqual(
      [made instanceof Request, made.constructor === Request, made.clone() instanceof Made],
      [true, true, true],
    );
    assert.equal(await new Request(made as unknown as Request).text(), "hello");
  });

  test(`${Made.name}: reads that nobody awaits end nothing`, async () => {
    for (const read of ["text", "json", "arrayBuffer", "bytes", "blob", "formData"] as const) {
      void new Made("http://a/", post(failing()))[read]();
      await assert.rejects(new Made("http://a/", post(failing()))[read](), /gone/);
    }
  });

  test(`${Made.name}: it reads what the platform reads`, async () => {
    const type = "application/x-www-form-urlencoded";
    assert.deepEqual(await new Made("http://a/", post('{"a":1}')).json(), { a: 1 });
    assert.deepEqual([...(await new Made("http://a/", post("a=b", type)).formData())], [["a", "b"]]);
    assert.deepEqual(await new Made("http://a/", post("ab")).bytes(), Uint8Array.of(97, 98));
    assert.equal((await new Made("http://a/", post("ab")).blob()).type, "text/plain");
  });
}

test("GatewayRequest: JSON that is malformed is the platform's SyntaxError, for frameworks that look for it", async () => {
  await assert.rejects(new GatewayRequest("http://a/", post("{")).json(), SyntaxError);
});

test("ParsedRequest: JSON and forms that are malformed are a 400 with the reason", async () => {
  await assert.rejects(new ParsedRequest("http://a/", post("{")).json(), {
    code: "TSGI_MALFORMED_BODY",
    status: "400 Bad Request",
  });
  await assert.rejects(new ParsedRequest("http://a/", post("{")).formData(), /the request body is not a form: /);
});
