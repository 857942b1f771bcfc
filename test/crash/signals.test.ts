/** Signals at any instant of a pull: it ends by them, never by an abort of Node's, and leaves nothing half-made. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { on, trickleChunks } from '../../fixtures/registry/faults.js';
import { bundledProgram } from '../support/cli.js';
import { isLongForm } from '../support/long-form.js';
import { missing } from '../support/needs.js';
import { serveImage } from '../support/serve.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root');
const layers = ['a', 'b', 'c'].map((name) => tar(file(name, '', { content: Buffer.alloc(200_000, name) })));
/** Longer than the start of a pull with its threads takes. */
const LATEST_MS = 200;
const times = isLongForm ? 400 : 15;

for (const [name, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`${name} at random instants`, { skip, timeout: isLongForm ? 600_000 : 60_000 }, async (t) => {
    // A layer takes longer than any of the instants.
    const fault = on(/\/blobs\//, trickleChunks(10_000, 50));
    const { name: image } = await serveImage(t, { layers, compression: 'none', fault });
    const ends = new Set<number | string | null>();
    for (let time = 0; time < times; time++) {
      const root = join(tempDir(t), 'root');
      const child = spawn(process.execPath, [bundledProgram('tspull'), '--root', root, '-q', image], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      t.after(() => void child.kill('SIGKILL'));
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const instant = Math.random() * LATEST_MS;
      const ended = once(child, 'close');
      await delay(instant);
      child.kill(name);
      const [code, signal] = await ended;
      // Before the program listens, the signal does what it does to any program.
      const end = signal ?? code;
      assert.ok(end === name || end === status, `after ${instant} ms: ${String(end)}\n${said}`);
      ends.add(end);
      if (existsSync(root)) checkStore(root);
    }
    assert.ok(ends.has(status), [...ends].join());
  });
