/** What inflates layers on this machine. */
import { isalGunzip } from './isal.js';
import { hasLibzstd } from './zstd.js';

export interface DecoderInUse {
  format: 'gzip' | 'zstd';
  /** The system's library, or what stands in for it. */
  name: string;
  /** The library of the system that is faster, where it is not there. */
  lacks: string | undefined;
}

/** Looks for the libraries and tries them out. */
export function decodersInUse(): DecoderInUse[] {
  const isal = isalGunzip() !== undefined;
  const libzstd = hasLibzstd();
  return [
    { format: 'gzip', name: isal ? 'ISA-L (libisal.so.2)' : 'zlib of Node', lacks: isal ? undefined : 'libisal.so.2' },
    {
      format: 'zstd',
      name: libzstd ? 'libzstd.so.1' : 'fzstd, in JavaScript',
      lacks: libzstd ? undefined : 'libzstd.so.1',
    },
  ];
}
