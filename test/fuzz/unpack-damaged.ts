/**
 * A process that unpacks damaged layers one after the other, as a pull does, and checks what each leaves:
 *
 *     node unpack-damaged.js ROOT FIRST COUNT
 *
 * The number of the layer at work stands in `ROOT/at`, so that whoever watches knows which one does not end, or takes the process
 * with it. At the end it prints a {@link FuzzResult}; what must not happen ends it with an error that names the layer.
 */
import assert from 'node:assert/strict';
import { openSync, readdirSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { stagingDir } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import { explainIoFailure } from '../../store/io-failure.js';
import { type StagedLayer, stageLayer } from '../../store/layers/staging.js';
import { type DiffId, digestOf } from '../../store/oci/digest.js';
import { extractLayer } from '../../store/tar/extract-layer.js';
import { rebuild } from '../support/layer.js';
import { describeTree } from '../support/tree.js';
import { type Blob, damagedBlob, zstdSamples } from './mutate-blob.js';
import { randomFrom } from './random.js';

export interface FuzzResult {
  accepted: number;
  /** How often each error code ended an extraction. */
  refused: Record<string, number>;
  /** The largest resident set in the first tenth, and after it, in bytes. */
  rss: { early: number; late: number };
}

/** The samples of zstd are the same in every run, whichever layer it begins with. */
const samples = zstdSamples(randomFrom(0));
const MAX_PLAIN_BYTES = 16 * 1024 * 1024;

function unpack({ bytes, archive, whole }: Blob, staged: StagedLayer, chunk: number): string {
  const diffId = digestOf(archive) as string as DiffId;
  const target = { layer: staged.layer, record: staged.record, digest: digestOf(bytes), diffId };
  const extraction = extractLayer({ ...target, maxPlainBytes: MAX_PLAIN_BYTES });
  try {
    for (let at = 0; at < bytes.length; at += chunk) extraction.push(bytes.subarray(at, at + chunk));
    extraction.finish();
  } catch (error) {
    if (error instanceof KnownError) {
      assert.ok(!whole || error.code !== 'E_VERIFY', 'what was packed well comes out different');
      return error.code;
    }
    const explained = explainIoFailure(error, staged.dir);
    if (explained instanceof KnownError) return `${explained.code} ${(error as { code?: string }).code}`;
    throw error;
  } finally {
    extraction.close();
  }
  // A path may be as long as the kernel takes: nothing fits in front of it.
  process.chdir(join(staged.layer, 'diff'));
  const back = rebuild({ record: staged.record, diff: '.' });
  process.chdir(dirname(staged.dir));
  assert.ok(back.equals(archive), 'the archive cannot be rebuilt');
  return '';
}

async function main(root: string, first: number, count: number): Promise<FuzzResult> {
  const at = openSync(join(root, 'at'), 'w');
  process.chdir(stagingDir(root));
  const state = () => [...readdirSync(root), ...readdirSync('.'), ...describeTree('guard')].join('\n');
  const untouched = state();
  const result: FuzzResult = { accepted: 0, refused: {}, rss: { early: 0, late: 0 } };
  for (let seed = first; seed < first + count; seed++) {
    writeSync(at, String(seed).padEnd(16), 0);
    const random = randomFrom(seed);
    const blob = damagedBlob(random, samples);
    const staged = stageLayer(root);
    try {
      const code = unpack(blob, staged, random.pick([blob.bytes.length || 1, 700, 4096]));
      if (code === '') result.accepted++;
      else result.refused[code] = (result.refused[code] ?? 0) + 1;
      staged.discard();
      assert.equal(state(), untouched, 'something outside the layer has changed');
    } catch (error) {
      throw new Error(`layer ${seed}: ${String(error)}`, { cause: error });
    }
    // As a pull does between layers: what is closed is let go of only then.
    await setImmediate();
    const { rss } = seed % 64 === 0 ? process.memoryUsage() : { rss: 0 };
    const part = seed - first < count / 10 ? 'early' : 'late';
    result.rss[part] = Math.max(result.rss[part], rss);
  }
  return result;
}

const [root = '', first = '0', count = '0'] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await main(root, Number(first), Number(count))));
