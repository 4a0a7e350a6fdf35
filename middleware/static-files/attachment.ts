/** `Content-Disposition` of downloads (RFC 6266). */

/** The value that makes browsers save a file under a name; for names beyond ASCII in the form of RFC 8187, too. */
export function attachment(name: string): string {
  const wellFormed = name.replace(/\p{Cs}/gu, "\ufffd");
  const ascii = wellFormed.replace(/[^\x20-\x7e]|["%\\]/g, "_");
  const plain = `attachment; filename="${ascii}"`;
  if (ascii === name) return plain;
  const extended = encodeURIComponent(wellFormed).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  return `${plain}; filename*=UTF-8''${extended}`;
}
