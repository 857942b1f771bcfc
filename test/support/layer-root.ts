import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunImage } from '../../src/run/run-options.js';
import { makeDataRoot } from '../../store/data-root.js';
import { randomId } from '../../store/fs/random-id.js';
import { openImageDb } from '../../store/images/image-db.js';
import { setTag } from '../../store/images/repositories.js';
import { updateRepositories } from '../../store/images/repositories-file.js';
import { layerRecordDir } from '../../store/layers/layer-db.js';
import { type ChainId, parseChainId } from '../../store/oci/digest.js';
import { createLayerDir } from '../../store/overlay2/layer-dir.js';
import { findProgram } from './needs.js';

/** Fills the directory of a layer. */
export type Fill = (diff: string) => void;

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** A data root whose layers are made in place, without a registry; removed when the test ends. */
export function layerRoot(t: { after: (done: () => void) => void }): string {
  const root = mkdtempSync(join(tmpdir(), 'tspull-root-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  makeDataRoot(root);
  return root;
}

/** Adds a stack of layers, lowest first, as an image named `<name>:latest`. */
export function addImage(
  root: string,
  fills: readonly Fill[],
  config: RunImage['config'] = {},
  name = 'test',
): RunImage {
  const diffIds: string[] = [];
  let parent: { chainId: ChainId; cacheId: string } | undefined;
  for (const fill of fills) {
    const cacheId = randomId();
    const diffId = sha256(cacheId);
    diffIds.push(diffId);
    const chainId = parseChainId(parent === undefined ? diffId : sha256(`${parent.chainId} ${diffId}`));
    fill(createLayerDir(root, cacheId, parent?.cacheId).diff);
    const record = layerRecordDir(root, chainId);
    mkdirSync(record, 0o700);
    writeFileSync(join(record, 'diff'), diffId);
    writeFileSync(join(record, 'cache-id'), cacheId);
    writeFileSync(join(record, 'size'), '0');
    if (parent !== undefined) writeFileSync(join(record, 'parent'), parent.chainId);
    parent = { chainId, cacheId };
  }
  return { name, chainId: parent?.chainId, config, id: recordImage(root, name, diffIds, config) };
}

/** The documents that make an image of the layers: its config, and its name. */
function recordImage(root: string, name: string, diffIds: readonly string[], config: RunImage['config']): string {
  const document = {
    architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created_by: 'a test' })),
  };
  const id = openImageDb(root).put(Buffer.from(JSON.stringify(document)));
  updateRepositories(root, (current) => setTag(current, name, 'latest', id));
  return id;
}

const applets =
  `sh cat ls id env pwd hostname mount umount mkdir rm ln ps kill sleep true false echo stat readlink touch
  chmod chown dd head tail grep sed tr wc seq test expr printf stty tty ulimit mknod unshare ip ifconfig date cut sort find
  su nproc sysctl setsid xargs yes od dmesg chroot awk timeout getty df free uname trap`.split(/\s+/);

/** Debian's static busybox with links, and the usual files. */
export const busybox: Fill = (diff) => {
  for (const folder of ['bin', 'etc', 'tmp', 'root', 'home/alice', 'usr/bin', 'sbin', 'dev', 'proc', 'sys'])
    mkdirSync(join(diff, folder), { recursive: true });
  const program = findProgram('busybox');
  if (program === undefined) throw new Error('busybox is missing');
  copyFileSync(program, join(diff, 'bin', 'busybox'));
  for (const name of applets) symlinkSync('busybox', join(diff, 'bin', name));
  const users = [
    'root:x:0:0:root:/root:/bin/sh',
    'alice:x:1000:1001::/home/alice:/bin/sh',
    'bob:x:1002:1002::/nowhere:/bin/sh',
  ];
  const groups = ['root:x:0:', 'alice:x:1001:', 'staff:x:50:alice,bob', 'wheel:x:10:alice', 'tty:x:5:'];
  writeFileSync(join(diff, 'etc', 'passwd'), users.map((line) => `${line}\n`).join(''));
  writeFileSync(join(diff, 'etc', 'group'), groups.map((line) => `${line}\n`).join(''));
};
