/** Where the time of a pull went: what each layer waited for or was worked on by, and what that says of the whole. */
import type { Digest } from '../../store/oci/digest.js';

/** Milliseconds. */
export interface Spent {
  /** For a free place among the layers in work. */
  queueMs: number;
  dnsMs: number;
  connectMs: number;
  tlsMs: number;
  /** From a request to the head of its answer, redirects included. */
  firstByteMs: number;
  /** For bytes of the blob. */
  transferMs: number;
  /** The same where none came for a second or more; waits before another try are in it. */
  stallMs: number;
  /** Hashing the blob and inflating it. */
  decompressMs: number;
  /** Hashing what came out, and writing its files. */
  applyMs: number;
  /** For the layers below to be complete. */
  belowMs: number;
  /** For the disk to say that everything has reached it. */
  syncMs: number;
  /** Making the layer known to the data root. */
  commitMs: number;
  /** For another process, or another pull of this one, that fetches the layer. */
  elsewhereMs: number;
}

export interface LayerAccount extends Spent {
  /** 0 is the lowest layer. */
  index: number;
  digest: Digest;
  /** Of the blob; what an earlier run had left is in it. */
  bytes: number;
  unpacked: number;
  /** Who sent how many bytes of it in this run. */
  endpoints: { url: string; bytes: number }[];
}

export interface Constraint {
  kind: ConstraintKind;
  /** Of the time that layers spent, from 0 to 1; what only follows from it (queues, layers below) does not count. */
  share: number;
  /** In words. */
  text: string;
}

export type ConstraintKind = 'registry' | 'network' | 'decompression' | 'disk' | 'commit' | 'other process';

export const nothingSpent: Readonly<Spent> = {
  queueMs: 0,
  dnsMs: 0,
  connectMs: 0,
  tlsMs: 0,
  firstByteMs: 0,
  transferMs: 0,
  stallMs: 0,
  decompressMs: 0,
  applyMs: 0,
  belowMs: 0,
  syncMs: 0,
  commitMs: 0,
  elsewhereMs: 0,
};

export const spentKeys = Object.keys(nothingSpent) as (keyof Spent)[];

export function totalOf(layers: readonly Spent[]): Spent {
  const total = { ...nothingSpent };
  for (const layer of layers) for (const key of spentKeys) total[key] += layer[key];
  return total;
}

const words: Record<ConstraintKind, string> = {
  registry: 'most of the time went into finding out what the name stands for',
  network: 'layers waited for bytes; the network or the registry was slower than this machine',
  decompression: 'hashing and inflating took longest; a faster processor, or more of them, would help',
  disk: 'writing files took longest; a faster disk would help',
  commit: 'making layers durable and known took longest',
  'other process': 'layers were waited for that another process was fetching',
};

/** @param resolveMs from the beginning until all documents were there */
export function bindingConstraint(total: Spent, resolveMs: number): Constraint {
  const { dnsMs, connectMs, tlsMs, firstByteMs, transferMs, stallMs } = total;
  const times: Record<ConstraintKind, number> = {
    registry: resolveMs,
    network: dnsMs + connectMs + tlsMs + firstByteMs + transferMs + stallMs,
    decompression: total.decompressMs,
    disk: total.applyMs + total.syncMs,
    commit: total.commitMs,
    'other process': total.elsewhereMs,
  };
  const all = Object.values(times).reduce((sum, time) => sum + time, 0);
  const entries = Object.entries(times) as [ConstraintKind, number][];
  const [kind, time] = entries.reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  const share = all === 0 ? 0 : time / all;
  return { kind, share, text: `${kind} (${Math.round(share * 100)} %): ${words[kind]}` };
}
