/**
 * Where containers of tsrun keep what is not a layer:
 *
 *     <root>/tspull/                  0700
 *       containers/<id>/              0700
 *         record.json                 0600  what the container is and how it ended, see container-record.ts
 *         hostname hosts resolv.conf  0644  mounted into the container
 *         <id>-json.log               0640  what it wrote, see src/supervisor/json-log.ts
 *         control                           the socket of its supervisor
 *       live/<id>                     0600  locked by the process that made the container, for as long as it lives
 *       names/<name>                        a symbolic link whose text is the id: a name has one owner
 */
import { join } from 'node:path';
import { ensureDirectory } from '../../store/fs/exact-mode.js';

export interface ContainerFiles {
  dir: string;
  record: string;
  log: string;
  hostname: string;
  hosts: string;
  resolvConf: string;
  live: string;
}

export function containersDir(root: string): string {
  return join(root, 'tspull', 'containers');
}

export function liveDir(root: string): string {
  return join(root, 'tspull', 'live');
}

export function namesDir(root: string): string {
  return join(root, 'tspull', 'names');
}

export function containerFiles(root: string, id: string): ContainerFiles {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new RangeError(`not a container id: ${id}`);
  // A list asks this for each container, and `join` looks at every character.
  const dir = `${containersDir(root)}/${id}`;
  return {
    dir,
    record: `${dir}/record.json`,
    log: `${dir}/${id}-json.log`,
    hostname: `${dir}/hostname`,
    hosts: `${dir}/hosts`,
    resolvConf: `${dir}/resolv.conf`,
    live: `${liveDir(root)}/${id}`,
  };
}

export function makeContainerFolders(root: string): void {
  for (const dir of [join(root, 'tspull'), containersDir(root), liveDir(root), namesDir(root)])
    ensureDirectory(dir, 0o700);
}
