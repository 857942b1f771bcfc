/** Failures of the disk in words. */
import { statfsSync } from 'node:fs';
import { errnoCode, KnownError } from './errors.js';

const meanings: Record<string, [text: string, hint: string]> = {
  ENOSPC: [
    'no space left',
    'free some space (or inodes: df -i), or use another --root; the unfinished download was removed',
  ],
  EDQUOT: ['the disk quota is used up', 'raise the quota or use another --root; the unfinished download was removed'],
  EROFS: ['the file system is read-only', 'look at the kernel log: a file system turns read-only after an error'],
  EIO: ['the device reported an error', 'look at the kernel log; the data may not have reached the disk'],
  EMFILE: ['too many open files in this process', 'raise the limit (ulimit -n)'],
  ENFILE: ['too many open files in the system', 'close other programs or raise fs.file-max'],
  EACCES: ['permission denied', 'run as the owner of the data root'],
  EPERM: [
    'the operation is not permitted',
    'only root can make files of other owners, devices and opaque directories: run as root',
  ],
  EFBIG: ['a file would become larger than allowed', 'raise the limit (ulimit -f)'],
};

/** `error` as a {@link KnownError} E_STORE_IO when it is a failure of the disk below `root`; unchanged otherwise. */
export function explainIoFailure(error: unknown, root: string): unknown {
  const code = errnoCode(error);
  const meaning = code === undefined ? undefined : meanings[code];
  if (meaning === undefined || !(error instanceof Error)) return error;
  const [text, hint] = meaning;
  return new KnownError(
    'E_STORE_IO',
    `cannot write to the data root ${JSON.stringify(root)}: ${text}${freeSpace(code, root)} (${error.message})`,
    {
      hint,
      cause: error,
    },
  );
}

function freeSpace(code: string | undefined, root: string): string {
  if (code !== 'ENOSPC') return '';
  const { bavail, bsize, ffree } = statfsSync(root);
  return `: ${bavail * bsize} bytes and ${ffree} inodes are free`;
}
