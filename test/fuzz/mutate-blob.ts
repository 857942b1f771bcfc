/** A damaged archive as a blob: packed in one of the ways that registries know, and damaged again. */
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { damagedArchive } from './mutate-archive.js';
import type { Random } from './random.js';
import { archiveOf, seedLayer } from './seed-layers.js';

export interface Blob {
  bytes: Buffer;
  /** What it was packed from. */
  archive: Buffer;
  /** It was not damaged after that. */
  whole: boolean;
}

/** A frame of raw blocks (RFC 8878 3.1.1): any archive as zstd without a compressor. */
function rawZstd(plain: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50])];
  for (let at = 0; ; at += 60_000) {
    const block = plain.subarray(at, at + 60_000);
    const last = at + 60_000 >= plain.length;
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (last ? 1 : 0), 0, 3);
    parts.push(header, block);
    if (last) return Buffer.concat(parts);
  }
}

/** Really compressed frames, of a few layers: starting the program for each would take too long. */
export function zstdSamples(random: Random): [Buffer, Buffer][] {
  return Array.from({ length: 12 }, (_, level) => {
    const archive = archiveOf(seedLayer(random));
    const { stdout, status } = spawnSync('zstd', ['-q', '-c', `-${1 + level}`], { input: archive });
    if (status !== 0) throw new Error('zstd failed');
    return [archive, stdout];
  });
}

const EMPTY_MEMBER = gzipSync('');

function pack(archive: Buffer, random: Random, samples: [Buffer, Buffer][]): [archive: Buffer, blob: Buffer] {
  const gzip = (bytes: Buffer) => gzipSync(bytes, { level: random.below(10) });
  switch (random.below(6)) {
    case 0:
    case 1:
      return [archive, archive];
    case 2:
      return [archive, gzip(archive)];
    case 3: {
      const cut = random.below(archive.length + 1);
      const between = Array.from({ length: random.below(20) }, () => EMPTY_MEMBER);
      return [archive, Buffer.concat([gzip(archive.subarray(0, cut)), ...between, gzip(archive.subarray(cut))])];
    }
    case 4:
      return [archive, rawZstd(archive)];
    default:
      return samples[random.below(samples.length)] ?? [archive, archive];
  }
}

function damage(blob: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(blob);
  if (bytes.length === 0) return bytes;
  const early = random.chance(0.5) ? Math.min(20, bytes.length) : bytes.length;
  switch (random.below(7)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length));
    case 1:
      return Buffer.concat([
        bytes,
        random.pick([Buffer.alloc(600), random.bytes(40), bytes, EMPTY_MEMBER, rawZstd(bytes)]),
      ]);
    case 2: {
      const cut = random.below(bytes.length);
      return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + 1 + random.below(50))]);
    }
    case 3:
      bytes.writeUInt8(random.pick([0, 0xff, 0x7f, 0x80]), random.below(early));
      return bytes;
    case 4: {
      const from = random.below(bytes.length);
      random.bytes(1 + random.below(30)).copy(bytes, from);
      return bytes;
    }
    default:
      for (let count = 1 + random.below(6); count > 0; count--) {
        const at = random.below(early);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
      }
      return bytes;
  }
}

export function damagedBlob(random: Random, samples: [Buffer, Buffer][]): Blob {
  const [archive, packed] = pack(damagedArchive(random), random, samples);
  const whole = random.chance(0.6);
  return { archive, whole, bytes: whole ? packed : damage(packed, random) };
}
