/** The changed files that a sandbox tells are those of `docker diff`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sandbox } from '../../src/library/sandbox.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';

/**
 * Docker leaves out files that look the same: a program can see to that, so whatever was copied to the writable layer counts here.
 * Hence no script writes and sets the time back.
 */
const scripts = [
  'true',
  'echo >/new; mkdir -p /deep/er; echo >/deep/er/file',
  'rm /etc/group; chmod 600 /etc/passwd; echo alice >>/etc/passwd',
  'rm -r /home; mkdir /home; rm -r /root; rm /bin/ls; ln -s /nowhere /bin/ls',
  'touch /tmp; mknod /tmp/null c 1 3; mkfifo /tmp/fifo',
  'echo x >>/etc/hosts; echo >/dev/shm/x; rm -r /tmp; ln -s /etc /tmp',
];
const letters = { added: 'A', changed: 'C', deleted: 'D' };

test('changed files', { skip: missing(...dockerdNeeds, 'busybox') }, async (t) => {
  const roots = [layerRoot(t), layerRoot(t)] as const;
  for (const root of roots) addImage(root, [busybox], {}, 'bb');
  const daemon = await startDockerd(t, { root: roots[1] });
  for (const [index, script] of scripts.entries()) {
    const { changes } = await sandbox('bb', ['sh', '-c', script], { root: roots[0], readonly: false });
    const name = `c${index}`;
    await daemon.docker(['run', '--name', name, '--network', 'none', '--cap-drop', 'ALL', 'bb', 'sh', '-c', script]);
    const { stdout } = await daemon.docker(['diff', name]);
    assert.deepEqual(
      changes.map(({ kind, path }) => `${letters[kind]} ${path}`).sort(),
      stdout.split('\n').filter(Boolean).sort(),
      script,
    );
  }
  await daemon.stop();
});
