/** `tsimage push` */
import { type PushOptions, push } from '../push/push.js';
import { canonicalString, parseReference } from '../reference.js';
import type { CliContext } from './main.js';
import { pushLines } from './push-lines.js';

export interface PushFlags {
  root?: string;
  allTags?: boolean;
  index?: boolean;
  quiet?: boolean;
  json?: boolean;
  insecure?: boolean;
  ca?: string[];
  maxConcurrentUploads?: number;
}

export async function pushCommand(name: string, flags: PushFlags, { out, signal }: CliContext): Promise<void> {
  const { allTags = false, quiet = false, json = false } = flags;
  const { tag, digest } = parseReference(name);
  if (tag === undefined && digest === undefined && !allTags && !quiet && !json) out('Using default tag: latest\n');
  const lines = pushLines(out);
  await push(name, {
    ...pushOptions(flags),
    onEvent(event) {
      if (json) out(`${JSON.stringify(event)}\n`);
      else if (!quiet) lines(event);
    },
    signal,
  });
  if (quiet && !json) out(`${shownName(name, allTags)}\n`);
}

/** As Docker: the full name, with its tag unless all were pushed. */
function shownName(name: string, allTags: boolean): string {
  const reference = parseReference(name);
  return canonicalString(allTags ? reference : { ...reference, tag: reference.tag ?? 'latest' });
}

function pushOptions({ root, allTags, index, insecure, ca, maxConcurrentUploads }: PushFlags): PushOptions {
  return {
    ...(root !== undefined && { root }),
    ...(allTags !== undefined && { allTags }),
    ...(index !== undefined && { index }),
    ...(insecure !== undefined && { insecure }),
    ...(ca !== undefined && { caFiles: ca }),
    ...(maxConcurrentUploads !== undefined && { maxConcurrentUploads }),
  };
}
