/** Everything that can happen to a layer on its way, met by real pulls: bounded requests, bounded time, a clear end. */
import { describe, test } from 'node:test';
import {
  atFirst,
  chunked,
  cutAfter,
  endless,
  ignoreRange,
  inTurn,
  interim,
  raw,
  replaceBy,
  slowHead,
  stallAfter,
  status,
  trickle,
  withHeaders,
} from '../../fixtures/registry/faults.js';
import type { Fault } from '../../fixtures/registry/registry.js';
import { expectPull, type FaultPull, type Outcome } from '../support/fault-pull.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';

const mebibyte = 1024 * 1024;
const cutOnce = () => atFirst(1, cutAfter(300_000));
const onRange =
  (fault: Fault): Fault =>
  (question, answer, response) =>
    question.headers['range'] === undefined ? answer : fault(question, answer, response);
const broken = (message: RegExp): Outcome => ({ code: 'E_NETWORK', message, atMost: 5 });
const refused = (message: RegExp, atMost = 5): Outcome => ({ code: 'E_REGISTRY', message, atMost });
const httpDate = (ms: number) => new Date(Date.now() + ms).toUTCString();

type Case = [what: string, scene: FaultPull | FaultPull['blob'], outcome: Outcome];

const quick: Case[] = [
  ['reset in the middle (R30)', () => atFirst(1, reset(300_000)), { requests: 2 }],
  [
    'an end behind the end',
    () => inTurn(cutOnce(), onRange(contentRange((start, _end, total) => `bytes ${start}-${total}/${total}`))),
    { requests: 3 },
  ],
  [
    'an unknown total',
    () => inTurn(cutOnce(), onRange(contentRange((start, end) => `bytes ${start}-${end}/*`))),
    { requests: 2 },
  ],
  [
    'another unit',
    () => inTurn(cutOnce(), onRange(contentRange((start, end, total) => `lines ${start}-${end}/${total}`))),
    { requests: 3 },
  ],
  ['a part in several parts', () => inTurn(cutOnce(), onRange(multipart)), { requests: 3 }],
  ['less than the rest, twice', () => inTurn(cutOnce(), onRange(atFirst(2, onlyFirst(100_000)))), { requests: 4 }],
  [
    'other bytes on resume: the whole again, once',
    () =>
      inTurn(
        cutOnce(),
        onRange((_question, answer) => ({ ...answer, body: Buffer.alloc(answer.body.length) })),
      ),
    { requests: 3 },
  ],
  [
    'other bytes on resume, which the decoder meets first',
    {
      compression: 'gzip',
      blob: () =>
        inTurn(
          cutOnce(),
          onRange((_question, answer) => ({ ...answer, body: Buffer.alloc(answer.body.length, 0xff) })),
        ),
    },
    { requests: 3 },
  ],
  [
    'other bytes always',
    () => (_question, answer) => ({ ...answer, body: Buffer.alloc(answer.body.length) }),
    { code: 'E_ARCHIVE|E_VERIFY', message: /./, atMost: 2 },
  ],
  [
    'a length of words',
    () =>
      inTurn(
        announce(() => 'all'),
        raw(asTold),
      ),
    broken(/Parse Error/),
  ],
  ['nothing, with success', () => status(204), refused(/204/, 5)],
  ['an empty body, with success', () => replaceBy({ body: Buffer.alloc(0) }), broken(/too few/)],
  ['429 for a second', () => atFirst(1, status(429, { 'retry-after': '1' })), { requests: 2 }],
  ['429 until a date', () => atFirst(1, status(429, { 'retry-after': httpDate(1500) })), { requests: 2 }],
  ['429 until a date that is over', () => atFirst(1, status(429, { 'retry-after': httpDate(-1e9) })), { requests: 2 }],
  ['429 for less than nothing', () => atFirst(1, status(429, { 'retry-after': '-1' })), { requests: 2 }],
  ['429 for some words', () => atFirst(1, status(429, { 'retry-after': 'soon' })), { requests: 2 }],
  [
    '429 for longer than the world',
    () => status(429, { 'retry-after': '9'.repeat(400) }),
    refused(/^toomanyrequests/, 1),
  ],
  [
    'a storm of 5xx, then peace',
    () => inTurn(atFirst(1, status(500)), atFirst(2, status(502)), atFirst(3, status(503)), atFirst(4, status(504))),
    { requests: 5 },
  ],
  [
    'a page of a portal for a layer',
    () => status(403, { 'content-type': 'text/html' }, '<html>pay here</html>'),
    { code: 'E_DENIED', message: /pay here/, atMost: 1 },
  ],
  [
    'an error without end (R32)',
    () => inTurn(status(404, {}, 'x'), endless),
    { code: 'E_NOT_FOUND', message: /not JSON/, atMost: 1 },
  ],
  ['no HTTP (R31)', () => raw(() => '220 mail ready\r\n'), broken(/Parse Error/)],
  ['a head of a megabyte (R31)', () => withHeaders({ 'x-large': 'x'.repeat(mebibyte) }), broken(/Header overflow/)],
  ['another answer behind the answer (R31)', () => raw(twice), { requests: 1 }],
];

