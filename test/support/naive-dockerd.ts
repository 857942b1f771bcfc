/** A dockerd that unpacks layers through mounts, as on kernels with `redirect_dir`: its test of overlayfs is made to fail. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Dockerd, startDockerd } from './dockerd.js';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

const DETACH_MS = 10_000;

/** Needs strace, which is gone before this returns. */
export async function startNaiveDockerd(t: Pick<TestContext, 'after'>): Promise<Dockerd> {
  const folder = tempDir(t);
  const strace = [findProgram('strace'), '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=lsetxattr'];
  // The first attribute that dockerd sets is the one by which it finds out how overlayfs treats opaque directories.
  const command = [...strace, '-e', 'inject=lsetxattr:error=EPERM:when=1', findProgram('dockerd')].join(' ');
  writeFileSync(join(folder, 'dockerd'), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  const path = process.env['PATH'] ?? '';
  process.env['PATH'] = `${folder}:${path}`;
  try {
    const daemon = await startDockerd(t);
    await detachTracer(daemon.pid);
    return daemon;
  } finally {
    process.env['PATH'] = path;
  }
}

async function detachTracer(pid: number): Promise<void> {
  const tracer = () => Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const first = tracer();
  if (first > 0) process.kill(first, 'SIGKILL');
  for (const end = Date.now() + DETACH_MS; tracer() > 0; ) {
    if (Date.now() > end) throw new Error('strace does not let go of dockerd');
    await delay(20);
  }
}
