/** Pulls as lines, in Docker's words: one for each change, none that is ever redrawn. */
import { printable } from '../../store/printable.js';
import type { LayerStatus, PullEvent } from '../pull/pull-event.js';
import { parseSource } from '../pull/sources/source-name.js';
import { parseReference } from '../reference.js';
import type { PullReporter } from './pull-reporter.js';

/** The 12 digits of a blob's digest by which Docker's output names a layer. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}

export const layerWords: Record<LayerStatus, string | undefined> = {
  exists: 'Already exists',
  elsewhere: 'Waiting',
  queued: 'Pulling fs layer',
  downloading: undefined,
  verified: 'Download complete',
  complete: 'Pull complete',
};

type Start = Pick<PullEvent & { type: 'start' }, 'name' | 'reference'>;

/** `16.04: Pulling from library/ubuntu`, or `Pulling from docker-archive:ubuntu.tar` */
export function heading({ name, reference }: Start, allTags: boolean): string[] {
  const source = parseSource(name);
  if (source.kind !== 'registry') return [`Pulling from ${printable(name)}`];
  const given = parseReference(source.name);
  const addsTag = !allTags && given.tag === undefined && given.digest === undefined;
  const { tag, digest, path } = parseReference(reference);
  return [...(addsTag ? ['Using default tag: latest'] : []), `${digest ?? tag}: Pulling from ${printable(path)}`];
}

/** The text of an event, if it has one. */
export function eventLine(event: PullEvent): string | undefined {
  if (event.type === 'layer') {
    const words = layerWords[event.status];
    return words === undefined ? undefined : `${shortDigest(event.digest)}: ${words}`;
  }
  if (event.type === 'retry') {
    const seconds = Math.max(1, Math.round(event.delayMs / 1000));
    return `${shortDigest(event.digest)}: Retrying in ${seconds} second${seconds === 1 ? '' : 's'} (${printable(event.reason, 200)})`;
  }
  // That a mirror does not hold everything is no trouble.
  if (event.type === 'failover' && event.kind !== 'missing')
    return `WARNING: ${printable(event.from)} is of no use, going on at ${printable(event.to)} (${printable(event.reason, 200)})`;
  if (event.type === 'warning') return `WARNING: ${printable(event.message)}`;
  return event.type === 'done' && event.digest !== undefined ? `Digest: ${event.digest}` : undefined;
}

/** @param reference a name, of all its tags together where they were asked for */
export function statusLine(upToDate: boolean, reference: string): string {
  return `Status: ${upToDate ? 'Image is up to date' : 'Downloaded newer image'} for ${printable(reference)}`;
}

export interface LineOptions {
  write(text: string): void;
  /** Names stand for all their tags, whose status is told by somebody else at the end. */
  allTags: boolean;
}

export function lineReporter({ write, allTags }: LineOptions): PullReporter {
  /** By pull, until its first line is written. */
  const headings = new Map<number, Start>();
  return {
    onEvent(event) {
      if (event.type === 'total' || event.type === 'failed') return;
      if (event.type === 'start') headings.set(event.pull, event);
      else {
        const start = headings.get(event.pull);
        if (start !== undefined) for (const line of heading(start, allTags)) write(`${line}\n`);
        headings.delete(event.pull);
      }
      const line = eventLine(event);
      if (line !== undefined) write(`${line}\n`);
      if (event.type === 'done' && !allTags) write(`${statusLine(event.upToDate, event.reference)}\n`);
    },
    end() {},
  };
}
