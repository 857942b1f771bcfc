/** Health checks, side by side with docker: each container is asked until it says what it should. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage } from './images.js';

type Call = (args: readonly string[]) => Promise<CommandResult>;

const PATIENCE_MS = 60_000;
const often = ['--health-interval', '1s', '--health-retries', '2'];
const containers: [name: string, ...flags: string[]][] = [
  ['good', '--health-cmd', 'echo fine; test -e /etc/passwd', ...often],
  ['bad', '--health-cmd', 'echo broken; exit 3', ...often],
  ['slow', '--health-cmd', 'sleep 60', '--health-timeout', '1s', ...often],
  ['early', '--health-cmd', 'exit 1', '--health-start-period', '600s', '--health-interval', '1s'],
  ['none', '--no-healthcheck'],
];

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('health checks of tsrun are those of docker', { skip }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  const image = `${registry.host}/lib/busybox:1`;
  const root = join(tempDir(t), 'ours');
  const daemon = await startDockerd(t);
  const [pulled, loaded] = await Promise.all([
    cli('tspull', root, ['-q', image]),
    daemon.docker(['pull', '-q', image]),
  ]);
  assert.deepEqual([pulled.status, loaded.status], [0, 0], pulled.stderr + loaded.stderr);
  const ours: { run: Call; life: Call } = {
    run: (args) => cli('tsrun', root, args),
    life: (args) => cli('tscontainer', root, args),
  };
  const theirs: typeof ours = { run: (args) => daemon.docker(['run', ...args]), life: daemon.docker };
  const both = [ours, theirs];
  const inspect = async ({ life }: typeof ours, name: string, format: string) =>
    (await life(['inspect', '-f', format, name])).stdout.trim();
  const until = async (side: typeof ours, name: string, format: string, wanted: string) => {
    let shown = '';
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(200)) {
      shown = await inspect(side, name, format);
      if (shown === wanted) return;
    }
    assert.equal(shown, wanted);
  };
  try {
    for (const { run } of both)
      for (const [name, ...flags] of containers) {
        const all = ['-d', '--network', 'none', '--name', name, ...flags, image, 'sleep', '1000'];
        const { status, stderr } = await run(all);
        assert.equal(status, 0, stderr);
      }
    for (const side of both) {
      await until(side, 'good', '{{.State.Health.Status}}', 'healthy');
      await until(side, 'bad', '{{.State.Health.Status}}', 'unhealthy');
      await until(side, 'slow', '{{.State.Health.Status}}', 'unhealthy');
      await until(side, 'early', '{{.State.Health.Status}} {{.State.Health.FailingStreak}}', 'starting 0');
      await until(side, 'bad', '{{len .State.Health.Log}}', '5');
      const last = (name: string) =>
        inspect(side, name, '{{with index .State.Health.Log 1}}{{.ExitCode}} {{.Output}}{{end}}');
      assert.deepEqual(
        [await last('good'), await last('bad'), await last('slow')],
        ['0 fine', '3 broken', '-1 Health check exceeded timeout (1s)'],
      );
    }
    const shown = async ({ life }: typeof ours) => {
      const listed = await life(['ps', '--format', '{{.Names}} {{.Status}}']);
      const filtered = await life(['ps', '--filter', 'health=unhealthy', '--format', '{{.Names}}']);
      const configs = await life([
        'inspect',
        '-f',
        '{{json .Config.Healthcheck}}',
        ...containers.map(([name]) => name),
      ]);
      return [listed.stdout.replaceAll(/Up (About a minute|\d+ \w+)/g, 'Up'), filtered.stdout, configs.stdout];
    };
    assert.deepEqual(await shown(ours), await shown(theirs));
    // A check that was cut off is gone.
    assert.doesNotMatch((await ours.life(['exec', 'good', 'ps'])).stdout, /test -e/);
  } finally {
    for (const [name] of containers) await ours.life(['rm', '-f', name]);
    await daemon.stop();
  }
});