/** Covered in test/security/registry as well, by the client without a pull around it. */
const thorough: Case[] = [
  ['cut every MiB (R23)', { bytes: 5 * mebibyte, blob: () => cutAfter(mebibyte) }, { requests: 6 }],
  ['cut in the first kilobyte, always', () => cutAfter(1000), broken(/connection reset|closed the connection|too few/)],
  ['reset at once, always', () => reset(0), broken(/connection reset/)],
  ['a Range that is ignored (R24)', (layer) => inTurn(ignoreRange(layer), cutOnce()), { requests: 2 }],
  ['a Range that is ignored, and cut always', (layer) => inTurn(ignoreRange(layer), cutAfter(300_000)), broken(/./)],
  ['416 on resume (R26)', () => inTurn(cutOnce(), onRange(status(416))), { requests: 3 }],
  [
    'another total (R26)',
    () => inTurn(cutOnce(), onRange(contentRange((start, end, total) => `bytes ${start}-${end}/${total + 1}`))),
    { requests: 3 },
  ],
  [
    'another start',
    () => inTurn(cutOnce(), onRange(contentRange((start, end, total) => `bytes ${start - 1}-${end}/${total}`))),
    { requests: 3 },
  ],
  [
    'a length that is larger than the body (R27)',
    () =>
      inTurn(
        announce((length) => length + 1000),
        raw(asTold),
      ),
    { code: 'E_VERIFY', message: /more bytes/, atMost: 1 },
  ],
  ['shorter than the manifest says (R27)', () => shortened(1), broken(/1 bytes too few/)],
  ['longer than the manifest says (R28)', () => lengthened, { code: 'E_VERIFY', message: /more bytes/, atMost: 1 }],
  [
    'longer, without a length (R28)',
    () => inTurn(lengthened, chunked),
    { code: 'E_VERIFY', message: /more bytes/, atMost: 1 },
  ],
  ['endless (R28)', () => endless, { code: 'E_VERIFY', message: /more bytes/, atMost: 1 }],
  ['no length, and cut (R29)', () => inTurn(chunked, cutOnce()), { requests: 2 }],
  [
    'a negative length',
    () =>
      inTurn(
        announce(() => -1),
        raw(asTold),
      ),
    broken(/Parse Error/),
  ],
  ['429 without a word, twice (R20)', () => atFirst(2, status(429)), { requests: 3 }],
  ['429 always', () => status(429), refused(/^toomanyrequests/)],
  ['429 for a day (R20)', () => status(429, { 'retry-after': '86400' }), refused(/^toomanyrequests/, 1)],
  [
    '429 until 2099 (R20)',
    () => status(429, { 'retry-after': 'Thu, 01 Jan 2099 00:00:00 GMT' }),
    refused(/^toomany/, 1),
  ],
  ...[500, 502, 503, 504].map(
    (code): Case => [
      `${code} always (R22)`,
      () => status(code),
      refused(new RegExp(`^received unexpected HTTP status: ${code}`)),
    ],
  ),
  ['501 always', () => status(501), refused(/501/, 1)],
  [
    '404',
    () => status(404, {}, '{"errors":[{"code":"BLOB_UNKNOWN","message":"x"}]}'),
    { code: 'E_NOT_FOUND', message: /blob unknown/, atMost: 1 },
  ],
  ['closed after each answer (R30)', () => withHeaders({ connection: 'close' }), { requests: 1 }],
  ['a coding that is none (R36)', () => withHeaders({ 'content-encoding': 'gzip' }), { requests: 1 }],
];

