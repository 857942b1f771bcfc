import { KnownError } from '../../store/errors.js';
import type { ImageConfig } from '../../store/oci/image-config.js';
import { fits, formatPlatform, hostPlatform, type Platform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import type { Emit } from './pull-event.js';

export interface PlatformWish {
  /** As the user knows the image. */
  name: string;
  wanted: Platform | undefined;
  emit: Emit;
}

/**
 * A single image, without an index, is whatever it is: refused when another platform was asked for, else only told.
 *
 * @throws KnownError E_PLATFORM
 */
export function checkPlatform({ os, architecture, variant }: ImageConfig, { name, wanted, emit }: PlatformWish): void {
  const actual = { os: os || 'linux', architecture, variant: variant || undefined, osVersion: undefined };
  if (fits(wanted ?? hostPlatform(), actual)) return;
  const is = printable(formatPlatform(actual), 100);
  if (wanted === undefined) {
    const message = `the image is for ${is}, this machine is ${formatPlatform(hostPlatform())}`;
    emit({ type: 'warning', message });
    return;
  }
  const text = `image with reference ${name} was found but does not match the specified platform`;
  throw new KnownError('E_PLATFORM', `${text}: wanted ${formatPlatform(wanted)}, actual: ${is}`);
}
