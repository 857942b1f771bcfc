/** Rates of a disk, in force: the second disk of the machine, with ext4 on it. */
import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { run } from '../../support/dockerd.js';
import { script } from './containers.js';

const DEVICE = '/dev/vda';
const FOLDER = '/run/disk';
const MiB = 1024 * 1024;

async function succeeds(program: string, ...args: string[]): Promise<void> {
  const { status, stderr } = await run(program, args);
  assert.equal(status, 0, `${program}: ${stderr}`);
}

/** Runs it with the disk at /v; how long its own clock says that it took, in seconds. */
async function timed(work: string, ...flags: string[]): Promise<number> {
  const clock = 'read -r now rest </proc/uptime';
  const text = `${clock}; began=$now; ${work} 2>/dev/null || exit 1; ${clock}; echo $began $now`;
  const { status, stdout, stderr } = await script(text, '-v', `${FOLDER}:/v`, ...flags);
  assert.equal(status, 0, stderr);
  const [began, ended] = stdout.trim().split(' ').map(Number);
  return Number(ended) - Number(began);
}

/** A file of its own: what is written back of an inode counts for whom it belonged to first. */
const write = (file: string, count: number, more: string): string =>
  `dd if=/dev/zero of=/v/${file} bs=64k count=${count} ${more}`;

describe('rates of a disk', () => {
  before(async () => {
    await succeeds('mkfs.ext4', '-q', '-F', DEVICE);
    mkdirSync(FOLDER);
    await succeeds('mount', '-t', 'ext4', DEVICE, FOLDER);
  });
  after(() => succeeds('umount', FOLDER));

  test('bytes written, through the cache and past it', async () => {
    for (const how of ['conv=fsync', 'oflag=direct']) {
      const free = await timed(write(`free-${how}`, 48, how));
      const limited = await timed(write(`limited-${how}`, 48, how), '--device-write-bps', `${DEVICE}:1mb`);
      // 3 MiB at 1 MiB a second; the first of it may come at once.
      assert.ok(limited >= 1.8 && limited < 12, `${how}: ${limited} s`);
      assert.ok(free < limited / 2, `${how}: ${free} s without a limit, ${limited} s with it`);
    }
    assert.equal(statSync(`${FOLDER}/limited-conv=fsync`).size, 3 * MiB);
  });

  test('bytes read, and operations', async () => {
    const read = 'dd if=/v/limited-oflag=direct of=/dev/null bs=64k count=48 iflag=direct';
    const limited = await timed(read, '--device-read-bps', `${DEVICE}:1mb`);
    assert.ok(limited >= 1.8 && limited < 12, `${limited} s`);
    const operations = await timed(
      'dd if=/v/limited-oflag=direct of=/dev/null bs=4k count=60 iflag=direct',
      '--device-read-iops',
      `${DEVICE}:20`,
    );
    assert.ok(operations >= 1.8 && operations < 12, `${operations} s`);
    const writes = await timed(
      'dd if=/dev/zero of=/v/file bs=4k count=60 oflag=direct conv=notrunc',
      '--device-write-iops',
      `${DEVICE}:20`,
    );
    assert.ok(writes >= 1.8 && writes < 12, `${writes} s`);
  });

  test('the container sees its limits, and what it has read and written', async () => {
    const { stdout, stderr } = await script(
      `${write('seen', 4, 'oflag=direct')} 2>/dev/null; cat /sys/fs/cgroup/io.max; grep -o "wbytes=[0-9]*" /sys/fs/cgroup/io.stat`,
      ...['-v', `${FOLDER}:/v`, '--device-write-bps', `${DEVICE}:4mb`, '--device-read-iops', `${DEVICE}:500`],
    );
    const [, wbytes = ''] = /^\d+:\d+ rbps=max wbps=4194304 riops=500 wiops=max\nwbytes=(\d+)\n$/.exec(stdout) ?? [];
    assert.ok(Number(wbytes) >= 4 * 64 * 1024, `${stdout}${stderr}`);
  });
});