/** With the time-outs that users have, each of these takes minutes; test/security/registry has short ones. */
const waiting: Case[] = [
  ['a stall, once (R18)', { blob: () => atFirst(1, stallAfter(300_000)), within: 100 }, { requests: 2 }],
  ['a stall, always', { blob: () => stallAfter(1000), within: 200 }, broken(/sent \d+ bytes in 30 s/)],
  ['a byte at a time', { blob: () => trickle(100), within: 200 }, broken(/sent \d+ bytes in 30 s/)],
  ['a head that comes slowly', { blob: () => slowHead(100), within: 200 }, broken(/does not answer within 30 s/)],
  ['no answer', { blob: () => () => undefined, within: 200 }, broken(/does not answer within 30 s/)],
  ['interim answers without end (R31)', { blob: () => interim, within: 200 }, broken(/does not answer within 30 s/)],
  [
    '429 for a minute, twice',
    { blob: () => atFirst(2, status(429, { 'retry-after': '60' })), within: 150 },
    { requests: 3 },
  ],
  [
    'an error that does not come',
    { blob: () => inTurn(status(404, {}, 'xyz'), stallAfter(1)), within: 60 },
    { code: 'E_NOT_FOUND', message: /./, atMost: 1 },
  ],
];

describe('a layer', { concurrency: 16, skip: missing('root') }, () => {
  for (const [what, scene, outcome] of isLongForm ? [...waiting, ...quick, ...thorough] : quick)
    test(what, async (t) => {
      await expectPull(t, typeof scene === 'function' ? { blob: scene } : (scene ?? {}), outcome);
    });
});

function reset(bytes: number): Fault {
  return (_question, answer, response) => {
    response.writeHead(answer.status, { 'content-length': answer.body.length });
    response.write(answer.body.subarray(0, bytes), () => response.socket?.resetAndDestroy());
    return undefined;
  };
}

function contentRange(change: (start: number, end: number, total: number) => string): Fault {
  return (_question, answer) => {
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(answer.headers['content-range'])) ?? [];
    return {
      ...answer,
      headers: { ...answer.headers, 'content-range': change(Number(start), Number(end), Number(total)) },
    };
  };
}

/** RFC 9110 section 14.6: what a server may send for several ranges, though only one was asked for. */
const multipart: Fault = (_question, answer) => {
  const { 'content-range': range, ...headers } = answer.headers;
  const head = `--x\r\ncontent-type: application/octet-stream\r\ncontent-range: ${range}\r\n\r\n`;
  return {
    ...answer,
    headers: { ...headers, 'content-type': 'multipart/byteranges; boundary=x' },
    body: Buffer.concat([Buffer.from(head), answer.body, Buffer.from('\r\n--x--\r\n')]),
  };
};

/** Says so, and sends so many bytes of what was asked for. */
function onlyFirst(bytes: number): Fault {
  return inTurn(
    contentRange((start, _end, total) => `bytes ${start}-${start + bytes - 1}/${total}`),
    (_question, answer) => ({ ...answer, body: answer.body.subarray(0, bytes) }),
  );
}

const shortened =
  (bytes: number): Fault =>
  (_question, answer) => ({ ...answer, body: answer.body.subarray(0, -bytes) });

const lengthened: Fault = (_question, answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from('x')]) });

function announce(length: (bytes: number) => number | string): Fault {
  return (_question, answer) => ({ ...answer, headers: { 'content-length': length(answer.body.length) } });
}

function asTold({ headers, body }: { headers: Record<string, unknown>; body: Buffer }): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${headers['content-length']}\r\n\r\n`), body]);
}

function twice(answer: { body: Buffer }): Buffer {
  const whole = asTold({ headers: { 'content-length': answer.body.length }, body: answer.body });
  return Buffer.concat([whole, Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad')]);
}
