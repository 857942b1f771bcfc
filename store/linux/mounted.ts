/** What the kernel has mounted of a data root, as far as this mount namespace shows it: containers of a dockerd outlive it sometimes. */
import { readFileSync } from 'node:fs';

/** Something is mounted there or below, or an overlay names it. Blanks in paths are escaped, which our paths have none of. */
export function isMounted(path: string): boolean {
  return mounts().some((line) => line.includes(` ${path} `) || line.includes(`${path}/`));
}

/** An overlay has the layer in its stack: by its directory, or by its short name, which mounts of dockerd use. */
export function isLayerMounted(root: string, cacheId: string, link: string): boolean {
  return mounts().some((line) => line.includes(`${root}/overlay2/${cacheId}/`) || line.includes(`l/${link}`));
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
}
