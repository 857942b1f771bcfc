/**
 * The socket of a container's supervisor, in the container's own folder (0700). The address of a socket may have 107 bytes at
 * most, less than some roots need, so it is reached by way of an open directory.
 */
import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import { O_PATH } from '../../../store/linux/flags.js';
import { containerFiles } from '../container-files.js';

const NAME = 'control';

function within<T>(root: string, id: string, use: (path: string) => T): { result: T; close: () => void } {
  const dir = openSync(containerFiles(root, id).dir, O_PATH | constants.O_DIRECTORY);
  return { result: use(`/proc/self/fd/${dir}/${NAME}`), close: () => closeSync(dir) };
}

/** Listens; what a dead supervisor left in its place is removed. The caller holds the container's lock. */
export function listenForControl(server: Server, root: string, id: string): Promise<void> {
  rmSync(join(containerFiles(root, id).dir, NAME), { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const { close } = within(root, id, (path) =>
      server.listen(path, () => {
        close();
        resolve();
      }),
    );
  });
}

/** Undefined when no supervisor is there. */
export function connectToControl(root: string, id: string): Promise<Socket | undefined> {
  if (!existsSync(containerFiles(root, id).dir)) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const { result: socket, close } = within(root, id, (path) => connect(path));
    const failed = (error: Error): void => {
      close();
      if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET')) resolve(undefined);
      else reject(error);
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      close();
      socket.off('error', failed);
      resolve(socket);
    });
  });
}
