/** A pull as lines, in Docker's words: one for each change, none that is ever redrawn. */
import { printable } from '../../store/printable.js';
import type { LayerStatus, PullEvent } from '../pull/pull-event.js';
import { parseSource } from '../pull/sources/source-name.js';
import { parseReference, withDefaultTag } from '../reference.js';
import type { PullReporter } from './pull-command.js';

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

/** `16.04: Pulling from library/ubuntu`, or `Pulling from docker-archive:ubuntu.tar` */
export function heading(name: string): string[] {
  const source = parseSource(name);
  if (source.kind !== 'registry') return [`Pulling from ${printable(name)}`];
  const given = parseReference(source.name);
  const { tag, digest, path } = withDefaultTag(given);
  const lines = given.tag === undefined && given.digest === undefined ? ['Using default tag: latest'] : [];
  return [...lines, `${digest ?? tag}: Pulling from ${printable(path)}`];
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
  if (event.type !== 'done') return undefined;
  const status = event.upToDate ? 'Image is up to date' : 'Downloaded newer image';
  const digest = event.digest === undefined ? '' : `Digest: ${event.digest}\n`;
  return `${digest}Status: ${status} for ${printable(event.reference)}`;
}

export function lineReporter(name: string, write: (text: string) => void): PullReporter {
  let begun = false;
  return {
    onEvent(event) {
      if (!begun && event.type !== 'start') for (const line of heading(name)) write(`${line}\n`);
      begun ||= event.type !== 'start';
      const line = eventLine(event);
      if (line !== undefined) write(`${line}\n`);
    },
    end() {},
  };
}
