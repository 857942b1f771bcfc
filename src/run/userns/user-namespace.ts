/** A user namespace with maps, held by a descriptor. Node has threads and cannot enter one: a small program does, and is ended again. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KnownError } from '../../../store/errors.js';
import * as c from '../program/constants.js';
import { addProcessReport } from '../program/container-program.js';
import { addDeathSignal } from '../program/supervisor.js';
import type { Identity } from '../spec/user.js';
import type { Architecture } from '../stage2/code.js';
import { Program } from '../stage2/program.js';
import { explainFailure } from '../start/explain-failure.js';
import { startStage2 } from '../start/stage2-process.js';
import { type IdMaps, type IdRange, mapId, readIdMaps } from './id-maps.js';

/** Held until it is disposed of. */
export interface UserNamespace extends Disposable {
  fd: number;
  /** Whom the host takes the container's root for. */
  root: { uid: number; gid: number };
  /** What its ids are on the host; those that it does not have stay. */
  ids: { uid(id: number): number; gid(id: number): number };
  /** @throws KnownError E_RUN when the user or a group of his has no id on the host */
  check(identity: Identity): void;
}

/**
 * @param name as for {@link readIdMaps}
 * @param folder for the program where it cannot live in memory
 */
export async function openUserNamespace(
  name: string,
  architecture: Architecture,
  folder: string,
): Promise<UserNamespace> {
  const maps = readIdMaps(name);
  const program = new Program(architecture);
  addDeathSignal(program);
  program.call('unshare', [c.CLONE_NEWUSER], 'a user namespace');
  addProcessReport(program);
  program.call('ppoll', [0, 0, 0, 0, 0]);
  const nothing = openSync('/dev/null', 'r+');
  const stage2 = startStage2({ program, stdio: [nothing, nothing, nothing], inherited: (report) => [report], folder });
  closeSync(nothing);
  try {
    const pid = await stage2Pid(stage2, program);
    writeFileSync(`/proc/${pid}/uid_map`, mapText(maps.uids));
    writeFileSync(`/proc/${pid}/gid_map`, mapText(maps.gids));
    return withFd(openSync(`/proc/${pid}/ns/user`, 'r'), maps);
  } finally {
    stage2.kill();
    await stage2.ended;
    stage2.close();
  }
}

async function stage2Pid(stage2: ReturnType<typeof startStage2>, program: Program): Promise<number> {
  let isOver = false;
  void stage2.ended.then(() => {
    isOver = true;
  });
  for (;;) {
    const pid = stage2.pid();
    if (pid !== undefined) return pid;
    const failure = stage2.failure();
    if (failure !== undefined) throw explainFailure(program, failure);
    if (isOver) throw new KnownError('E_RUN', 'cannot make a user namespace: its process ended', { exitCode: 125 });
    await sleep(1);
  }
}

function withFd(fd: number, { uids, gids }: IdMaps): UserNamespace {
  return {
    fd,
    root: { uid: mapId(uids, 0) ?? 0, gid: mapId(gids, 0) ?? 0 },
    ids: { uid: (id) => mapId(uids, id) ?? id, gid: (id) => mapId(gids, id) ?? id },
    [Symbol.dispose]: () => closeSync(fd),
    check({ uid, groups }) {
      const wrong = mapId(uids, uid) === undefined ? uid : groups.find((gid) => mapId(gids, gid) === undefined);
      if (wrong === undefined) return;
      const message = `the id ${wrong} is outside of the ranges of the user namespace`;
      throw new KnownError('E_RUN', message, { exitCode: 125 });
    },
  };
}

const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ inside, outside, size }) => `${inside} ${outside} ${size}\n`).join('');
