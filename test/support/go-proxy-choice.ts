/**
 * A program that asks a Go program (skopeo) which hosts it reaches by the proxy. It runs in a network namespace of its own,
 * where nothing but the proxy can be reached:
 *
 *     unshare --net node go-proxy-choice.js '[["r.test:443", "r.test"]]'
 *
 * For each host and NO_PROXY it prints `proxy`, `direct`, or what else skopeo says, as one JSON array.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './dockerd.js';

const cases = JSON.parse(process.argv[2] ?? '[]') as [host: string, no: string | null][];
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const folder = mkdtempSync(join(tmpdir(), 'tspull-test-'));
writeFileSync(join(folder, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
const flags = ['--policy', join(folder, 'policy.json'), '--registries.d', folder, 'inspect', '--raw'];

let asked = 0;
const server = createServer().on('connect', (_request, socket) => {
  asked++;
  socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const answers: string[] = [];
for (const [host, no] of cases) {
  const before = asked;
  const env = { PATH: process.env['PATH'], HOME: folder, HTTPS_PROXY: proxy, ...(no !== null && { NO_PROXY: no }) };
  const { stderr } = await run('skopeo', [...flags, `docker://${host}/x/y:1`], { env });
  const direct = /dial tcp|network is unreachable/.test(stderr) ? 'direct' : stderr;
  answers.push(asked > before ? 'proxy' : direct);
}
server.close();
rmSync(folder, { recursive: true });
console.log(JSON.stringify(answers));
