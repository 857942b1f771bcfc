/** Pushes as `docker push` tells them where no terminal is: a line whenever something changes. */
import { printable } from '../../store/printable.js';
import type { LayerPushStatus, PushEvent } from '../push/push-event.js';
import { parseReference } from '../reference.js';
import { shortDigest } from './pull-lines.js';

const words: Record<Exclude<LayerPushStatus, 'mounted' | 'pushing'>, string> = {
  preparing: 'Preparing',
  waiting: 'Waiting',
  exists: 'Layer already exists',
  pushed: 'Pushed',
};

export function pushLines(out: (text: string) => void) {
  return (event: PushEvent): void => {
    if (event.type === 'start') out(`The push refers to repository [${event.repository}]\n`);
    else if (event.type === 'layer') {
      const text = statusText(event.status, event.from);
      if (text !== undefined) out(`${shortDigest(event.layer)}: ${text}\n`);
    } else if (event.type === 'retry') {
      const seconds = Math.max(1, Math.round(event.delayMs / 1000));
      const unit = seconds === 1 ? 'second' : 'seconds';
      out(`${shortDigest(event.layer)}: Retrying in ${seconds} ${unit} (${printable(event.reason, 200)})\n`);
    } else if (event.type === 'done') {
      // An image of an index has no tag.
      const { tag = shortDigest(event.digest) } = parseReference(event.reference);
      out(`${tag}: digest: ${event.digest} size: ${event.size}\n`);
    }
  };
}

function statusText(status: LayerPushStatus, from = ''): string | undefined {
  if (status === 'pushing') return undefined;
  return status === 'mounted' ? `Mounted from ${printable(from, 300)}` : words[status];
}
