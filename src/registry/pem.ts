/** Certificates in text files (RFC 7468). */

/** The certificate itself as base64 without white space → the block of text that it came in. */
export type Certificates = ReadonlyMap<string, string>;

// What OpenSSL calls TRUSTED CERTIFICATE, and blocks with headers, are left out, as in Go's AppendCertsFromPEM.
const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

export function certificatesIn(text: string): Certificates {
  const found = new Map<string, string>();
  for (const [whole, body = ''] of text.matchAll(block)) found.set(body.replace(/\s+/g, ''), whole);
  return found;
}
