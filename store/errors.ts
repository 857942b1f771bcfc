/**
 * Every failure that tspull foresees is a {@link KnownError} with one of these codes; anything else is a bug.
 * A code is published: it is never reused for another meaning. docs/errors.md explains each one to users.
 */
export const errorCodes = {
  E_USAGE: 'the command line or an option is wrong',
  E_REFERENCE: 'an image name cannot be parsed',
  E_DIGEST: 'a digest is malformed or of an unknown algorithm',
  E_DOCUMENT: 'a manifest, index or config is malformed or contradicts itself',
  E_UNSUPPORTED: 'the image is of a kind that cannot be used here',
  E_PLATFORM: 'no image for the wanted platform',
  E_VERIFY: 'bytes do not match the digest or the size that names them',
  E_ARCHIVE: 'a layer or an archive of images is damaged, incomplete, or tries something that is refused',
  E_BUNDLE: 'a bundle relies on layers that the data root lacks',
  E_NOT_FOUND: 'no such image or archive where it was looked for, or a registry refuses to say',
  E_DENIED: 'a registry refuses access',
  E_REGISTRY: 'a registry or Docker daemon answered with an error or broke its protocol',
  E_NETWORK: 'a registry or Docker daemon cannot be reached or stopped answering',
  E_TLS: 'the identity of a registry cannot be verified',
  E_CONFIG: 'a configuration of registries on this machine is wrong, or forbids what was asked for',
  E_CREDENTIALS: 'stored credentials cannot be read',
  E_CANCELLED: 'the operation was cancelled',
  E_STORE: 'the data root is damaged or has an unknown shape',
  E_STORE_BUSY: 'another program holds the data root',
  E_STORE_MODE: 'the data root belongs to a different kind of store',
  E_STORE_IO: 'reading or writing the data root failed',
  E_OUTPUT: 'a file that was asked for cannot be written',
  E_NO_IMAGE: 'no such image in the data root',
  E_NO_CONTAINER: 'no such container',
  E_NO_VOLUME: 'no such volume',
  E_CONFLICT: 'the object is in use, or the name is taken',
  E_QUOTA: 'images that must stay need more than their quota',
  E_TEMPLATE: 'a --format template is wrong',
  E_RUN: 'a container cannot be set up',
  E_COMMAND: 'the command of a container cannot be executed',
  E_PERMISSION: 'the operation needs privileges that this process lacks',
  E_KERNEL: 'the kernel lacks a feature that is needed',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface KnownErrorOptions {
  /** What the user can do about it; printed on a line of its own. */
  hint?: string;
  cause?: unknown;
  /** Exit status for the programs where it is not 1 (125, 126, 127 of `run`, 64 for templates). */
  exitCode?: number;
}

/** A failure that was foreseen: what was tried, on what, and why it failed. Lower case, no final period. */
export class KnownError extends Error {
  override readonly name: string = 'KnownError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: number | undefined;

  constructor(code: ErrorCode, message: string, options: KnownErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

/** A system call that failed: the call, its operands in words, and the errno name (`ENOENT`). */
export class SyscallError extends Error {
  override readonly name: string = 'SyscallError';
  readonly syscall: string;
  /** errno as a name, the same property that Node's own system errors carry. */
  readonly code: string;
  readonly errno: number;

  constructor(syscall: string, operands: string, errno: number, code: string) {
    super(operands === '' ? `${syscall}: ${code}` : `${syscall} ${operands}: ${code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

/** The errno name of a failure of Node's fs or of {@link SyscallError}; undefined for anything else. */
export function errnoCode(error: unknown): string | undefined {
  if (error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return undefined;
}

/** True when `error` is a system error with one of the given errno names. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  const code = errnoCode(error);
  return code !== undefined && codes.includes(code);
}
