/** The settings of the server: where it listens, TLS, its limits, and how it closes. */

import { BACKLOG, LONGEST } from "../../server/options.ts";
import type { ProcessSettingName } from "./process-settings.ts";
import { BIND, choice, DURATION, FILE, LIMIT, list, NETWORK, number, path, SIZE, SWITCH, text } from "./reader.ts";
import type { Settings } from "./setting.ts";

export const SERVER_SETTINGS: Omit<Settings, "app" | "interface" | "factory" | ProcessSettingName> = {
  bind: {
    section: "listening",
    reader: list(BIND),
    default: undefined,
    flag: { value: "<place>", help: "instead of --host and --port; several: repeat" },
  },
  host: {
    section: "listening",
    reader: text("an address", "for every interface give 0.0.0.0 or ::"),
    default: "127.0.0.1",
    variable: "HOST",
    flag: { value: "<address>", help: "address to listen on" },
  },
  port: {
    section: "listening",
    reader: number("a port", "choose 0 to 65535", 0, 65_535),
    default: 8000,
    variable: "PORT",
    flag: { value: "<number>", short: "p", help: "port, 0 picks a free one" },
  },
  unix: {
    section: "listening",
    reader: path("a path"),
    default: undefined,
    flag: { value: "<path>", help: "Unix socket to listen on instead" },
  },
  backlog: {
    section: "listening",
    reader: number("a number of connections", "choose 1 to 65535", 1, 65_535),
    default: BACKLOG,
    flag: { value: "<number>", help: "connections that may wait in the kernel" },
  },
  maxConnections: {
    section: "listening",
    reader: LIMIT,
    default: 0,
    flag: { value: "<number>", help: "connections that may be open, 0: any" },
  },
  proxyProtocol: {
    section: "listening",
    reader: list(NETWORK, ","),
    default: undefined,
    flag: { value: "<networks>", help: "whose PROXY headers count: 10.0.0.0/8,…" },
  },

  http2: { section: "tls", reader: SWITCH, default: false, flag: { help: "HTTP/2 as well" } },
  maxConcurrentStreams: {
    section: "tls",
    reader: number("a number of streams", `choose 1 to ${LONGEST}`, 1, LONGEST),
    default: 100,
  },
  tlsKey: {
    section: "tls",
    reader: list(FILE),
    default: undefined,
    flag: { value: "<file>", help: "private key in PEM; with --tls-cert: https" },
  },
  tlsCert: {
    section: "tls",
    reader: list(FILE),
    default: undefined,
    flag: { value: "<file>", help: "its certificate; several: repeat both" },
  },
  tlsPassphrase: {
    section: "tls",
    reader: text("a passphrase", "give a text"),
    default: undefined,
    variable: "TSGI_TLS_PASSPHRASE",
    isSecret: true,
  },
  tlsPassphraseFile: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "decrypts keys (or $TSGI_TLS_PASSPHRASE)" },
  },
  tlsClientCa: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "clients need a certificate of these" },
  },
  tlsClientCertificates: {
    section: "tls",
    reader: choice("a way to ask for certificates", "request", "require"),
    default: undefined,
  },
  tlsTicketKeys: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "48 bytes that servers of a site share" },
  },
  tlsMinVersion: {
    section: "tls",
    reader: choice("a version of TLS", "TLSv1.2", "TLSv1.3"),
    default: undefined,
  },
  tlsCiphers: { section: "tls", reader: text("a list of ciphers", "give OpenSSL's names"), default: undefined },

  handshakeTimeout: { section: "limits", reader: DURATION, default: 10_000 },
  headersTimeout: { section: "limits", reader: DURATION, default: 15_000 },
  requestTimeout: {
    section: "limits",
    reader: DURATION,
    default: 300_000,
    flag: { value: "<time>", help: "for a request to arrive" },
  },
  bodyTimeout: {
    section: "limits",
    reader: DURATION,
    default: 60_000,
    flag: { value: "<time>", help: "for a body without progress" },
  },
  keepAliveTimeout: {
    section: "limits",
    reader: DURATION,
    default: 5_000,
    flag: { value: "<time>", help: "for a connection without requests" },
  },
  maxTargetLength: { section: "limits", reader: SIZE, default: 16_384 },
  maxHeaderSize: {
    section: "limits",
    reader: SIZE,
    default: 16_384,
    flag: { value: "<size>", help: "of the head of a request" },
  },
  maxHeadersCount: { section: "limits", reader: LIMIT, default: 100 },
  maxRequestsPerConnection: { section: "limits", reader: LIMIT, default: 0 },
  mergeSlashes: { section: "limits", reader: SWITCH, default: true },

  drainDelay: {
    section: "closing",
    reader: DURATION,
    default: 0,
    flag: { value: "<time>", help: "before it stops listening" },
  },
  linger: {
    section: "closing",
    reader: DURATION,
    default: 1000,
    flag: { value: "<time>", help: "after that, for idle connections" },
  },
  grace: {
    section: "closing",
    reader: DURATION,
    default: 30_000,
    flag: { value: "<time>", help: "after that, for what still runs" },
  },
};
