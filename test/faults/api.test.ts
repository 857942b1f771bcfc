/** Tokens, manifests and configs that do not come as they should, met by real pulls. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  atFirst,
  cutAfter,
  endless,
  inTurn,
  on,
  raw,
  replaceBy,
  silence,
  slowHead,
  status,
  trickle,
} from '../../fixtures/registry/faults.js';
import type { Fault } from '../../fixtures/registry/registry.js';
import { expectPull, type FaultPull, type Outcome } from '../support/fault-pull.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';

const auth = { kind: 'bearer' } as const;
const token = (fault: Fault): FaultPull => ({ auth, fault: on(/^\/token/, fault) });
const manifest = (fault: Fault): FaultPull => ({ fault: on(/\/manifests\//, fault) });
const config = (fault: Fault): FaultPull => ({ fault: on(/\/blobs\//, fault) });
const refused = (message: RegExp, atMost: number): Outcome => ({ code: 'E_REGISTRY', message, atMost });
const broken = (message: RegExp, atMost: number): Outcome => ({ code: 'E_NETWORK', message, atMost });
const denied = (message: RegExp, atMost: number): Outcome => ({ code: 'E_DENIED', message, atMost });
const asksForMore: Fault = ({ url, headers }, answer) =>
  answer.status === 401 || url.pathname === '/token'
    ? answer
    : {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${headers['host']}/token"` },
        body: answer.body,
      };

/** A token request happens for HEAD, and once more for the GET that follows a HEAD that failed. */
const cases: [what: string, scene: FaultPull, outcome: Outcome][] = [
  ['a token server that fails at first', token(atFirst(2, status(503))), { requests: 1 }],
  ['a token server that always fails', token(status(500)), refused(/HTTP status: 500/, 12)],
  ['a token server that wants less', token(status(429, { 'retry-after': '3600' })), refused(/^toomanyrequests/, 4)],
  ['a token without end (R32)', token(endless), refused(/brings more than 1048576 bytes/, 4)],
  [
    'an error of the token server without end (R32)',
    token(inTurn(status(400, {}, 'x'), endless)),
    refused(/not JSON/, 4),
  ],
  ['no token', token(replaceBy({ body: Buffer.from('{"token":""}') })), refused(/did not include a token/, 4)],
  ['a token server that breaks off', token(cutAfter(5)), broken(/GET "http:.*\/token\?…": /, 12)],
  ['a token that is over before it is used', { auth: { ...auth, lifetime: 1 } }, { requests: 2 }],
  ['a token that ends with every part of a layer', expiring(), { requests: 5 }],
  ['a registry that is never satisfied', { auth, fault: asksForMore }, denied(/^unauthorized/, 14)],
  ['a layer for which no token is good', { auth, fault: on(/\/blobs\//, asksForMore) }, denied(/^unauthorized/, 10)],

  ['a manifest after a storm', manifest(atFirst(4, status(502))), { requests: 1 }],
  ['a manifest that is always an error', manifest(status(503)), refused(/HTTP status: 503/, 6)],
  ['a manifest without end (M16)', manifest(onGet(endless)), refused(/brings more than 8388608 bytes/, 2)],
  ['a manifest that breaks off, always', manifest(onGet(cutAfter(50))), broken(/GET "http:.*\/manifests\/1": /, 6)],
  [
    'a manifest that is no JSON',
    manifest(onGet(replaceBy({ body: Buffer.from('<html>') }))),
    { code: 'E_DOCUMENT', message: /JSON/, atMost: 2 },
  ],
  ['no HTTP for a manifest (R31)', manifest(raw(() => 'SSH-2.0-x\r\n')), broken(/Parse Error/, 10)],
  ['a config without end (M16)', config(endless), refused(/brings more than \d+ bytes/, 3)],
  [
    'a config that is another one (M03)',
    config(replaceBy({ body: Buffer.from('{}') })),
    { code: 'E_VERIFY', message: /config/, atMost: 3 },
  ],
];

/** With the time-outs that users have. */
const waiting: typeof cases = [
  ['a manifest that never comes (R18)', { ...manifest(silence), within: 100 }, broken(/./, 3)],
  ['a manifest a byte at a time', { ...manifest(onGet(trickle(1000))), within: 200 }, broken(/./, 3)],
  ['a head that comes slowly', { ...manifest(slowHead(100)), within: 100 }, broken(/./, 3)],
  ['a token that never comes', { ...token(silence), within: 100 }, broken(/./, 4)],
];

describe('the API', { concurrency: 16, skip: missing('root') }, () => {
  for (const [what, scene, outcome] of isLongForm ? [...waiting, ...cases] : cases)
    test(what, async (t) => void (await expectPull(t, scene, outcome)));

  test('20 layers of a registry that always fails (R22)', async (t) => {
    const registry = await expectPull(
      t,
      { layers: 19, bytes: 600_000, fault: on(/\/blobs\//, failing) },
      refused(/HTTP status: 500/, 200),
    );
    const asked = registry.requests.map(({ url }) => url).filter((url) => url.includes('/blobs/'));
    const most = Math.max(...[...new Set(asked)].map((url) => asked.filter((other) => other === url).length));
    assert.ok(most <= 5, `${most} requests for one layer`);
  });
});

/** The config is served. */
const failing: Fault = (_question, answer) =>
  answer.body.length < 100_000 ? answer : { ...answer, status: 500, headers: {} };

function onGet(fault: Fault): Fault {
  return (question, answer, response) => (question.method === 'GET' ? fault(question, answer, response) : answer);
}

function expiring(): FaultPull {
  return {
    auth,
    bytes: 3 * 1024 * 1024 - 2000,
    blob: (_layer, registry) => (question, answer, response) => {
      if (answer.status >= 400) return answer;
      registry().revokeTokens();
      return cutAfter(1024 * 1024)(question, answer, response);
    },
  };
}
