/** Which certificates count as the system's; real Go beside ours is in trust.test.ts. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { makeAuthority } from '../../../fixtures/registry/certificates.js';
import { certificatesIn } from '../../../src/registry/pem.js';
import { bundledAuthorities, looseAuthorities } from '../../../src/registry/system-authorities.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

const one = (t: TestContext): string => readFileSync(makeAuthority(tempDir(t)).caFile, 'latin1');

describe('authorities of the system', { skip: missing('openssl') }, () => {
  test('a bundle is read through whatever stands between its certificates', (t) => {
    const [first, second] = [one(t), one(t)];
    const trusted = first.replaceAll('BEGIN CERTIFICATE', 'BEGIN TRUSTED CERTIFICATE');
    const withHeader = first.replace('\n', '\nx-header: 1\n\n');
    for (const [text, count] of [
      [`# a comment\n${first}\ntext: ü\n${second.replaceAll('\n', '\r\n')}`, 2],
      [first + first, 1],
      [trusted + withHeader, 0],
      [first.slice(0, -30), 0],
      ['', 0],
    ] as const)
      assert.equal(certificatesIn(text).size, count, text);
  });

  test('a file that is named replaces the usual ones, and one that is not there is as if empty', (t) => {
    const folder = tempDir(t);
    writeFileSync(`${folder}/a`, one(t));
    assert.equal(bundledAuthorities({ file: `${folder}/a`, folders: undefined }).size, 1);
    for (const file of [`${folder}/none`, folder, `${folder}/a/b`])
      assert.equal(bundledAuthorities({ file, folders: undefined }).size, 0);
  });

  test('folders: every file, once', (t) => {
    const [first, second, third] = [tempDir(t), tempDir(t), tempDir(t)];
    writeFileSync(`${first}/a.pem`, one(t));
    symlinkSync('a.pem', `${first}/0123abcd.0`);
    mkdirSync(`${first}/java`);
    writeFileSync(`${third}/elsewhere`, one(t));
    symlinkSync(`${third}/elsewhere`, `${second}/link`);
    symlinkSync('/nonexistent/x', `${second}/dangling`);
    writeFileSync(`${second}/junk`, Buffer.alloc(10_000, 255));
    const found = (folders: string) => looseAuthorities({ file: undefined, folders }).size;
    assert.equal(found(first), 1);
    assert.equal(found(`${first}:${second}`), 2);
    assert.equal(found('/nonexistent'), 0);
  });
});
