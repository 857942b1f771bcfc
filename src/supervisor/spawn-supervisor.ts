import { closeSync, existsSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { makeSocketPair } from '../../store/linux/anonymous-file.js';
import { spawnInSession } from '../../store/linux/spawn.js';
import { endOfChild } from '../run/start/end-of-child.js';

/** V8 without what only long work repays; it makes the garbage collector callable. */
const savingMemory = ['--lite-mode', '--expose-gc', '--v8-pool-size=0', '--single-threaded-gc'];

/** A supervisor that nobody has given a container yet. */
export interface IdleSupervisor {
  /** The connection with it. */
  socket: Socket;
  /** Tells it what it stands by; then it takes requests. */
  attend(root: string, id: string): void;
}

/**
 * Starts a process that will stand by a container and go on when this one ends. It may be started before the container is made:
 * Node takes as long to start as a container takes to be made. Without a container it ends with the connection.
 */
export function spawnSupervisor(): IdleSupervisor {
  const [ours, theirs] = makeSocketPair();
  const nothing = openSync('/dev/null', 'r+');
  try {
    const pid = spawnInSession({
      path: process.execPath,
      argv: ['tspull-supervisor', ...savingMemory, program()],
      descriptors: [nothing, nothing, nothing, theirs],
    });
    // In a program that lives on, somebody has to take note of its end.
    void endOfChild(pid, { keepsAlive: false });
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    for (const fd of [nothing, theirs]) closeSync(fd);
  }
  const socket = new Socket({ fd: ours, readable: true, writable: true });
  return { socket, attend: (root, id) => void socket.write(`${JSON.stringify({ root, id })}\n`) };
}

/** Beside this file, or beside the folder of the bundle that this file is in. */
function program(): string {
  const here = import.meta.dirname;
  const bundled = [join(here, '..', 'supervisor-main.cjs'), join(here, 'supervisor-main.cjs')];
  return bundled.find((path) => existsSync(path)) ?? join(here, 'supervisor-main.js');
}
