/** `tscontainer diff`, `export` and `cp` */
import type { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { createOutputFile } from '../../store/fs/output-file.js';
import { defaultRoot, openForReading, openForRunning, openForWriting } from '../../store/store.js';
import {
  archiveFromContainer,
  copyFromContainer,
  copyToContainer,
  extractToContainer,
} from '../life/files/copy-files.js';
import { diffContainer } from '../life/files/diff.js';
import { exportContainer } from '../life/files/export.js';
import { harmless } from './format-rows.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  output?: string;
  archive?: boolean;
  followLink?: boolean;
  quiet?: boolean;
}

interface CommitFlags {
  author?: string;
  change?: string[];
  message?: string;
  pause?: boolean;
}

const collect = (text: string, before: string[]): string[] => [...before, text];

const kinds = { added: 'A', changed: 'C', deleted: 'D' } as const;

export function addFilesCommands(program: Command, context: CliContext): void {
  const add = (name: string, usage: string, description: string): Command =>
    program.command(name).usage(usage).description(description).argument('[names...]');
  add('diff', 'CONTAINER', "Inspect changes to files or directories on a container's filesystem").action(
    (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      const { root } = openForReading(command.optsWithGlobals<Flags>().root ?? defaultRoot());
      const changes = diffContainer(root, names[0] ?? '');
      context.out(
        changes.map(({ kind, path }) => `${kinds[kind]} ${harmless(path.replaceAll('\n', '\ufffd'))}\n`).join(''),
      );
    },
  );
  add('export', '[OPTIONS] CONTAINER', "Export a container's filesystem as a tar archive")
    .option('-o, --output <string>', 'write to a file, instead of STDOUT')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 1 });
      await exportTo(names[0] ?? '', command.optsWithGlobals<Flags>());
    });
  add('commit', '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]', "Create a new image from a container's changes")
    .option('-a, --author <string>', 'author (e.g., "John Hannibal Smith <hannibal@a-team.com>")')
    .option('-c, --change <list>', 'apply Dockerfile instruction to the created image', collect, [])
    .option('-m, --message <string>', 'commit message')
    .option('--no-pause', 'do not pause the container during commit')
    .option('-p, --pause', 'pause container during commit (default true)')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 1, most: 2 });
      const { author, change = [], message, pause = true, root } = command.optsWithGlobals<Flags & CommitFlags>();
      const { commitContainer } = await import('../life/commit/commit-container.js');
      using store = await openForWriting(root ?? defaultRoot(), context.signal);
      const said = { ...(author && { author }), ...(message && { message }), changes: change, pause };
      context.out(`${await commitContainer(store, names[0] ?? '', names[1], said)}\n`);
    });
  add(
    'cp',
    '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-',
    'Copy files/folders between a container and the local filesystem',
  )
    .option('-a, --archive', 'archive mode (copy all uid/gid information)')
    .option('-L, --follow-link', 'always follow symbol link in SRC_PATH')
    .option('-q, --quiet', 'suppress progress output during copy')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 2, most: 2 });
      const [from = '', to = ''] = names;
      await copy(from, to, command.optsWithGlobals<Flags>());
    });
}

/** A file that is cut off does not take the place of one that is there. */
async function exportTo(name: string, { root, output }: Flags): Promise<void> {
  using store = await openForRunning(root ?? defaultRoot());
  if (output === undefined || output === '') {
    refuseTerminal('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    await exportContainer(store.root, name, toStandardOutput);
    return;
  }
  using file = createOutputFile(output);
  await exportContainer(store.root, name, (bytes) => file.write(bytes));
  file.commit();
}

function refuseTerminal(message: string): void {
  if (process.stdout.isTTY) throw new KnownError('E_USAGE', message);
}

/** No faster than it is read. The memory of the bytes is not ours after this call. */
async function toStandardOutput(bytes: Buffer): Promise<void> {
  if (!process.stdout.write(Buffer.from(bytes))) await new Promise((resolve) => process.stdout.once('drain', resolve));
}

async function copy(from: string, to: string, flags: Flags): Promise<void> {
  const source = splitPlace(from);
  const target = splitPlace(to);
  if (source.container !== undefined && target.container !== undefined)
    throw new KnownError('E_USAGE', 'copying between containers is not supported');
  const { archive = false, followLink = false } = flags;
  const options = { archive, followLink };
  using store = await openForRunning(flags.root ?? defaultRoot());
  if (source.container !== undefined) {
    const place = { container: source.container, path: source.path };
    if (to !== '-') return await copyFromContainer(store.root, place, to, options);
    refuseTerminal('refusing to write an archive to a terminal');
    return await archiveFromContainer(store.root, place, toStandardOutput, options);
  }
  if (target.container === undefined) throw new KnownError('E_USAGE', 'must specify at least one container source');
  const place = { container: target.container, path: target.path };
  if (from === '-') return await extractToContainer(store.root, place, process.stdin, options);
  return await copyToContainer(store.root, from, place, options);
}

/** `CONTAINER:PATH`, or a path of the host: one that begins with `/` or `.`, or has no colon. */
function splitPlace(text: string): { container: string | undefined; path: string } {
  const colon = text.indexOf(':');
  if (/^[/.]/.test(text) || colon < 0) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || '/' };
}
