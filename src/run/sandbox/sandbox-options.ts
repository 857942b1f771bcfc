/** `--sandbox`: what untrusted code gets when nothing else is said. */
import { KnownError } from '../../../store/errors.js';
import type { MountRequest, RunOptions } from '../run-options.js';

const MIB = 1024 * 1024;

export const sandboxDefaults = {
  /** Bytes; there is no swap beyond it. */
  memory: 512 * MIB,
  /** Processes and threads. */
  pids: 256,
  timeoutMs: 60_000,
  /** Bytes that the command may write to both its outputs together. */
  outputLimit: 16 * MIB,
  /** Folders in memory that can be written to; what lies in them counts as memory. */
  scratch: { '/tmp': 'exec,mode=1777,size=64m', '/var/tmp': 'exec,mode=1777,size=64m', '/run': 'mode=755,size=16m' },
} as const;

/** @throws KnownError E_USAGE for what would open the sandbox */
export function sandboxOptions(options: RunOptions): RunOptions {
  const conflict = conflictOf(options);
  if (conflict !== undefined)
    throw new KnownError('E_USAGE', `conflicting options: --sandbox and ${conflict}`, { exitCode: 125 });
  const mounts = options.mounts ?? [];
  const readonly = options.readonly ?? true;
  const scratch = Object.entries(readonly ? sandboxDefaults.scratch : {})
    .filter(([target]) => !mounts.some((mount) => mount.target === target))
    .map(([target, text]): MountRequest => ({ type: 'tmpfs', target, options: text }));
  const memory = options.memory ?? sandboxDefaults.memory;
  return {
    ...options,
    autoRemove: true,
    network: 'none',
    capDrop: ['ALL'],
    noNewPrivileges: true,
    readonly,
    mounts: [...scratch, ...mounts],
    memory,
    memorySwap: options.memorySwap ?? memory,
    pidsLimit: options.pidsLimit ?? sandboxDefaults.pids,
    ulimits: [{ name: 'core', soft: 0, hard: 0 }, ...(options.ulimits ?? [])],
  };
}

function conflictOf(options: RunOptions): string | undefined {
  if (options.privileged) return '--privileged';
  for (const name of ['network', 'pid', 'ipc', 'uts'] as const) {
    const value = options[name];
    if (value !== undefined && value !== 'none' && value !== 'private') return `--${name} ${value}`;
  }
  if (options.capAdd?.length) return `--cap-add ${options.capAdd.join(',')}`;
  if (options.devices?.length) return '--device';
  if (options.seccomp === 'unconfined') return '--security-opt seccomp=unconfined';
  return undefined;
}
