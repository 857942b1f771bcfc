import { getSystemErrorMap } from 'node:util';
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { EXECUTE } from '../program/execute.js';
import type { Program } from '../stage2/program.js';
import type { Failure } from './stage2-process.js';

/** Errors that libuv has no words for. */
const unknownToNode: Record<number, readonly [code: string, words: string]> = { 8: ['ENOEXEC', 'exec format error'] };

/** What a failed operation means, with Docker's exit status for it. */
export function explainFailure(program: Program, { operation, errno }: Failure): KnownError {
  const name = program.nameOf(operation);
  const [code, words] = getSystemErrorMap().get(-errno) ?? unknownToNode[errno] ?? [`errno ${errno}`, `error ${errno}`];
  if (name?.call === EXECUTE) return commandFailure(name.operands, code, words);
  const what = [name?.call, name?.operands].filter(Boolean).join(' ') || `operation ${operation}`;
  const message = `cannot set the container up: ${printable(what)}: ${words}`;
  return new KnownError('E_RUN', message, { exitCode: statusOf(message), ...hintFor(code, what) });
}

function commandFailure(command: string, code: string, words: string): KnownError {
  const missing = code === 'ENOENT' && !command.includes('/');
  const reason = missing ? 'executable file not found in $PATH' : words;
  const message = `exec: "${printable(command)}": ${reason}`;
  return new KnownError('E_COMMAND', message, { exitCode: statusOf(message) });
}

/** Docker decides by the text of the error. */
export function statusOf(message: string): number {
  // Found and permitted, but no program: with Docker the container has started by then, and its own status is 1.
  if (message.includes('exec format error')) return 1;
  if (/executable file not found|no such file or directory/.test(message)) return 127;
  return /permission denied|is a directory/.test(message) ? 126 : 125;
}

function hintFor(code: string, what: string): { hint?: string } {
  if (what.includes('oom_score_adj') && code === 'EACCES')
    return { hint: 'lowering the score needs CAP_SYS_RESOURCE; leave --oom-score-adj out or raise it' };
  if (code === 'EPERM') return { hint: 'tsrun needs the privileges of root, also when it runs in a container itself' };
  return {};
}
