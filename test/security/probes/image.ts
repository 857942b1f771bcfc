/** The image of the probes: busybox, and the compiled probe with and without privileges. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { findProgram } from '../../support/needs.js';
import { repository } from '../../support/sources.js';

export const needs = ['root', 'busybox', 'gcc', 'setcap'] as const;

/** A data root with the image `probes`; removed when the test ends. */
export function probeRoot(t: { after: (done: () => void) => void }): string {
  const root = layerRoot(t);
  const folder = mkdtempSync(join(tmpdir(), 'tspull-probe-'));
  try {
    const probe = join(folder, 'probe');
    const source = join(repository, 'test/security/probes/probe.c');
    execFileSync('gcc', ['-static', '-O1', '-o', probe, source], { stdio: 'pipe' });
    const setcap = findProgram('setcap') ?? 'setcap';
    addImage(
      root,
      [
        (diff) => {
          busybox(diff);
          const place = (name: string): string => {
            copyFileSync(probe, join(diff, name));
            chmodSync(join(diff, name), 0o755);
            return join(diff, name);
          };
          place('probe');
          chmodSync(place('setuid'), 0o4755);
          execFileSync(setcap, ['cap_net_raw+ep', place('with-capability')]);
          execFileSync(setcap, ['cap_sys_admin+ep', place('with-forbidden-capability')]);
        },
      ],
      {},
      'probes',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  return root;
}
