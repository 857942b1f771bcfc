/** `commit`: the image is what docker makes of the same container, and dockerd runs it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { busyboxIn, importImage } from '../support/imported-image.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';

const script =
  'echo a >/added; rm /etc/group; rm -r /usr; mkdir /usr; touch /usr/again; chown 5:6 /added; echo w >/etc/.hidden; rm -r /home/alice; ln -s x /vol/unseen';
const changes = [
  'ENV A=b C="d e"',
  'ENV D rest of it',
  'CMD ["sh", "-c", "cat /added; ls -A /usr /home; echo $A $C $D"]',
  'EXPOSE 80 81/udp',
  "LABEL l=m 'n o'=p",
  'USER 7',
  'VOLUME /q /r',
  'WORKDIR /w',
  'WORKDIR deeper',
  'ONBUILD RUN x',
  'HEALTHCHECK --interval=1m30s --retries=2 CMD true && true',
];
const shown = [
  'Env',
  'Cmd',
  'Entrypoint',
  'ExposedPorts',
  'Labels',
  'User',
  'Volumes',
  'WorkingDir',
  'OnBuild',
  'Healthcheck',
];

const skip = missing(...dockerdNeeds, 'busybox', 'tar');

test('commit makes the image that docker makes', { skip }, async (t) => {
  const first = await startDockerd(t);
  const root = join(tempDir(t), 'ours');
  await importImage(first, root, 'bb', busyboxIn(tempDir(t)), ['VOLUME /vol', 'ENV A=image B=kept']);
  const run = ['--name', 'cc', '-e', 'C=run', '-l', 'own=label', '-v', '/anonymous', 'bb', 'sh', '-c', script];
  assert.equal((await first.docker(['run', '--network', 'none', ...run])).status, 0);
  assert.equal((await cli('tscontainer', root, ['create', ...run])).status, 0);
  assert.equal((await cli('tscontainer', root, ['start', '-a', 'cc'])).status, 0);
  const sides = [(...args: string[]) => cli('tscontainer', root, args), (...args: string[]) => first.docker(args)];
  for (const args of [
    ['commit', 'nosuch'],
    ['commit', 'cc', 'Upper'],
    ['commit', 'cc', 'a b'],
    ['commit', '-c', 'BOGUS x', 'cc'],
    ['commit', '-c', 'RUN x', 'cc'],
  ]) {
    const [a, b] = await Promise.all(sides.map((call) => call(...args)));
    assert.equal(a?.status, b?.status, args.join(' '));
    assert.ok(b?.stderr.includes(a?.stderr.replace(/^tscontainer: /, '').trim() ?? '?'), `${a?.stderr}${b?.stderr}`);
  }
  const flags = ['-a', 'me <a@b>', '-m', 'why', ...changes.flatMap((change) => ['-c', change])];
  for (const call of sides) {
    const { status, stdout, stderr } = await call('commit', ...flags, 'cc', 'made:1');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.match((await call('commit', 'cc')).stdout, /^sha256:/);
  }
  const theirConfig = JSON.parse((await first.docker(['image', 'inspect', 'made:1'])).stdout)[0];
  const theirRun = await first.docker(['run', '--rm', '--network', 'none', 'made:1']);
  await first.stop();

  const ourRun = await cli('tsrun', root, ['--rm', 'made:1']);
  assert.deepEqual([ourRun.status, ourRun.stdout], [theirRun.status, theirRun.stdout], ourRun.stderr);
  const second = await startDockerd(t, { root });
  const [image] = JSON.parse((await second.docker(['image', 'inspect', 'made:1'])).stdout);
  for (const field of shown) assert.deepEqual(image.Config[field] ?? null, theirConfig.Config[field] ?? null, field);
  for (const field of ['Author', 'Comment', 'Architecture', 'Os', 'Size'])
    assert.equal(image[field], theirConfig[field], field);
  const again = await second.docker(['run', '--rm', '--network', 'none', 'made:1']);
  assert.deepEqual([again.status, again.stdout], [theirRun.status, theirRun.stdout], again.stderr);
  // The layer can be given back as an archive: its record is complete.
  const saved = await second.docker(['save', '-o', join(tempDir(t), 'saved.tar'), 'made:1']);
  assert.equal(saved.status, 0, saved.stderr);
  await second.stop();
});
