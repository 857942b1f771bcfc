import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { listen } from '../../fixtures/registry/registry.js';

export interface Listener {
  readonly host: string;
  readonly url: string;
  /** The head of every request that arrived. */
  readonly seen: { method: string | undefined; url: string | undefined; headers: IncomingHttpHeaders; body: string }[];
  /** Connections, with or without a request. */
  connections(): number;
}

/** A server of an attacker or bystander, which notes what it is sent. */
export async function listenFor(
  t: TestContext,
  answer: (response: ServerResponse, url: string, request: IncomingMessage) => void = (response) => response.end(),
  address = '127.0.0.1',
): Promise<Listener> {
  const seen: Listener['seen'] = [];
  let connections = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    answer(response, request.url ?? '', request);
  });
  server.on('connection', () => connections++);
  const port = await listen(server, address);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return { host, url: `http://${host}`, seen, connections: () => connections };
}
