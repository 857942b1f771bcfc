/** A registry on loopback that takes uploads, keeps everything in memory, and misbehaves as it is told. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { digestOf } from '../../store/oci/digest.js';

export interface UploadRegistry {
  host: string;
  /** By digest. */
  blobs: Map<string, Buffer>;
  /** By tag or digest. */
  manifests: Map<string, Buffer>;
  /** `PATCH 0-99`: method, and the range that the client claims; every request so far. */
  requests: Seen[];
  /** The tokens that were given out are worth nothing from now on. */
  revokeTokens(): void;
}

export interface Seen {
  method: string;
  url: string;
  range: string | undefined;
  authorization: string | undefined;
}

export interface Misbehaviour {
  /** Takes the request over, or lets it go on; `count` is the number of the request among those of its method, from 1. */
  before?: (question: Question) => boolean | Promise<boolean>;
  /** Bytes after which the connection breaks, and which are kept; undefined for a request that is not cut. */
  cutPatchAfter?: (count: number) => number | undefined;
  /** An upload that was cut is not known any more, as with docker-registry 2.8. */
  forgets?: boolean;
  /** Changes what Location says. */
  location?: (location: string) => string;
  /** Wants tokens. */
  withTokens?: boolean;
}

export interface Question {
  count: number;
  request: IncomingMessage;
  response: ServerResponse;
  registry: UploadRegistry;
}

export async function startUploadRegistry(
  t: Pick<TestContext, 'after'>,
  { before, cutPatchAfter, forgets = false, location = (text) => text, withTokens = false }: Misbehaviour = {},
): Promise<UploadRegistry> {
  const uploads = new Map<string, Buffer[]>();
  const tokens = new Set<string>();
  const counts = new Map<string, number>();
  const registry: UploadRegistry = {
    host: '',
    blobs: new Map(),
    manifests: new Map(),
    requests: [],
    revokeTokens: () => tokens.clear(),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const { authorization, 'content-range': range } = headers;
    registry.requests.push({ method, url, range, authorization });
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    if (await before?.({ count, request, response, registry })) return;
    if (url.startsWith('/token')) {
      const token = randomUUID();
      tokens.add(token);
      return end(response, 200, {}, JSON.stringify({ token, expires_in: 300 }));
    }
    if (withTokens && !tokens.has(authorization?.slice('Bearer '.length) ?? '')) {
      const challenge = `Bearer realm="http://${registry.host}/token",service="test"`;
      return end(response, 401, { 'www-authenticate': challenge }, '{"errors":[{"code":"UNAUTHORIZED"}]}');
    }
    const { pathname, searchParams } = new URL(url, 'http://registry');
    const [, kind, rest = ''] = /^\/v2\/.+?\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    if (kind === 'manifests') {
      if (method === 'PUT') {
        const bytes = await bodyOf(request);
        for (const key of [rest, digestOf(bytes)]) registry.manifests.set(key, bytes);
        return end(response, 201);
      }
      const found = registry.manifests.get(rest);
      if (found === undefined) return end(response, 404);
      const { mediaType } = JSON.parse(found.toString());
      return end(response, 200, { 'content-type': mediaType }, method === 'HEAD' ? '' : found);
    }
    if (!rest.startsWith('uploads/')) {
      const blob = registry.blobs.get(rest);
      response.writeHead(blob === undefined ? 404 : 200, { 'content-length': blob?.length ?? 0 });
      response.end(method === 'HEAD' ? undefined : blob);
      return;
    }
    const id = rest.slice('uploads/'.length) || randomUUID();
    if (method === 'POST') uploads.set(id, []);
    const parts = uploads.get(id);
    if (parts === undefined) return end(response, 404, {}, '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
    const there = () => parts.reduce((sum, part) => sum + part.length, 0);
    const started = there();
    if (range !== undefined && Number(range.split('-')[0]) !== started) return end(response, 416, {}, '');
    if (method === 'PATCH' && (await isCut(request, parts, cutPatchAfter?.(count)))) {
      if (forgets) uploads.delete(id);
      request.socket.destroy();
      return;
    }
    const place = location(`/v2/x/blobs/uploads/${id}`);
    if (method === 'PUT') {
      const blob = Buffer.concat(parts);
      const digest = digestOf(blob);
      if (digest !== searchParams.get('digest'))
        return end(response, 400, {}, '{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}');
      registry.blobs.set(digest, blob);
      return end(response, 201, { location: `/v2/x/blobs/${digest}` });
    }
    const status = method === 'GET' ? 204 : 202;
    end(response, status, { location: place, range: `0-${Math.max(0, there() - 1)}` });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return registry;
}

function end(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body?: Buffer | string,
): void {
  response.writeHead(status, headers);
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** Keeps what comes, up to where it breaks. */
async function isCut(request: IncomingMessage, parts: Buffer[], limit: number | undefined): Promise<boolean> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const part of request as AsyncIterable<Buffer>) {
    parts.push(part.subarray(0, left));
    left -= part.length;
    if (left <= 0) return true;
  }
  return false;
}
