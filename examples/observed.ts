// A site with an access log, metrics and ids of requests.
// $ npx tsgi examples/observed.ts
// $ curl http://127.0.0.1:8000/users/7
// A user
// $ curl --silent http://127.0.0.1:8000/metrics | grep 'duration_seconds_count.*users'
// http_server_request_duration_seconds_count{http_request_method="GET",url_scheme="http",http_route="/users/:id",http_response_status_code="200"} 1

import { text } from "tsgi";
import { accessLog, dispatcher, metrics, requestId } from "tsgi/middleware";

const site = dispatcher(text("Hello\n"), { "/users/:id": text("A user\n") });

export const app = accessLog(metrics(requestId(site)), { format: "json" });
