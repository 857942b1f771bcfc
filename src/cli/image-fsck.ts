/** `tsimage fsck`: status 0 when nothing is wrong (any more), 1 when something is, 2 when it could not be found out. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot } from '../../store/store.js';
import { fsck } from '../fsck/fsck.js';
import { type FsckFinding, type FsckReport, fsckVersion } from '../fsck/report.js';
import { humanSize } from '../images/human.js';
import type { CliContext } from './main.js';

export interface FsckFlags {
  root?: string;
  quick?: boolean;
  repair?: boolean;
  json?: boolean;
  insecure?: boolean;
  ca?: string;
}

const FINDINGS = 1;
const NOT_EXAMINED = 2;

export async function fsckCommand(flags: FsckFlags, context: CliContext): Promise<void> {
  const { root = defaultRoot(), quick = false, repair = false, json = false, insecure = false, ca } = flags;
  const options = { root, quick, repair, insecure, signal: context.signal, ...(ca !== undefined && { caFiles: [ca] }) };
  try {
    const report = await fsck(options);
    context.out(json ? `${JSON.stringify(report)}\n` : textOf(report, repair));
    context.end(report.clean ? 0 : FINDINGS);
  } catch (error) {
    if (!(error instanceof KnownError) || error.code === 'E_CANCELLED') throw error;
    if (json) context.out(`${JSON.stringify(failure(root, error))}\n`);
    throw new KnownError(error.code, error.message, {
      cause: error,
      exitCode: NOT_EXAMINED,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

function failure(
  root: string,
  { code, message, hint = null }: KnownError | { code: string; message: string; hint?: null },
) {
  return { version: fsckVersion, root, error: { code, message, hint } };
}

function textOf(report: FsckReport, repair: boolean): string {
  const { findings, images, layers, bytes, quick, clean } = report;
  const lines = findings.flatMap((finding) => linesOf(finding, repair));
  const left = findings.filter(({ repaired }) => !repaired).length;
  const read = quick ? 'their files were not read' : `${humanSize(bytes, 4)} read`;
  const counts = `${images} image${images === 1 ? '' : 's'}, ${layers} layer${layers === 1 ? '' : 's'}, ${read}`;
  const verdict = clean
    ? findings.length === 0
      ? 'clean'
      : `clean after ${findings.length} repairs`
    : `${left} found`;
  return `${[...lines, `${counts}: ${verdict}`].join('\n')}\n`;
}

const done = { rewrite: 'written again', fetch: 'fetched again', remove: 'removed', none: 'gone' } as const;
const possible = {
  rewrite: '--repair writes it again',
  fetch: '--repair fetches it again',
  remove: '--repair removes it',
};

function linesOf(finding: FsckFinding, repair: boolean): string[] {
  const { path, problem, layer, image, container, expected, found, reason, repaired, repair: kind } = finding;
  const values = [expected && `expected ${printable(expected, 200)}`, found && `found ${printable(found, 200)}`];
  const of = [
    layer && `layer ${layer.slice(7, 19)}`,
    image && `image ${image.slice(7, 19)}`,
    container && `container ${printable(container.slice(0, 12))}`,
  ];
  const detail = [...of, ...values].filter((part) => part !== undefined && part !== '').join(', ');
  const action = repaired ? done[kind] : (reason ?? (kind === 'none' || repair ? undefined : possible[kind]));
  return [
    `${printable(path, 1000)}: ${problem}${detail === '' ? '' : ` (${detail})`}`,
    ...(action === undefined ? [] : [`  ${printable(action, 1000)}`]),
  ];
}
